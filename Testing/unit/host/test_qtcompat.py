"""The one wrapper around everything that Qt calls."""

import pytest

from AgentBridgeLib.host.qtcompat import attempt, guarded, report_incident, run_guarded

EVERYTHING = [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit]


@pytest.mark.parametrize("kind", EVERYTHING)
def test_nothing_leaves_a_slot_and_the_log_has_it(kind, caplog):
    """slicer: `SystemExit` in a slot ends Slicer, any exception fails --testing runs."""

    def fail():
        raise kind("why")

    guarded(fail)("an argument", "of the signal")
    run_guarded(fail)

    assert caplog.text.count(kind.__name__) >= 2
    assert "fail" in caplog.text
    assert "incident" in caplog.text


def test_a_slot_ignores_the_arguments_of_its_signal():
    """slicer: PythonQt passes all of them to a variadic slot, PySide6 none."""
    calls = []
    slot = guarded(lambda: calls.append(1))

    slot()
    slot(3, object())

    assert calls == [1, 1]


@pytest.mark.parametrize("kind", EVERYTHING)
def test_an_attempt_gives_the_result_or_what_stands_in_for_it(kind):
    """house: one place for broad excepts."""

    def fail():
        raise kind

    assert attempt(lambda: 1, lambda _: 2) == 1
    assert isinstance(attempt(fail, lambda error: error), kind)


def test_every_incident_has_its_own_name(caplog):
    """http: an incident id that the Slicer log has too."""
    names = {report_incident("a place", ValueError("why")) for _ in range(20)}

    assert len(names) == 20
    assert all(name in caplog.text for name in names)
    assert "a place" in caplog.text
