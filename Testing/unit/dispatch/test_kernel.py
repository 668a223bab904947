"""Every call takes the same way: validate, decide, run or enqueue, cover, audit, answer."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from AgentBridgeLib.dispatch.call import Accepted, Done, Failed, NotModified
from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.dispatch.encoding import encode
from AgentBridgeLib.errors import ArgumentInvalidError, JobExpiredError, JobStateConflictError
from AgentBridgeLib.model.base import Arguments, SceneResult
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import NodeId, WritePath
from AgentBridgeLib.policy.identifiers import Redactor
from AgentBridgeLib.registry.operation import operation
from doubles.memory_host import Desk


class OneNode(Arguments):
    node_id: NodeId = Field(description="A node.")


class Seen(SceneResult):
    name: str = ""
    runs: int = 0


class Target(Arguments):
    path: WritePath = Field(description="Where to.")


class Nothing(Arguments):
    pass


@pytest.fixture
def desk(tmp_path):
    made = Desk(str(tmp_path))
    made.runs = []
    made.armed = []

    @operation(name="nodes.look", capability="scene.read", read_only=True, revision_scope="node")
    def look(context: Any, arguments: OneNode) -> Seen:
        """Look at a node."""
        made.runs.append("look")
        return Seen(name=made.scene.nodes[arguments.node_id].name, runs=len(made.runs))

    @operation(name="nodes.change", capability="scene.edit")
    def change(context: Any, arguments: OneNode) -> Seen:
        """Change a node."""
        made.runs.append("change")
        made.scene.touch(arguments.node_id)
        return Seen(runs=len(made.runs))

    @operation(name="nodes.remove", capability="scene.delete", destructive=True)
    def remove(context: Any, arguments: OneNode) -> Seen:
        """Remove a node."""
        made.scene.forget_node(made.scene.nodes[arguments.node_id])
        return Seen()

    @operation(name="files.put", capability="files.write")
    def put(context: Any, arguments: Target) -> Seen:
        """Write a file."""
        return Seen(name=arguments.path)

    @operation(name="nodes.half", capability="scene.edit")
    def half(context: Any, arguments: Nothing) -> Seen:
        """Add a node, and fail."""
        made.scene.add("half")
        raise SystemExit(3)

    @operation(name="nodes.nest", capability="scene.edit")
    def nest(context: Any, arguments: OneNode) -> Seen:
        """Let another call arrive while this one is on the stack."""
        made.nested = made.start("nodes.change", {"node_id": "a"}, wait_s=5.0)
        made.runs.append("nest")
        return Seen()

    @operation(name="work.steps", capability="scene.edit", execution="steps", long=True)
    def steps(context: Any, arguments: Nothing) -> Generator[Any, None, Seen]:
        """Work in steps."""
        made.scene.add("result")
        for number in range(10):
            yield Progress(number / 10, f"step {number}")
            made.loop.time += 0.004
        return Seen(runs=10)

    @operation(name="work.wait", capability="scene.edit", execution="process", long=True)
    def wait(context: Any, arguments: Nothing) -> Generator[Any, None, Seen]:
        """Wait for something."""
        made.scene.add("waiting")
        try:
            yield Suspend(made.armed.append)
        finally:
            made.runs.append("left")
        return Seen(runs=1)

    made.catalog.add([look, change, remove, put, half, nest, steps, wait])
    made.scene.add("a", "brain")
    yield made
    made.jobs.machine.validate()


def said(outcome):
    assert isinstance(outcome, Done), outcome
    return json.loads(outcome.payload)


def test_answer_carries_the_revision_it_holds_for(desk):
    """http: section 1"""
    assert said(desk.call("nodes.look", {"node_id": "a"}))["scene_revision"] == desk.scene.revision


def test_unchanged_node_is_not_read_again(desk):
    """http: 304 without touching VTK"""
    first = desk.call("nodes.look", {"node_id": "a"})
    again = desk.call("nodes.look", {"node_id": "a"}, if_none_match=first.etag)
    assert isinstance(again, NotModified)
    assert desk.runs == ["look"]
    desk.scene.touch("a")
    assert isinstance(desk.call("nodes.look", {"node_id": "a"}, if_none_match=first.etag), Done)


def test_change_of_another_node_leaves_the_tag_of_this_one(desk):
    """http: caching"""
    first = desk.call("nodes.look", {"node_id": "a"})
    desk.scene.add("b")
    assert isinstance(desk.call("nodes.look", {"node_id": "a"}, if_none_match=first.etag), NotModified)


def test_change_with_an_old_tag_is_refused_and_not_done(desk):
    """http: If-Match"""
    tag = desk.call("nodes.look", {"node_id": "a"}).etag
    assert isinstance(desk.call("nodes.change", {"node_id": "a"}, if_match=tag), Done)
    refused = desk.call("nodes.change", {"node_id": "a"}, if_match=tag)
    assert refused.error.code == "scene.revision_conflict"
    assert desk.runs.count("change") == 1


@pytest.mark.parametrize("tag", ['"x"', "nonsense", '"0-s-1-00"', "W/"])
def test_foreign_tag_never_matches(desk, tag):
    """http: If-Match"""
    assert desk.call("nodes.change", {"node_id": "a"}, if_match=tag).error.code == "scene.revision_conflict"


def test_wrong_argument_is_named_with_its_pointer(desk):
    """http: 422"""
    failed = desk.call("nodes.look", {"node": "a"})
    assert failed.error.code == "argument.invalid"
    assert {entry.pointer for entry in failed.error.errors} == {"/node_id", "/node"}


def test_wrong_type_is_not_converted_in_json(desk):
    """house"""
    assert desk.call("nodes.look", {"node_id": 5}).error.code == "argument.invalid"


def test_path_outside_is_refused_before_the_operation(desk):
    """http: section 4"""
    desk.set("capabilities/files.write", "allow")
    assert desk.call("files.put", {"path": "/etc/x"}).error.code == "policy.path_outside_roots"
    inside = str(Path(desk.folder) / "x" / ".." / "y.nrrd")
    assert said(desk.call("files.put", {"path": inside}))["name"] == str(
        Path(desk.folder).resolve() / "y.nrrd"
    )


def test_failed_change_leaves_no_half_made_node_and_hides_its_text(desk, caplog):
    """house: SystemExit included"""
    failed = desk.call("nodes.half")
    assert failed.error.code == "internal"
    assert failed.error.facts["incident"] in caplog.text
    assert "half" not in desk.scene.nodes


def test_identifier_in_a_result_or_an_error_does_not_leave(desk):
    """http: section 4"""
    desk.scene.identifying = {"DOE^JANE": "PatientName"}
    desk.scene.nodes["a"].name = "DOE JANE T1"
    assert "DOE" not in str(said(desk.call("nodes.look", {"node_id": "a"})))
    assert "DOE" not in desk.call("nodes.DOE JANE").error.message


def test_number_in_a_file_of_json_that_is_also_somebodys_id_stays_a_number():
    """house: else it is no JSON"""
    content = Content(media_type="application/json", parts=[b'{"position": [4711, 2], "label": "of 4711"}'])
    covered = encode(content, 1, Redactor("hide", {"4711": "PatientID"}, b"k"))
    assert json.loads(covered.parts[0]) == {"position": [4711, 2], "label": "of [hidden]"}


def test_second_call_waits_for_the_first_and_is_not_nested(desk):
    """architecture: everything on one thread"""
    said(desk.call("nodes.nest", {"node_id": "a"}))
    assert desk.runs == ["nest"]
    desk.loop.settle()
    assert desk.runs == ["nest", "change"]
    assert isinstance(desk.nested[0], Done)


def test_call_that_waited_too_long_is_refused_and_never_runs(desk):
    """http: 503 and not executed"""
    with desk.turn.hold("a dialog"):
        answers = desk.start("nodes.change", {"node_id": "a"}, wait_s=2.0)
        desk.loop.advance(2.5)
    assert answers[0].error.code == "scene.busy"
    assert "a dialog" in answers[0].error.message
    desk.loop.settle()
    assert desk.runs == []


def test_stopped_bridge_refuses_until_resumed(desk):
    """http: Stop all"""
    desk.safety.stop()
    assert desk.call("nodes.look", {"node_id": "a"}).error.code == "policy.stopped"
    desk.safety.resume()
    assert isinstance(desk.call("nodes.look", {"node_id": "a"}), Done)


def test_policy_is_read_anew_for_each_call(desk):
    """issue:#2"""
    assert isinstance(desk.call("nodes.change", {"node_id": "a"}), Done)
    desk.set("capabilities/scene.edit", "deny")
    assert desk.call("nodes.change", {"node_id": "a"}).error.code == "policy.capability_disabled"


