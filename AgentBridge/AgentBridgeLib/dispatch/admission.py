"""Let a call in: find its operation, check its arguments, decide what the settings say about it.

What was let in may wait for the person or in the queue; `CallAdmission.check_again` looks at the same settings once
more before it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch import arguments as incoming
from AgentBridgeLib.dispatch.context import PANEL_DOOR
from AgentBridgeLib.errors import OperationUnknownError, RevisionConflictError
from AgentBridgeLib.policy.decide import Verdict, decide, denied, guard_patients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from AgentBridgeLib.dispatch.approvals import ApprovalDesk
    from AgentBridgeLib.dispatch.call import Call
    from AgentBridgeLib.dispatch.journal import SentBytes
    from AgentBridgeLib.dispatch.safety import Redaction, Safety
    from AgentBridgeLib.host.ports.host import Host
    from AgentBridgeLib.policy.settings import SafetySettings
    from AgentBridgeLib.registry.catalog import Catalog
    from AgentBridgeLib.registry.operation import Operation


@dataclass(slots=True)
class AdmittedCall:
    """A call whose arguments are valid and which the settings let in, or want the person to be asked about.

    Attributes
    ----------
    capabilities
        All that it needs, those that its arguments add included.
    nodes
        Ids of the nodes that its arguments name.
    digest
        Of the operation and its arguments; what an approval is bound to.
    began
        Seconds of the loop's clock.
    seen
        Names and patients of the nodes as the person saw them when asked.
    undo_problem
        Once it has run: why it cannot be undone; empty when it can, or changed nothing.
    sent
        Once it runs: by what the bytes that came with it are known again.
    checkpoint_id
        Once it runs: the checkpoint that was made for it.
    """

    call: Call
    operation: Operation
    arguments: BaseModel
    capabilities: Sequence[str]
    nodes: list[str]
    settings: SafetySettings
    verdict: Verdict
    digest: str
    began: float
    seen: list[str] = field(default_factory=list)
    undo_problem: str = ""
    sent: SentBytes | None = None
    checkpoint_id: str | None = None


class CallAdmission:
    """Admits calls."""

    def __init__(
        self, host: Host, catalog: Catalog, safety: Safety, redaction: Redaction, desk: ApprovalDesk
    ) -> None:
        self._host = host
        self._catalog = catalog
        self._safety = safety
        self._redaction = redaction
        self._desk = desk

    def admit(self, call: Call) -> AdmittedCall:
        """Let a call in, or raise why not.

        Raises
        ------
        BridgeError
            The operation is unknown, its arguments cannot be used, everything is stopped, or the settings deny it.
        """
        operation = self._catalog.get(call.operation)
        if call.caller.door != PANEL_DOOR:
            self._safety.check_running()
        settings = self._safety.current()
        uids = self._redaction.uids
        given = call.arguments if uids is None else uids.reveal(dict(call.arguments))
        arguments = incoming.validate(operation, given, is_lax=call.is_lax)
        capabilities = incoming.capabilities(operation, arguments)
        began = self._host.loop.now()
        verdict = self._judge(call, settings, operation, capabilities)
        digest = incoming.digest(operation, arguments, with_content=_binds(call, verdict))
        arguments = incoming.resolve_paths(arguments, settings)
        nodes = incoming.target_nodes(arguments)
        verdict = self._guard(settings, operation, nodes, self._with_lease(call, operation, verdict))
        if verdict.is_guarded:
            digest = incoming.digest(operation, arguments, with_content=True)
        return AdmittedCall(call, operation, arguments, capabilities, nodes, settings, verdict, digest, began)

    def check_again(self, admitted: AdmittedCall) -> None:
        """Check what may have changed while the call waited for the person or in the queue.

        Raises
        ------
        BridgeError
            The operation was taken away, everything is stopped, a capability was denied meanwhile, a folder is no
            longer allowed, or the nodes are not those that the person saw.
        """
        if self._catalog.operations.get(admitted.operation.name) is not admitted.operation:
            raise OperationUnknownError(
                f"The extension that brought {admitted.operation.name} has taken it away meanwhile. Nothing was done."
            )
        if admitted.call.caller.door == PANEL_DOOR:
            return
        self._safety.check_running()
        settings = self._safety.current()
        verdict = decide(settings, admitted.operation.name, admitted.capabilities, can_ask=True)
        if verdict.decision == "deny":
            raise denied(verdict)
        incoming.resolve_paths(admitted.arguments, settings)
        if admitted.seen and admitted.seen != self.seen(admitted.nodes):
            raise RevisionConflictError(
                f"{admitted.operation.name} was approved for other nodes than those that now have these ids: one was "
                "removed, renamed or given to another patient meanwhile. Nothing was done; look at the scene and ask "
                "again."
            )
        if not admitted.verdict.is_guarded:
            now = self._guard(settings, admitted.operation, admitted.nodes, verdict)
            if now.is_guarded:
                raise RevisionConflictError(f"{now.reason} It did not when it was called. Nothing was done.")

    def seen(self, node_ids: Sequence[str]) -> list[str]:
        """Give all that the person is shown of the nodes: names and ids, and whose they are."""
        return [*self.names(node_ids), *self.patients(node_ids)]

    def names(self, node_ids: Sequence[str]) -> list[str]:
        """Name and id of each node, as the person sees them."""
        return [self._name(node_id) for node_id in node_ids]

    def patients(self, node_ids: Sequence[str]) -> list[str]:
        """Labels of the patients that the nodes belong to, as the person sees them."""
        found = [self._host.scene.patient(node_id) for node_id in dict.fromkeys(node_ids)]
        return list({patient.key: patient.label for patient in found if patient is not None}.values())

    def _judge(
        self, call: Call, settings: SafetySettings, operation: Operation, capabilities: Sequence[str]
    ) -> Verdict:
        verdict = decide(settings, operation.name, capabilities, can_ask=self._desk.is_attended)
        if call.caller.door == PANEL_DOOR:  # the person who decides does it with their own hand
            return Verdict("allow", verdict.capability)
        if verdict.decision == "deny":
            raise denied(verdict)
        return verdict

    def _with_lease(self, call: Call, operation: Operation, verdict: Verdict) -> Verdict:
        if verdict.decision == "ask" and self._desk.is_approved_for_session(
            call.caller.client, operation.name, verdict.asking
        ):
            return Verdict("allow", verdict.capability)
        return verdict

    def _guard(
        self, settings: SafetySettings, operation: Operation, nodes: Sequence[str], verdict: Verdict
    ) -> Verdict:
        count = len(self.patients(nodes)) if len(nodes) > 1 else 0  # one node combines nothing
        verdict = guard_patients(verdict, settings, operation.name, count, can_ask=self._desk.is_attended)
        if verdict.decision == "deny":
            raise denied(verdict)
        return verdict

    def _name(self, node_id: str) -> str:
        node = self._host.scene.scene.GetNodeByID(node_id)
        return node_id if node is None else f"{node.GetName()} ({node_id})"


def _binds(call: Call, verdict: Verdict) -> bool:
    """Whether an approval or an idempotency key is bound to the digest."""
    return verdict.decision == "ask" or bool(call.preference.idempotency_key)
