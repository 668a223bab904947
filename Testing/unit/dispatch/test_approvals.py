"""Races at the approval desk, the guard for patients, and leases."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from pydantic import Field

from AgentBridgeLib.dispatch.call import Accepted, Done, Failed
from AgentBridgeLib.dispatch.log_cover import LogCover
from AgentBridgeLib.errors import JobStateConflictError
from AgentBridgeLib.host.ports.scene import Patient
from AgentBridgeLib.model.base import Arguments, SceneResult
from AgentBridgeLib.model.fields import NodeId
from AgentBridgeLib.policy.identifiers import Redactor
from AgentBridgeLib.registry.operation import operation
from doubles.memory_host import Desk


class Two(Arguments):
    node_id: NodeId = Field(description="A node.")
    other_id: NodeId | None = Field(default=None, description="Another.")
    is_remote: bool = Field(default=False, description="Whether it reaches a remote node.")

    def also_requires(self) -> tuple[str, ...]:
        return ("network",) if self.is_remote else ()


@pytest.fixture
def desk(tmp_path):
    made = Desk(str(tmp_path))
    made.runs = []

    @operation(name="nodes.remove", capability="scene.delete", destructive=True)
    def remove(context: Any, arguments: Two) -> SceneResult:
        """Remove a node."""
        made.runs.append(arguments.node_id)
        made.scene.forget_node(made.scene.nodes[arguments.node_id])
        return SceneResult()

    @operation(name="nodes.combine", capability="scene.edit")
    def combine(context: Any, arguments: Two) -> SceneResult:
        """Combine two nodes."""
        made.runs.append((arguments.node_id, arguments.other_id))
        return SceneResult()

    made.catalog.add([remove, combine])
    for name in "abc":
        made.scene.add(name, f"node {name}")
    made.dispatcher.desk.attend(lambda: None)
    yield made
    made.jobs.machine.validate()


def ask(desk, operation_name="nodes.remove", node="a", client="tests", **more):
    answers = desk.start(operation_name, {"node_id": node, **more}, client=client, respond_async=True)
    assert isinstance(answers[0], Accepted), answers
    return answers[0].job.id


def decide(desk, job_id, **how):
    request = next(entry for entry in desk.dispatcher.desk.waiting if entry.job_id == job_id)
    desk.dispatcher.desk.decide(job_id, request.arguments_digest, **how)
    desk.loop.settle()


def state(desk, job_id):
    return str(desk.jobs.machine.get(job_id).state)


def test_decision_after_the_deadline_counts_for_nothing_even_before_the_timer_came(desk):
    """issue:#4: expiry while deciding"""
    job = ask(desk)
    desk.loop.time += 301  # the clock moved on while Slicer was busy: no timer has fired yet
    with pytest.raises(JobStateConflictError, match="expired"):
        decide(desk, job, approve=True)
    desk.loop.settle()
    assert state(desk, job) == "failed"
    assert desk.dispatcher.desk.waiting == ()
    assert desk.runs == []


def test_two_requests_are_decided_each_for_itself(desk):
    """issue:#4: two approvals"""
    first, second = ask(desk, node="a"), ask(desk, node="b")
    decide(desk, second, approve=True)
    assert desk.runs == ["b"]
    assert state(desk, first) == "awaiting_approval"
    decide(desk, first, approve=False)
    assert state(desk, first) == "failed"
    with pytest.raises(StopIteration):
        decide(desk, first, approve=True)


def test_one_request_cannot_be_approved_with_the_digest_of_another(desk):
    """http: section 4: bound to the digest of that exact call"""
    first, _second = ask(desk, node="a"), ask(desk, node="b")
    digest = desk.dispatcher.desk.waiting[1].arguments_digest
    with pytest.raises(JobStateConflictError):
        desk.dispatcher.desk.decide(first, digest, approve=True)
    assert desk.runs == []


def test_node_that_was_deleted_meanwhile_fails_the_call_and_nothing_else_is_touched(desk):
    """issue:#4"""
    job = ask(desk)
    desk.scene.forget_node(desk.scene.nodes["a"])
    decide(desk, job, approve=True)
    assert state(desk, job) == "failed"
    assert desk.runs == []