def test_audit_tells_decision_and_outcome_but_no_arguments(desk):
    """http: section 2"""
    desk.call("nodes.look", {"node_id": "a"})
    desk.call("nodes.remove", {"node_id": "a"})
    desk.call("no.such")
    assert desk.outcomes() == [
        ("allow", "succeeded"),
        ("deny", "policy.capability_disabled"),
        ("refused", "operation.unknown"),
    ]


def test_long_work_is_a_job_with_progress_and_result(desk):
    """http: section 3"""
    accepted = desk.call("work.steps")
    assert isinstance(accepted, Accepted)
    assert accepted.job.state == "running"
    desk.loop.advance(0.02)
    assert 0 < desk.jobs.machine.get(accepted.job.id).fraction < 1
    desk.loop.settle()
    assert said(desk.jobs.result(accepted.job.id))["runs"] == 10
    assert "result" in desk.scene.nodes


def test_result_goes_after_a_day_also_when_no_other_job_comes(desk):
    """http: section 3, 410 after retention; large ones are files with data of patients"""
    job_id = desk.call("work.steps").job.id
    desk.loop.settle()
    desk.loop.advance(23 * 3600.0)
    assert said(desk.jobs.result(job_id))["runs"] == 10
    desk.loop.advance(2 * 3600.0)
    with pytest.raises(JobExpiredError):
        desk.jobs.result(job_id)
    with pytest.raises(JobExpiredError):
        desk.results.get(job_id)


