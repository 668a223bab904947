"""The way of a call: validate, decide, run now or enqueue, cover identifiers, audit, answer.

Every call, through whatever door and protocol, takes this way and no other.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch import arguments as incoming
from AgentBridgeLib.dispatch.approvals import ApprovalDesk, ApprovalRequest
from AgentBridgeLib.dispatch.call import DEFAULT_WAIT_S, Accepted, Done, Failed, NotModified
from AgentBridgeLib.dispatch.context import OperationContext
from AgentBridgeLib.dispatch.encoding import AnswerCache, covered_error, encode
from AgentBridgeLib.dispatch.etags import EntityTags, matches
from AgentBridgeLib.dispatch.idempotency import IdempotencyTable
from AgentBridgeLib.dispatch.job_service import JobWork
from AgentBridgeLib.dispatch.journal import Journal
from AgentBridgeLib.dispatch.stepper import as_steps
from AgentBridgeLib.errors import BridgeError, PolicyError, RevisionConflictError
from AgentBridgeLib.jobs.machine import State
from AgentBridgeLib.model.envelopes import internal_error, timestamp
from AgentBridgeLib.policy.decide import Verdict, decide, denied, guard_patients

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pydantic import BaseModel

    from AgentBridgeLib.dispatch.audit import AuditLog
    from AgentBridgeLib.dispatch.call import Call, Outcome
    from AgentBridgeLib.dispatch.checkpoints import Checkpoints, Step
    from AgentBridgeLib.dispatch.context import Progress, Suspend, WaitForUser
    from AgentBridgeLib.dispatch.events import EventRing
    from AgentBridgeLib.dispatch.job_service import JobService
    from AgentBridgeLib.dispatch.safety import Redaction, Safety
    from AgentBridgeLib.dispatch.turn import Turn
    from AgentBridgeLib.dispatch.work_folders import WorkFolders
    from AgentBridgeLib.host.ports import AdditionRecord, Host
    from AgentBridgeLib.jobs.machine import Job
    from AgentBridgeLib.model.content import Content
    from AgentBridgeLib.policy.settings import SafetySettings
    from AgentBridgeLib.registry.catalog import Catalog
    from AgentBridgeLib.registry.operation import Operation

PANEL_DOOR = "panel"
"""Calls of the person: no socket leads here."""

_log = logging.getLogger("AgentBridge")


@dataclass(slots=True)
class _Decided:
    """A call whose arguments are valid and which the policy has let in (or wants to ask about)."""

    call: Call
    operation: Operation
    arguments: BaseModel
    nodes: list[str]
    settings: SafetySettings
    verdict: Verdict
    digest: str
    began: float
    seen: list[str] = field(default_factory=list)
    """Names of the nodes as the person saw them when asked."""


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
        self._idempotency = IdempotencyTable(parts.wall_clock)
        self._desk = ApprovalDesk(self._on_decision, parts.wall_clock)

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
        decided = None
        try:
            decided = self._decide(call)
            finish = self._claim(decided, answer)
            if finish is not None:
                answer = finish
                self._proceed(decided, answer)
        except BaseException as error:  # noqa: BLE001 - the dispatch kernel is one of the two places for this
            self._refuse(call, self.blame(error, call.operation), answer, decided)

    def _decide(self, call: Call) -> _Decided:
        parts = self._parts
        operation = parts.catalog.get(call.operation)
        if call.caller.door != PANEL_DOOR:
            parts.safety.check_running()
        settings = parts.safety.current()
        arguments = incoming.validate(operation, call.arguments, is_lax=call.is_lax)
        capabilities = (operation.mark.capability, *_also_requires(arguments))
        verdict = decide(settings, operation.name, capabilities, can_ask=self._desk.is_attended)
        if call.caller.door == PANEL_DOOR:  # the person who decides does it with their own hand
            verdict = Verdict("allow", verdict.capability)
        began = self._host.loop.now()
        needs_digest = verdict.decision == "ask" or bool(call.preference.idempotency_key)
        digest = incoming.digest(operation, arguments, with_content=needs_digest)
        if verdict.decision == "deny":
            raise denied(verdict)
        arguments = incoming.resolve_paths(arguments, settings)
        if verdict.decision == "ask" and self._desk.is_approved_for_session(
            call.caller.client, operation.name
        ):
            verdict = type(verdict)("allow", verdict.capability)
        nodes = incoming.target_nodes(arguments)
        count = len(self._patients(nodes)) if len(nodes) > 1 else 0  # one node combines nothing
        verdict = guard_patients(verdict, settings, operation.name, count, can_ask=self._desk.is_attended)
        if verdict.decision == "deny":
            raise denied(verdict)
        if verdict.is_guarded:
            digest = incoming.digest(operation, arguments, with_content=True)
        return _Decided(call, operation, arguments, nodes, settings, verdict, digest, began)

    def _claim(
        self, decided: _Decided, answer: Callable[[Outcome], None]
    ) -> Callable[[Outcome], None] | None:
        key = decided.call.preference.idempotency_key
        if not key or decided.operation.mark.read_only:
            return answer
        return self._idempotency.claim(decided.call.caller.client, key, decided.digest, answer)

    def _proceed(self, decided: _Decided, answer: Callable[[Outcome], None]) -> None:
        preference, mark = decided.call.preference, decided.operation.mark
        self._etags.check_if_match(preference.if_match, decided.nodes)
        if decided.verdict.decision == "ask":
            self._park(decided, answer)
        elif preference.respond_async or mark.execution != "inline" or mark.long:
            self._enqueue(decided, answer)
        else:
            self._run_now(decided, answer)

    def _run_now(self, decided: _Decided, answer: Callable[[Outcome], None]) -> None:
        etag, revision = self._tag(decided)
        if matches(decided.call.preference.if_none_match, etag):
            answer(NotModified(etag, revision))
            self._finish(decided, "not_modified")
            return
        done = self._cache.get(etag, revision)
        if done is None:
            done = self._execute(decided)
            self._cache.put(done)
        answer(done)
        self._finish(decided, "succeeded")

    def _execute(self, decided: _Decided) -> Done:
        context, release = self._context(decided, None)
        scene = self._host.scene
        with self._parts.turn.hold(decided.operation.name):
            step = self._begin_step(decided)
            record = None if decided.operation.mark.read_only else scene.record_additions()
            try:
                value = decided.operation.function(context, decided.arguments)
            except BaseException:
                self._take_back(record)
                self._parts.checkpoints.drop_step(step)
                raise
            finally:
                release()
            if record is not None:
                self._parts.checkpoints.end_step(step, record.stop())
        return self._conclude(decided, value)

    def _begin_step(self, decided: _Decided) -> Step | None:
        mark = decided.operation.mark
        capabilities = (mark.capability, *_also_requires(decided.arguments))
        return self._parts.checkpoints.begin_step(mark, capabilities, decided.nodes)

    def _take_back(self, record: AdditionRecord | None) -> None:
        scene = self._host.scene
        for node_id in reversed(record.stop() if record else ()):
            node = scene.scene.GetNodeByID(node_id)
            if node is not None:
                scene.forget_node(node)

    def _conclude(self, decided: _Decided, value: BaseModel | Content) -> Done:
        etag, revision = self._tag(decided)
        payload = encode(value, revision, self._parts.redaction.redactor())
        mark = decided.operation.mark
        self._parts.journal.note(
            decided.operation.name, decided.arguments, payload, is_read_only=mark.read_only
        )
        scope = decided.operation.mark.revision_scope
        return Done(payload, None if scope == "none" else revision, etag, decided.operation.mark.status)

    def _tag(self, decided: _Decided) -> tuple[str, int]:
        salt = decided.settings.identifiers
        return self._etags.make(decided.operation, decided.arguments, decided.nodes, salt)

    def _enqueue(self, decided: _Decided, answer: Callable[[Outcome], None]) -> None:
        job = self._submit(decided, needs_approval=False)
        preference = decided.call.preference
        default_s = 0.0 if preference.respond_async or decided.operation.mark.long else DEFAULT_WAIT_S
        wait_s = default_s if preference.wait_s is None else preference.wait_s
        self._answer_later(job, 0.0 if preference.respond_async else wait_s, answer)

    def _park(self, decided: _Decided, answer: Callable[[Outcome], None]) -> None:
        decided.seen = [self._node_name(node_id) for node_id in decided.nodes]
        job = self._submit(decided, needs_approval=True)
        request = ApprovalRequest(
            job_id=job.id,
            operation=decided.operation.name,
            capability=decided.verdict.capability,
            effect=decided.operation.summary,
            nodes=decided.seen,
            paths=[
                str(value) for _, mark, value in incoming.marked(decided.arguments) if hasattr(mark, "access")
            ],
            client=decided.call.caller.client,
            arguments_digest=decided.digest,
            expires_at=job.approval_deadline or 0.0,
            patients=list(self._patients(decided.nodes).values()),
            warning=decided.verdict.reason if decided.verdict.is_guarded else "",
            can_last=not decided.verdict.is_guarded,
        )
        self._parts.events.publish("approval.requested", {"job": job.id, "operation": job.operation})
        self._desk.ask(request)
        self._answer_later(job, decided.call.preference.wait_s or 0.0, answer)

    def _submit(self, decided: _Decided, *, needs_approval: bool) -> Job:
        release: list[Callable[[], None]] = []

        def begin() -> Generator[Progress | Suspend | WaitForUser | None, None, Any]:
            self._check_again(decided)
            context, done = self._context(decided, job.id)
            release.append(done)
            return self._undoable(decided, job, context)

        def end(ended: Job) -> None:
            for done in release:
                done()
            self._desk.withdraw(ended.id)
            self._finish(decided, _outcome_word(ended), ended.id)

        job = self._parts.jobs.submit(
            decided.operation.name,
            decided.digest,
            decided.call.caller.client,
            "side" if decided.operation.mark.execution == "process" else "main",
            JobWork(
                begin,
                lambda value: self._conclude(decided, value),
                lambda error: self.blame(error, decided.operation.name),
                end,
            ),
            needs_approval=needs_approval,
        )
        self._finish(decided, "accepted", job.id)
        return job

    def _undoable(
        self, decided: _Decided, job: Job, context: OperationContext
    ) -> Generator[Progress | Suspend | WaitForUser | None, None, Any]:
        """Keep what the work of a job may destroy before it begins, then do it."""
        step = self._begin_step(decided)
        try:
            value = yield from as_steps(decided.operation.function(context, decided.arguments))
        except BaseException:
            self._parts.checkpoints.drop_step(step)
            raise
        self._parts.checkpoints.end_step(step, self._parts.jobs.additions(job.id))
        return value

    def _check_again(self, decided: _Decided) -> None:
        """Check what may have changed while the call waited for the person or in the queue."""
        if decided.call.caller.door == PANEL_DOOR:
            return
        self._parts.safety.check_running()
        settings = self._parts.safety.current()
        verdict = decide(settings, decided.operation.name, [decided.verdict.capability], can_ask=True)
        if verdict.decision == "deny":
            raise denied(verdict)
        incoming.resolve_paths(decided.arguments, settings)
        if decided.seen and decided.seen != [self._node_name(node_id) for node_id in decided.nodes]:
            raise RevisionConflictError(
                f"{decided.operation.name} was approved for other nodes than those that now have these ids: one was "
                "removed or renamed meanwhile. Nothing was done; look at the scene and ask again."
            )
        self._etags.check_if_match(decided.call.preference.if_match, decided.nodes)

    def _answer_later(self, job: Job, wait_s: float, answer: Callable[[Outcome], None]) -> None:
        jobs = self._parts.jobs

        def tell() -> None:
            if not job.has_ended:
                answer(Accepted(jobs.view(job)))
                return
            try:
                answer(jobs.result(job.id))
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

    def _context(self, decided: _Decided, job_id: str | None) -> tuple[OperationContext, Callable[[], None]]:
        folder, release = self._parts.folders.lend()
        context = OperationContext(
            host=self._host,
            caller=decided.call.caller,
            job_id=job_id,
            settings=decided.settings,
            catalog=self._parts.catalog,
            operation_name=decided.operation.name,
            started_at=timestamp(self._parts.wall_clock()) or "",
            work_folder=folder,
            checkpoints=self._parts.checkpoints,
        )
        return context, release

    def _node_name(self, node_id: str) -> str:
        node = self._host.scene.scene.GetNodeByID(node_id)
        return node_id if node is None else f"{node.GetName()} ({node_id})"

    def _patients(self, node_ids: list[str]) -> dict[str, str]:
        """Key and label of every patient that the nodes belong to."""
        found = [self._host.scene.patient(node_id) for node_id in dict.fromkeys(node_ids)]
        return {patient.key: patient.label for patient in found if patient is not None}

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
        decided: _Decided | None = None,
    ) -> None:
        if decided is not None:
            self._finish(decided, error.code)
        else:
            decision = "deny" if isinstance(error, PolicyError) else "refused"
            self._parts.audit.note(call.caller, call.operation, decision, error.code)
        answer(Failed(error, self._parts.redaction.redactor().text(call.operation)))

    def _finish(self, decided: _Decided, outcome: str, job_id: str = "") -> None:
        self._parts.audit.note(
            decided.call.caller,
            decided.operation.name,
            decided.verdict.decision,
            outcome,
            duration_ms=(self._host.loop.now() - decided.began) * 1000,
            arguments_digest=decided.digest,
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


def _also_requires(arguments: BaseModel) -> tuple[str, ...]:
    more = getattr(arguments, "also_requires", None)
    return tuple(more()) if more is not None else ()


def _outcome_word(job: Job) -> str:
    if job.state is State.FAILED and job.error is not None:
        return job.error.code
    return str(job.state)
