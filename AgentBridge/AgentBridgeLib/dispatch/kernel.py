"""The way of a call: validate, decide, run now or enqueue, cover identifiers, audit, answer.

Every call, through whatever door and protocol, takes this way and no other.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch import arguments as incoming
from AgentBridgeLib.dispatch.admission import CallAdmission
from AgentBridgeLib.dispatch.approvals import ApprovalDesk, ApprovalRequest
from AgentBridgeLib.dispatch.call import DEFAULT_WAIT_S, Accepted, Done, Failed, NotModified
from AgentBridgeLib.dispatch.context import OperationContext
from AgentBridgeLib.dispatch.encoding import AnswerCache, covered_error, encode
from AgentBridgeLib.dispatch.etags import EntityTags, matches
from AgentBridgeLib.dispatch.idempotency import IdempotencyTable
from AgentBridgeLib.dispatch.job_service import JobWork
from AgentBridgeLib.dispatch.journal import Journal, recognize, recognize_at_once
from AgentBridgeLib.dispatch.stepper import as_steps
from AgentBridgeLib.errors import BridgeError, PolicyError
from AgentBridgeLib.jobs.states import State
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.envelopes import internal_error, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pydantic import BaseModel

    from AgentBridgeLib.dispatch.admission import AdmittedCall
    from AgentBridgeLib.dispatch.audit import AuditLog
    from AgentBridgeLib.dispatch.call import Call, Outcome
    from AgentBridgeLib.dispatch.checkpoints import Checkpoints
    from AgentBridgeLib.dispatch.context import Progress, Suspend, WaitForUser
    from AgentBridgeLib.dispatch.events import EventRing
    from AgentBridgeLib.dispatch.job_service import JobService
    from AgentBridgeLib.dispatch.safety import Redaction, Safety
    from AgentBridgeLib.dispatch.steps import Step
    from AgentBridgeLib.dispatch.turn import Turn
    from AgentBridgeLib.dispatch.work_folders import WorkFolders
    from AgentBridgeLib.host.ports.host import Host
    from AgentBridgeLib.host.ports.scene import AdditionRecord
    from AgentBridgeLib.jobs.machine import Job
    from AgentBridgeLib.model.content import Content
    from AgentBridgeLib.registry.catalog import Catalog

_log = logging.getLogger("AgentBridge")


@dataclass(frozen=True, slots=True)
class KernelParts:
    """What the kernel works with."""

    host: Host
    catalog: Catalog
    safety: Safety
    redaction: Redaction
    turn: Turn
    jobs: JobService
    audit: AuditLog
    events: EventRing
    folders: WorkFolders
    checkpoints: Checkpoints
    wall_clock: Callable[[], float]
    journal: Journal = field(default_factory=Journal)


class Dispatcher:
    """Takes calls and answers each exactly once."""

    def __init__(self, parts: KernelParts) -> None:
        self._parts = parts
        self._host = parts.host
        self._etags = EntityTags(parts.host.scene)
        self._cache = AnswerCache()
        self._idempotency = IdempotencyTable(parts.wall_clock, lambda: parts.redaction.policy)
        self._desk = ApprovalDesk(self._on_decision, parts.wall_clock)
        self._admission = CallAdmission(parts.host, parts.catalog, parts.safety, parts.redaction, self._desk)

    @property
    def desk(self) -> ApprovalDesk:
        """Where the person answers."""
        return self._desk

    def call(self, call: Call, answer: Callable[[Outcome], None]) -> None:
        """Take a call. `answer` is called once, now or in a later turn of the event loop; this never raises."""
        wait_s = DEFAULT_WAIT_S if call.preference.wait_s is None else call.preference.wait_s
        self._parts.turn.when_free(
            lambda: self._take(call, answer),
            lambda error: self._refuse(call, error, answer),
            wait_s,
        )

    def _take(self, call: Call, answer: Callable[[Outcome], None]) -> None:
        answer = _Once(answer)
        admitted = None
        try:
            admitted = self._admission.admit(call)
            finish = self._claim(admitted, answer)
            if finish is not None:
                answer = finish
                self._proceed(admitted, answer)
        except BaseException as error:  # noqa: BLE001 - the dispatch kernel is one of the two places for this
            self._refuse(call, self.blame(error, call.operation), answer, admitted)

    def _claim(
        self, admitted: AdmittedCall, answer: Callable[[Outcome], None]
    ) -> Callable[[Outcome], None] | None:
        key = admitted.call.preference.idempotency_key
        if not key or admitted.operation.mark.read_only:
            return answer
        return self._idempotency.claim(admitted.call.caller.client, key, admitted.digest, answer)

    def _proceed(self, admitted: AdmittedCall, answer: Callable[[Outcome], None]) -> None:
        preference, mark = admitted.call.preference, admitted.operation.mark
        self._etags.check_if_match(preference.if_match, admitted.nodes)
        if admitted.verdict.decision == "ask":
            self._park(admitted, answer)
        elif preference.respond_async or mark.execution != "inline" or mark.long or _takes_steps(admitted):
            self._enqueue(admitted, answer)
        else:
            self._run_now(admitted, answer)

    def _run_now(self, admitted: AdmittedCall, answer: Callable[[Outcome], None]) -> None:
        etag, revision = self._tag(admitted)
        if matches(admitted.call.preference.if_none_match, etag):
            answer(NotModified(etag, revision))
            self._finish(admitted, "not_modified")
            return
        done = self._cache.get(etag, revision)
        if done is None:
            done = self._execute(admitted)
            self._cache.put(done)
        answer(done)
        self._finish(admitted, "succeeded")

    def _execute(self, admitted: AdmittedCall) -> Done:
        context, release = self._context(admitted, None)
        scene = self._host.scene
        with self._parts.turn.hold(admitted.operation.name):
            admitted.sent = recognize_at_once(admitted.arguments)
            step = self._begin_step(admitted)
            record = None if admitted.operation.mark.read_only else scene.record_additions()
            try:
                value = admitted.operation.function(context, admitted.arguments)
            except BaseException:
                self._take_back(record)
                self._parts.checkpoints.drop_step(step)
                raise
            finally:
                release()
            if record is not None:
                admitted.undo_problem = self._parts.checkpoints.end_step(step, record.stop())
        return self._conclude(admitted, value)

    def _begin_step(self, admitted: AdmittedCall) -> Step | None:
        step = self._parts.checkpoints.begin_step(
            admitted.operation.mark, admitted.capabilities, admitted.nodes
        )
        admitted.checkpoint_id = None if step is None else step.checkpoint_id
        return step

    def _take_back(self, record: AdditionRecord | None) -> None:
        scene = self._host.scene
        for node_id in reversed(record.stop() if record else ()):
            node = scene.scene.GetNodeByID(node_id)
            if node is not None:
                scene.forget_node(node)

    def _conclude(self, admitted: AdmittedCall, value: BaseModel | Content) -> Done:
        etag, revision = self._tag(admitted)
        payload = encode(value, revision, self._parts.redaction.redactor())
        mark = admitted.operation.mark
        self._parts.journal.note(
            admitted.operation.name,
            admitted.arguments,
            payload,
            is_read_only=mark.read_only,
            sent=admitted.sent,
            checkpoint_id=admitted.checkpoint_id,
        )
        scope = mark.revision_scope
        seen = None if scope == "none" else revision
        policy = self._parts.redaction.policy
        return Done(payload, seen, etag, mark.status, admitted.undo_problem, policy)

    def _tag(self, admitted: AdmittedCall) -> tuple[str, int]:
        salt = admitted.settings.identifiers
        return self._etags.make(admitted.operation, admitted.arguments, admitted.nodes, salt)

    def _enqueue(self, admitted: AdmittedCall, answer: Callable[[Outcome], None]) -> None:
        job = self._submit(admitted, needs_approval=False)
        preference = admitted.call.preference
        default_s = 0.0 if preference.respond_async or admitted.operation.mark.long else DEFAULT_WAIT_S
        wait_s = default_s if preference.wait_s is None else preference.wait_s
        self._answer_later(job, 0.0 if preference.respond_async else wait_s, answer)

    def _park(self, admitted: AdmittedCall, answer: Callable[[Outcome], None]) -> None:
        admitted.seen = self._admission.seen(admitted.nodes)
        job = self._submit(admitted, needs_approval=True)
        request = ApprovalRequest(
            job_id=job.id,
            operation=admitted.operation.name,
            capability=admitted.verdict.capability,
            asking=admitted.verdict.asking,
            effect=admitted.operation.summary,
            nodes=self._admission.names(admitted.nodes),
            paths=incoming.paths(admitted.arguments),
            values=incoming.other_values(admitted.arguments),
            client=admitted.call.caller.client,
            arguments_digest=admitted.digest,
            expires_at=job.approval_deadline or 0.0,
            patients=self._admission.patients(admitted.nodes),
            warning=admitted.verdict.reason if admitted.verdict.is_guarded else "",
            can_last=not admitted.verdict.is_guarded and "python.execute" not in admitted.capabilities,
        )
        self._parts.events.publish("approval.requested", {"job": job.id, "operation": job.operation})
        self._desk.ask(request)
        self._answer_later(job, admitted.call.preference.wait_s or 0.0, answer)

    def _submit(self, admitted: AdmittedCall, *, needs_approval: bool) -> Job:
        release: list[Callable[[], None]] = []

        def begin() -> Generator[Progress | Suspend | WaitForUser | None, None, Any]:
            self._admission.check_again(admitted)
            self._etags.check_if_match(admitted.call.preference.if_match, admitted.nodes)
            context, done = self._context(admitted, job.id)
            release.append(done)
            return self._undoable(admitted, job, context)

        def end(ended: Job) -> None:
            for done in release:
                done()
            self._desk.withdraw(ended.id)
            self._finish(admitted, _outcome_word(ended), ended.id)

        job = self._parts.jobs.submit(
            admitted.operation.name,
            admitted.digest,
            admitted.call.caller.client,
            "side" if admitted.operation.mark.execution == "process" else "main",
            JobWork(
                begin,
                lambda value: self._conclude(admitted, value),
                lambda error: self.blame(error, admitted.operation.name),
                end,
            ),
            needs_approval=needs_approval,
        )
        self._finish(admitted, "accepted", job.id)
        return job

    def _undoable(
        self, admitted: AdmittedCall, job: Job, context: OperationContext
    ) -> Generator[Progress | Suspend | WaitForUser | None, None, Any]:
        """Keep what the work of a job may destroy before it begins, then do it."""
        admitted.sent = yield from recognize(admitted.arguments)
        step = self._begin_step(admitted)
        try:
            value = yield from as_steps(admitted.operation.function(context, admitted.arguments))
        except BaseException:
            self._parts.checkpoints.drop_step(step)
            raise
        additions = self._parts.jobs.additions(job.id)
        admitted.undo_problem = self._parts.checkpoints.end_step(step, additions)
        return value

    def _answer_later(self, job: Job, wait_s: float, answer: Callable[[Outcome], None]) -> None:
        jobs = self._parts.jobs

        def tell() -> None:
            if not job.has_ended:
                answer(Accepted(jobs.view(job)))
                return
            try:
                answer(jobs.result(job.id))
                jobs.delivered(job.id)
            except BridgeError as error:
                answer(Failed(error, job.operation))

        jobs.when_changed(job.id, lambda now: now.has_ended, wait_s, tell)

    def _on_decision(self, request: ApprovalRequest, approved: bool) -> None:
        self._parts.events.publish(
            "approval.decided", {"job": request.job_id, "operation": request.operation, "approved": approved}
        )
        if approved:
            self._parts.jobs.approve(request.job_id)
        else:
            self._parts.jobs.deny(request.job_id)

    def _context(
        self, admitted: AdmittedCall, job_id: str | None
    ) -> tuple[OperationContext, Callable[[], None]]:
        folder, release = self._parts.folders.lend()
        context = OperationContext(
            host=self._host,
            caller=admitted.call.caller,
            job_id=job_id,
            settings=admitted.settings,
            catalog=self._parts.catalog,
            operation_name=admitted.operation.name,
            started_at=timestamp(self._parts.wall_clock()) or "",
            work_folder=folder,
            checkpoints=self._parts.checkpoints,
            uids=self._parts.redaction.uids,
            cover=lambda text: self._parts.redaction.redactor().text(text),
        )
        return context, release

    def blame(self, error: BaseException, operation: str) -> BridgeError:
        """Turn whatever was raised into an error for the client, identifiers covered; ours get an incident id."""
        if not isinstance(error, BridgeError):
            incident = secrets.token_hex(4)
            _log.error("Incident %s in %s", incident, operation, exc_info=error)
            error = internal_error(incident)
        return covered_error(error, self._parts.redaction.redactor())

    def _refuse(
        self,
        call: Call,
        error: BridgeError,
        answer: Callable[[Outcome], None],
        admitted: AdmittedCall | None = None,
    ) -> None:
        if admitted is not None:
            self._finish(admitted, error.code)
        else:
            decision = "deny" if isinstance(error, PolicyError) else "refused"
            self._parts.audit.note(call.caller, call.operation, decision, error.code)
        answer(Failed(error, self._parts.redaction.redactor().text(call.operation)))

    def _finish(self, admitted: AdmittedCall, outcome: str, job_id: str = "") -> None:
        self._parts.audit.note(
            admitted.call.caller,
            admitted.operation.name,
            admitted.verdict.decision,
            outcome,
            duration_ms=(self._host.loop.now() - admitted.began) * 1000,
            arguments_digest=admitted.digest,
            job_id=job_id,
        )


class _Once:
    """An answer that is given once; what fails while it is given is logged, not answered again."""

    def __init__(self, answer: Callable[[Outcome], None]) -> None:
        self._answer: Callable[[Outcome], None] | None = answer

    def __call__(self, outcome: Outcome) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        try:
            answer(outcome)
        except Exception:  # noqa: BLE001 - the client is gone or transport failed; nothing can be answered any more
            _log.exception("An answer could not be given")


def _takes_steps(admitted: AdmittedCall) -> bool:
    return isinstance(admitted.arguments, Arguments) and admitted.arguments.takes_steps()


def _outcome_word(job: Job) -> str:
    if job.state is State.FAILED and job.error is not None:
        return job.error.code
    return str(job.state)