def test_client_that_waits_gets_the_result_itself(desk):
    """http: Prefer: wait"""
    answers = desk.start("work.steps", wait_s=5.0)
    assert answers == []
    desk.loop.settle()
    assert said(answers[0])["runs"] == 10


def test_canceled_job_leaves_no_half_made_node(desk):
    """http: section 3"""
    job_id = desk.call("work.steps").job.id
    desk.loop.advance(0.02)
    assert "result" in desk.scene.nodes
    assert desk.jobs.cancel(job_id).state == "running"
    desk.loop.settle()
    assert desk.jobs.machine.get(job_id).state == "canceled"
    assert "result" not in desk.scene.nodes


def test_work_that_is_done_cannot_be_canceled_any_more(desk):
    """http: section 3; canceled would say that nothing happened"""

    @operation(name="nodes.slow", capability="scene.edit")
    def slow(context: Any, arguments: OneNode) -> Seen:
        """Change a node, which takes its time."""
        desk.runs.append("slow")
        desk.loop.time += 1.0
        return Seen()

    desk.catalog.add([slow])
    job_id = desk.call("nodes.slow", {"node_id": "a"}, respond_async=True).job.id
    desk.loop.advance()
    assert desk.runs == ["slow"]
    with pytest.raises(JobStateConflictError):
        desk.jobs.cancel(job_id)
    desk.loop.settle()
    assert desk.jobs.machine.get(job_id).state == "succeeded"


def test_suspended_job_costs_no_steps_and_goes_on_when_told(desk):
    """house"""
    job_id = desk.call("work.wait").job.id
    desk.loop.settle()
    assert desk.jobs.machine.get(job_id).state == "running"
    desk.armed[0]()
    desk.loop.settle()
    assert desk.jobs.machine.get(job_id).state == "succeeded"


def test_suspended_job_can_be_canceled_and_cleans_up(desk):
    """house"""
    job_id = desk.call("work.wait").job.id
    desk.loop.settle()
    desk.jobs.cancel(job_id)
    desk.loop.settle()
    assert desk.jobs.machine.get(job_id).state == "canceled"
    assert desk.runs == ["left"]
    desk.armed[0]()
    desk.loop.settle()


def test_ask_parks_the_call_until_the_person_approves_this_very_call(desk):
    """http: section 4"""
    desk.dispatcher.desk.attend(lambda: None)
    parked = desk.call("nodes.remove", {"node_id": "a"})
    assert parked.job.state == "awaiting_approval"
    request = desk.dispatcher.desk.waiting[0]
    assert request.nodes == ["brain (a)"]
    with pytest.raises(JobStateConflictError):
        desk.dispatcher.desk.decide(parked.job.id, "another digest", approve=True)
    desk.loop.settle()
    assert "a" in desk.scene.nodes
    desk.dispatcher.desk.decide(parked.job.id, request.arguments_digest, approve=True)
    desk.loop.settle()
    assert "a" not in desk.scene.nodes


