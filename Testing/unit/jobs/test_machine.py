"""The life of jobs, without clock, Qt or Slicer."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    BridgeError,
    JobExpiredError,
    JobQueueFullError,
    JobStateConflictError,
    JobUnknownError,
)
from AgentBridgeLib.jobs.machine import Job, JobLimits, JobMachine, Order
from AgentBridgeLib.jobs.states import ENDED, TRANSITIONS, Event, Instruction, State

_ids = itertools.count()


def a_job(state: State = State.QUEUED, lane: str = "main") -> Job:
    return Job(
        id=f"j{next(_ids)}",
        operation="volumes.smooth",
        arguments_digest="d",
        client="c",
        lane=lane,
        state=state,
        created_at=0.0,
    )


@pytest.fixture
def machine():
    made = JobMachine(JobLimits(queued=3, kept=2))
    yield made
    made.validate()


def test_first_job_starts_at_once_and_second_waits_for_its_end(machine):
    """issue:#2"""
    first, second = a_job(), a_job()
    assert machine.submit(first, 0.0) == [Order(Instruction.START_WORK, first.id)]
    assert machine.submit(second, 0.0) == []
    orders = machine.handle(first.id, Event.FINISHED, 1.0)
    assert orders == [Order(Instruction.STORE_RESULT, first.id), Order(Instruction.START_WORK, second.id)]
    assert (first.state, second.state) == (State.SUCCEEDED, State.RUNNING)


def test_processes_run_beside_the_main_lane_up_to_four(machine):
    """issue:#2"""
    machine.submit(a_job(), 0.0)
    sides = [a_job(lane="side") for _ in range(5)]
    for job in sides:
        machine.submit(job, 0.0)
    assert [job.state for job in sides] == [State.RUNNING] * 4 + [State.QUEUED]


def test_cancel_of_a_running_job_is_said_only_when_it_has_stopped(machine):
    """http: section 3"""
    job = a_job()
    machine.submit(job, 0.0)
    assert machine.handle(job.id, Event.CANCEL_REQUESTED, 1.0) == [
        Order(Instruction.ASK_WORK_TO_STOP, job.id)
    ]
    assert job.state is State.RUNNING
    assert machine.handle(job.id, Event.STOPPED, 2.0) == [Order(Instruction.ROLL_BACK, job.id)]
    assert job.state is State.CANCELED


def test_cancel_that_came_too_late_is_told_with_the_success(machine):
    """house: honest cancellation"""
    job = a_job()
    machine.submit(job, 0.0)
    machine.handle(job.id, Event.CANCEL_REQUESTED, 1.0)
    machine.handle(job.id, Event.FINISHED, 2.0)
    assert job.state is State.SUCCEEDED
    assert job.is_cancel_requested


def test_cancel_of_a_finished_job_is_refused_and_changes_nothing(machine):
    """house"""
    job = a_job()
    machine.submit(job, 0.0)
    machine.handle(job.id, Event.FINISHED, 1.0)
    with pytest.raises(JobStateConflictError, match="already succeeded"):
        machine.handle(job.id, Event.CANCEL_REQUESTED, 2.0)
    assert job.state is State.SUCCEEDED


def test_one_job_too_many_is_refused_and_not_kept(machine):
    """house: capacity"""
    for _ in range(4):
        machine.submit(a_job(), 0.0)
    surplus = a_job()
    with pytest.raises(JobQueueFullError) as caught:
        machine.submit(surplus, 0.0)
    assert caught.value.retry_after_s is not None
    with pytest.raises(JobUnknownError):
        machine.get(surplus.id)


def test_approval_has_a_deadline_and_an_expired_one_fails_with_its_own_code(machine):
    """http: section 4"""
    job = a_job(State.AWAITING_APPROVAL)
    machine.submit(job, 10.0)
    assert machine.overdue_approvals(309.9) == []
    assert machine.overdue_approvals(310.0) == [job.id]
    machine.handle(job.id, Event.EXPIRED, 310.0)
    assert job.error is not None
    assert job.error.code == "policy.approval_expired"


def test_approved_job_starts_and_denied_one_fails_without_running(machine):
    """http: section 4"""
    approved, denied = a_job(State.AWAITING_APPROVAL), a_job(State.AWAITING_APPROVAL)
    machine.submit(approved, 0.0)
    machine.submit(denied, 0.0)
    assert machine.handle(denied.id, Event.DENIED, 1.0) == [Order(Instruction.STORE_ERROR, denied.id)]
    assert denied.error is not None
    assert denied.error.code == "policy.approval_denied"
    assert machine.handle(approved.id, Event.APPROVED, 1.0) == [Order(Instruction.START_WORK, approved.id)]


def test_failed_job_keeps_its_error_and_is_rolled_back(machine):
    """house"""
    job = a_job()
    machine.submit(job, 0.0)
    error = ArgumentInvalidError("sigma_mm is 0; it must be positive.")
    orders = machine.handle(job.id, Event.RAISED, 1.0, error)
    assert orders[0] == Order(Instruction.ROLL_BACK, job.id)
    assert job.error is error