def test_id_that_went_to_another_node_meanwhile_is_not_what_was_approved(desk):
    """issue:#4: MRML gives ids again"""
    job = ask(desk)
    desk.scene.forget_node(desk.scene.nodes["a"])
    desk.scene.add("a", "somebody else's scan")
    decide(desk, job, approve=True)
    assert desk.jobs.machine.get(job).error.code == "scene.revision_conflict"
    assert "a" in desk.scene.nodes


def test_client_that_has_gone_loses_nothing(desk):
    """issue:#4: the job outlives the connection, whoever asks for its result gets it"""
    answers = desk.start("nodes.remove", {"node_id": "a"}, wait_s=60.0)
    assert answers == []  # the client waits, and hangs up
    job = desk.dispatcher.desk.waiting[0].job_id
    decide(desk, job, approve=True)
    assert isinstance(desk.jobs.result(job), Done)


def test_lease_holds_for_one_client_and_one_operation_until_it_is_withdrawn(desk):
    """issue:#4"""
    decide(desk, ask(desk, node="a"), approve=True, for_session=True)
    assert desk.dispatcher.desk.leases == (("tests", "nodes.remove"),)
    assert isinstance(desk.call("nodes.remove", {"node_id": "b"}), Done)
    assert isinstance(desk.start("nodes.remove", {"node_id": "c"}, client="another")[0], Accepted)
    desk.dispatcher.desk.end_lease("tests", "nodes.remove")
    assert isinstance(desk.start("nodes.remove", {"node_id": "c"})[0], Accepted)


def test_lease_does_not_cover_a_capability_that_it_was_not_asked_for(desk):
    """house: approving a local call for the session must not open the network"""
    decide(desk, ask(desk, node="a"), approve=True, for_session=True)
    job = ask(desk, node="b", is_remote=True)
    assert list(desk.dispatcher.desk.waiting[0].asking) == ["scene.delete", "network"]
    decide(desk, job, approve=True, for_session=True)
    assert isinstance(desk.call("nodes.remove", {"node_id": "c", "is_remote": True}), Done)


def test_capability_that_the_arguments_add_can_be_denied_while_the_call_waits(desk):
    """house: the person's last word counts for each capability"""
    job = ask(desk, is_remote=True)
    desk.set("capabilities/network", "deny")
    decide(desk, job, approve=True)
    assert desk.jobs.machine.get(job).error.code == "policy.capability_disabled"
    assert desk.runs == []


