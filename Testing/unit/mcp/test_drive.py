"""Work that is driven step by step."""

import pytest

from AgentBridgeLib.mcp.drive import Drive
from AgentBridgeLib.mcp.work import Progress, Wait


class Recorder:
    """Drives work and notes what comes of it."""

    def __init__(self, work):
        self.steps, self.ends = [], []
        self.drive = Drive(work, self.carry_out, lambda result, error: self.ends.append((result, error)))

    def carry_out(self, step):
        self.steps.append(step)
        self.drive.resume()


def test_steps_that_are_over_at_once_do_not_recurse():
    """house: a tool may tell progress ten thousand times."""

    def work():
        for number in range(10_000):
            yield Wait(lambda wake: wake(None))
            yield Progress(number)
        return {"done": True}

    recorder = Recorder(work())
    recorder.drive.resume()
    assert recorder.ends == [({"done": True}, None)]
    assert len(recorder.steps) == 10_000


def test_what_a_step_waits_for_is_undone_when_the_work_is_closed():
    """house: closing is the cancel, and nothing is left behind."""
    undone, closed = [], []

    def work():
        try:
            yield Wait(lambda wake: lambda: undone.append(True))
        finally:
            closed.append(True)
        return {}

    recorder = Recorder(work())
    recorder.drive.resume()
    recorder.drive.close()
    recorder.drive.close()
    assert (undone, closed, recorder.ends) == ([True], [True], [])


def test_a_wake_that_nobody_waits_for_any_more_does_nothing():
    """house: timers and answers may come late, or twice."""
    wakes = []

    def work():
        first = yield Wait(wakes.append)
        second = yield Wait(wakes.append)
        return {"values": [first, second]}

    recorder = Recorder(work())
    recorder.drive.resume()
    wakes[0]("a")
    wakes[0]("again")
    wakes[1]("b")
    wakes[1]("late")
    assert recorder.ends == [({"values": ["a", "b"]}, None)]


def test_work_that_closes_itself_while_it_runs_is_ended_after_that_step():
    """house: a client may go while a tool of its own is on the stack."""
    recorder = None

    def work():
        recorder.drive.close()
        yield Progress(1)
        return {}

    recorder = Recorder(work())
    recorder.drive.resume()
    assert (recorder.steps, recorder.ends) == ([], [])


def test_what_work_raises_is_its_end():
    """house: no exception leaves a slot."""

    def work():
        yield Progress(0)
        raise ValueError("broken")

    recorder = Recorder(work())
    recorder.drive.resume()
    ((result, error),) = recorder.ends
    assert result is None
    with pytest.raises(ValueError, match="broken"):
        raise error