def test_job_that_waits_for_the_person_frees_its_lane(machine):
    """http: section 3"""
    waiting, following = a_job(), a_job()
    machine.submit(waiting, 0.0)
    machine.submit(following, 0.0)
    machine.handle(waiting.id, Event.USER_NEEDED, 1.0)
    assert following.state is State.RUNNING
    assert machine.handle(waiting.id, Event.USER_DONE, 2.0) == [Order(Instruction.RESUME_WORK, waiting.id)]


def test_old_jobs_are_forgotten_and_remembered_as_expired(machine):
    """http: section 3, 410 after retention"""
    jobs = [a_job() for _ in range(4)]
    orders = []
    for job in jobs:
        orders += machine.submit(job, 0.0)
        orders += machine.handle(job.id, Event.FINISHED, 0.0)
    assert Order(Instruction.FORGET, jobs[0].id) in orders
    with pytest.raises(JobExpiredError):
        machine.get(jobs[0].id)


def test_the_newest_ended_jobs_are_kept_and_so_is_every_one_that_has_not_ended(machine):
    """http: section 3, the last jobs are kept"""
    jobs = [a_job() for _ in range(3)]
    for job in jobs:
        machine.submit(job, 0.0)
        machine.handle(job.id, Event.FINISHED, 0.0)
    running = a_job()
    machine.submit(running, 0.0)
    assert list(machine) == [*jobs[1:], running]


def test_ended_job_is_kept_for_a_day_and_not_longer():
    """http: section 3, 500 jobs or 24 h"""
    machine, day = JobMachine(), 24 * 3600.0
    old = a_job()
    machine.submit(old, 0.0)
    machine.handle(old.id, Event.FINISHED, 10.0)
    machine.submit(a_job(), 10.0 + day)
    assert machine.get(old.id) is old
    machine.submit(a_job(), 10.1 + day)
    with pytest.raises(JobExpiredError):
        machine.get(old.id)


def test_500_ended_jobs_are_kept():
    """http: section 3, 500 jobs or 24 h"""
    machine = JobMachine()
    for _ in range(502):
        job = a_job()
        machine.submit(job, 0.0)
        machine.handle(job.id, Event.FINISHED, 0.0)
    machine.submit(a_job(), 0.0)
    assert sum(job.has_ended for job in machine) == 500


def test_job_tells_when_it_started_when_it_ended_and_that_it_is_complete(machine):
    """http: section 3"""
    first, second = a_job(), a_job()
    machine.submit(first, 1.0)
    machine.submit(second, 1.0)
    assert (second.started_at, second.finished_at) == (None, None)
    machine.handle(first.id, Event.USER_NEEDED, 2.0)
    machine.handle(first.id, Event.USER_DONE, 3.0)
    machine.handle(first.id, Event.FINISHED, 4.0)
    assert (first.started_at, first.finished_at, first.fraction) == (1.0, 4.0, 1.0)
    assert second.started_at == 2.0


def test_every_change_of_a_job_gives_it_a_new_version(machine):
    """house: who waits for a change is woken by its version"""
    job = a_job()
    versions = [job.version]
    machine.submit(job, 0.0)
    versions.append(job.version)
    machine.progress(job.id, 0.5, "half")
    versions.append(job.version)
    machine.handle(job.id, Event.FINISHED, 1.0)
    versions.append(job.version)
    assert versions == sorted(set(versions))


def test_progress_never_goes_backwards(machine):
    """house"""
    job = a_job()
    machine.submit(job, 0.0)
    for fraction in (0.5, 0.3, None, 7.0):
        machine.progress(job.id, fraction, "")
    assert job.fraction == 1.0


def test_event_that_cannot_have_happened_tells_the_story(machine):
    """house"""
    job = a_job(State.AWAITING_APPROVAL)
    machine.submit(job, 0.0)
    with pytest.raises(RuntimeError, match="awaiting_approval > finished"):
        machine.handle(job.id, Event.FINISHED, 1.0)


def test_every_state_but_the_ends_can_be_left_and_every_end_is_reached():
    """house: the table is complete"""
    left = {state for state, _ in TRANSITIONS}
    reached = {state for state, _ in TRANSITIONS.values()}
    assert left == set(State) - ENDED
    assert reached >= ENDED


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(sorted(set(Event) - {Event.SLOT_FREE}))), max_size=60
    ),
    st.integers(0, 2),
)
@settings(max_examples=300, deadline=None)
def test_no_order_of_events_breaks_the_invariants(steps, asked):
    """house: any story leaves lanes, errors and times consistent"""
    machine = JobMachine(JobLimits(queued=10, kept=3))
    jobs = [
        a_job(State.AWAITING_APPROVAL if number < asked else State.QUEUED, "main" if number % 2 else "side")
        for number in range(6)
    ]
    for job in jobs:
        machine.submit(job, 0.0)
    for now, (number, event) in enumerate(steps):
        before = jobs[number].state
        error = ArgumentInvalidError("wrong") if event is Event.RAISED else None
        try:
            machine.handle(jobs[number].id, event, float(now), error)
        except (BridgeError, RuntimeError):
            assert jobs[number].state is before
        machine.validate()