class TestPatients:
    @pytest.fixture(autouse=True)
    def _patients(self, desk):
        desk.scene.patients = {"a": Patient("1", "Doe"), "b": Patient("2", "Roe"), "c": Patient("1", "Doe")}

    def test_call_that_combines_two_patients_is_asked_about_although_it_is_allowed(self, desk):
        """issue:#4: wrong-patient guard"""
        ask(desk, "nodes.combine", "a", other_id="b")
        request = desk.dispatcher.desk.waiting[0]
        assert "2 different patients" in request.warning
        assert sorted(request.patients) == ["Doe", "Roe"]
        assert desk.runs == []

    def test_one_patient_is_no_question(self, desk):
        """issue:#4"""
        assert isinstance(desk.call("nodes.combine", {"node_id": "a", "other_id": "c"}), Done)

    def test_approval_of_a_mix_holds_once_even_when_asked_for_the_session(self, desk):
        """issue:#4"""
        decide(desk, ask(desk, "nodes.combine", "a", other_id="b"), approve=True, for_session=True)
        assert desk.runs == [("a", "b")]
        assert desk.dispatcher.desk.leases == ()
        ask(desk, "nodes.combine", "a", other_id="b")

    def test_lease_of_the_operation_does_not_cover_a_mix(self, desk):
        """issue:#4"""
        desk.set("capabilities/scene.edit", "ask")
        decide(desk, ask(desk, "nodes.combine", "a", other_id="c"), approve=True, for_session=True)
        assert isinstance(desk.call("nodes.combine", {"node_id": "a", "other_id": "c"}), Done)
        ask(desk, "nodes.combine", "a", other_id="b")

    def test_nobody_to_ask_means_no(self, desk):
        """issue:#4: headless"""
        desk.dispatcher.desk._attendants.clear()
        failed = desk.call("nodes.combine", {"node_id": "a", "other_id": "b"})
        assert isinstance(failed, Failed)
        assert failed.error.code == "policy.capability_disabled"

    def test_guard_can_be_switched_off_by_the_person(self, desk):
        """issue:#4"""
        desk.set("guard_patients", "false")
        assert isinstance(desk.call("nodes.combine", {"node_id": "a", "other_id": "b"}), Done)

    def test_node_that_went_to_another_patient_meanwhile_is_not_what_was_approved(self, desk):
        """issue:#4: whose data it is was seen, too"""
        job = ask(desk)
        desk.scene.patients["a"] = Patient("2", "Roe")
        decide(desk, job, approve=True)
        assert desk.jobs.machine.get(job).error.code == "scene.revision_conflict"
        assert desk.runs == []

    def test_call_that_has_become_a_mix_while_it_waited_does_nothing(self, desk):
        """issue:#4: the guard looks again when the turn of a call comes"""
        (answer,) = desk.start("nodes.combine", {"node_id": "a", "other_id": "c"}, respond_async=True)
        desk.scene.patients["c"] = Patient("2", "Roe")
        desk.loop.settle()
        assert desk.jobs.machine.get(answer.job.id).error.code == "scene.revision_conflict"
        assert desk.runs == []


def test_code_is_approved_piece_by_piece(desk):
    """issue:#4: what runs tomorrow was seen by nobody today"""

    @operation(name="python.run", capability="python.execute")
    def run(context: Any, arguments: Two) -> SceneResult:
        """Run code."""
        return SceneResult()

    desk.catalog.add([run])
    desk.set("capabilities/python.execute", "ask")
    decide(desk, ask(desk, "python.run"), approve=True, for_session=True)
    assert desk.dispatcher.desk.leases == ()


def test_log_of_the_bridge_hides_identifiers_in_messages_and_tracebacks(caplog):
    """issue:#4"""
    cover = LogCover(lambda: Redactor("hide", {"DOE^JANE": "PatientName"}, b"k"))
    cover.install()
    try:
        logging.getLogger("AgentBridge").error(
            "in %s", "Jane Doe", exc_info=ValueError("no file /data/DOE_JANE/1.dcm")
        )
    finally:
        cover.remove()
    assert "in [hidden]" in caplog.text
    assert "ValueError" in caplog.text
    assert "DOE" not in caplog.text


def test_journal_keeps_what_ran_with_its_arguments_and_never_what_was_refused(desk):
    """issue:#4: the session as a script"""
    journal = desk.dispatcher._parts.journal
    desk.call("nodes.combine", {"node_id": "a", "other_id": "c"})
    desk.call("nodes.combine", {"node_id": 5})
    (step,) = journal.steps
    assert (step.operation, dict(step.arguments)) == ("nodes.combine", {"node_id": "a", "other_id": "c"})


def test_ids_of_what_was_made_are_found_in_results(desk):
    """house"""
    journal = desk.dispatcher._parts.journal
    payload = json.dumps(
        {"items": [{"id": "vtkMRMLModelNode1"}], "note": "vtkMRMLModelNode1 is new"}
    ).encode()
    journal.note("models.make", Two(node_id="a"), payload, is_read_only=False)
    assert journal.steps[-1].made == {"vtkMRMLModelNode1": ("items", 0, "id")}
    payload = json.dumps({"segments": [{"id": "S_x", "name": "N"}], "point_ids": ["7"]}).encode()
    journal.note("segments.make", Two(node_id="a"), payload, is_read_only=False)
    assert journal.steps[-1].made == {"S_x": ("segments", 0, "id"), "7": ("point_ids", 0)}
