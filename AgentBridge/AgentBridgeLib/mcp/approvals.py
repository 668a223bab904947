"""The second way to approve: a form in the agent's own program (elicitation).

The panel stays the authority: it shows the same request at the same time, the first answer counts, and this way is
open only while the person has it switched on. Clients may answer forms by themselves.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import JobStateConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.approvals import ApprovalDesk, ApprovalRequest
    from AgentBridgeLib.mcp.vocabulary import Json

KEY = "approval"


def waiting_request(desk: ApprovalDesk, job_id: str) -> ApprovalRequest | None:
    """Find what the person is asked about a job; None when it was answered."""
    return next((request for request in desk.waiting if request.job_id == job_id), None)


def question(request: ApprovalRequest, cover: Callable[[str], str], *, is_modern: bool) -> Json:
    """Make the form: one box to tick.

    The panel names nodes and files as the person knows them; a form travels through the agent, so `cover` applies the
    identifier policy.
    """
    parts = [f"{request.client} asks to run {request.operation}: {request.effect}"]
    if request.nodes:
        parts.append("Nodes: " + ", ".join(request.nodes))
    if request.paths:
        parts.append("Files: " + ", ".join(request.paths))
    parts += [
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in request.values.items()
    ]
    approve = {"type": "boolean", "title": "Approve once", "default": False}
    params: Json = {
        "message": cover("\n".join(parts)),
        "requestedSchema": {
            "type": "object",
            "properties": {"approve": approve},
            "required": ["approve"],
        },
    }
    if is_modern:
        params["mode"] = "form"
    return {"method": "elicitation/create", "params": params}


def decide(desk: ApprovalDesk, request: ApprovalRequest, answer: object) -> None:
    """Carry the answer to the desk; what was answered there in the meantime stays as it is."""
    is_yes = (
        isinstance(answer, dict)
        and answer.get("action") == "accept"
        and isinstance(answer.get("content"), dict)
        and answer["content"].get("approve") is True
    )
    try:
        desk.decide(request.job_id, request.arguments_digest, approve=is_yes)
    except JobStateConflictError:
        return
