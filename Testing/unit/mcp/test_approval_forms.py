"""The form by which an agent's own program asks the person says what the panel says."""

from __future__ import annotations

from AgentBridgeLib.dispatch.approvals import ApprovalRequest
from AgentBridgeLib.mcp.approvals import question


def test_form_shows_what_would_run_and_covers_identifiers():
    """issue:#4: for the exact call"""
    request = ApprovalRequest(
        job_id="j",
        operation="python.execute",
        capability="python.execute",
        effect="Run Python code.",
        nodes=(),
        paths=(),
        client="agent",
        arguments_digest="d",
        expires_at=0.0,
        values={"source": "print('DOE')", "max_output_chars": 7},
    )
    message = question(request, lambda text: text.replace("DOE", "[hidden]"), is_modern=True)["params"][
        "message"
    ]
    assert message.splitlines()[1:] == ["source: print('[hidden]')", "max_output_chars: 7"]