def test_denied_request_changes_nothing_and_says_so(desk):
    """http: section 4"""
    desk.dispatcher.desk.attend(lambda: None)
    parked = desk.call("nodes.remove", {"node_id": "a"})
    request = desk.dispatcher.desk.waiting[0]
    desk.dispatcher.desk.decide(parked.job.id, request.arguments_digest, approve=False)
    desk.loop.settle()
    assert "a" in desk.scene.nodes
    assert desk.jobs.machine.get(parked.job.id).error.code == "policy.approval_denied"


def test_unanswered_request_expires_and_leaves_the_desk(desk):
    """http: section 4, five minutes"""
    desk.dispatcher.desk.attend(lambda: None)
    parked = desk.call("nodes.remove", {"node_id": "a"})
    desk.loop.advance(301)
    assert desk.jobs.machine.get(parked.job.id).error.code == "policy.approval_expired"
    assert desk.dispatcher.desk.waiting == ()
    assert "a" in desk.scene.nodes


def test_approval_for_the_session_holds_for_this_client_and_operation_only(desk):
    """http: section 4"""
    desk.dispatcher.desk.attend(lambda: None)
    desk.scene.add("b")
    desk.scene.add("c")
    desk.call("nodes.remove", {"node_id": "a"})
    request = desk.dispatcher.desk.waiting[0]
    desk.dispatcher.desk.decide(request.job_id, request.arguments_digest, approve=True, for_session=True)
    desk.loop.settle()
    assert isinstance(desk.call("nodes.remove", {"node_id": "b"}), Done)
    other = desk.start("nodes.remove", {"node_id": "c"}, client="another")[0]
    assert other.job.state == "awaiting_approval"


def test_capability_denied_while_waiting_wins_over_the_approval(desk):
    """house: the person's last word counts"""
    desk.dispatcher.desk.attend(lambda: None)
    parked = desk.call("nodes.remove", {"node_id": "a"})
    request = desk.dispatcher.desk.waiting[0]
    desk.set("capabilities/scene.delete", "deny")
    desk.dispatcher.desk.decide(parked.job.id, request.arguments_digest, approve=True)
    desk.loop.settle()
    assert desk.jobs.machine.get(parked.job.id).error.code == "policy.capability_disabled"
    assert "a" in desk.scene.nodes


def test_same_key_and_call_run_once_and_answer_twice(desk):
    """http: Idempotency-Key"""
    first = desk.call("nodes.change", {"node_id": "a"}, idempotency_key="k")
    again = desk.call("nodes.change", {"node_id": "a"}, idempotency_key="k")
    assert first == again
    assert desk.runs == ["change"]


def test_same_key_for_another_call_is_a_conflict(desk):
    """http: Idempotency-Key"""
    desk.scene.add("b")
    desk.call("nodes.change", {"node_id": "a"}, idempotency_key="k")
    other = desk.call("nodes.change", {"node_id": "b"}, idempotency_key="k")
    assert other.error.code == "request.idempotency_conflict"
    assert desk.runs == ["change"]


def test_failure_does_not_use_up_the_key(desk):
    """house: nothing happened, so trying again is right"""
    tag = desk.call("nodes.look", {"node_id": "a"}).etag
    desk.scene.touch("a")
    assert isinstance(desk.call("nodes.change", {"node_id": "a"}, idempotency_key="k", if_match=tag), Failed)
    assert isinstance(desk.call("nodes.change", {"node_id": "a"}, idempotency_key="k"), Done)


def test_events_are_numbered_and_a_gap_is_told(desk):
    """http: Last-Event-ID"""
    for _ in range(3):
        desk.events.publish("x", {})
    events, has_gap = desk.events.since(1)
    assert [event.number for event in events] == [2, 3]
    assert not has_gap
    assert desk.events.since(99)[1]


def test_broken_answer_callback_is_answered_once(desk):
    """architecture: a request is answered exactly once"""
    calls = []

    def answer(outcome):
        calls.append(outcome)
        raise ArgumentInvalidError("the client is gone")

    from AgentBridgeLib.dispatch.call import Call
    from AgentBridgeLib.dispatch.context import Caller

    desk.dispatcher.call(Call("nodes.look", {"node_id": "a"}, Caller("c", "r", "listener")), answer)
    assert len(calls) == 1
