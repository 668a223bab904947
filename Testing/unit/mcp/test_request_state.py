"""State that travels through the client."""

import pytest

from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.request_state import LIFETIME_S, StateSeal, subject


class Clock:
    now = 1000.0


@pytest.fixture
def a_seal():
    return StateSeal(lambda: Clock.now)


CALL = {"name": "nodes_delete", "arguments": {"node_id": "n1"}}


def test_a_state_comes_back_as_it_went(a_seal):
    """mcp: requestState is opaque to the client."""
    bound = subject("tools/call", CALL, "agent")
    assert a_seal.verify(a_seal.sign({"job": "j"}, bound), bound) == {"job": "j"}


@pytest.mark.parametrize(
    "other",
    [
        ("prompts/get", CALL, "agent"),
        ("tools/call", {**CALL, "name": "scene_clear"}, "agent"),
        ("tools/call", {**CALL, "arguments": {"node_id": "n2"}}, "agent"),
        ("tools/call", CALL, "another agent"),
    ],
)
def test_a_state_of_another_call_is_refused(a_seal, other):
    """mcp: bound to principal, method, tool and arguments."""
    text = a_seal.sign(1, subject("tools/call", CALL, "agent"))
    with pytest.raises(RpcError):
        a_seal.verify(text, subject(*other))


@pytest.mark.parametrize("text", ["", ".", "a.b", None, 5, {"a": 1}, "é.é"])
def test_what_was_never_signed_is_refused(a_seal, text):
    """mcp: hostile input."""
    with pytest.raises(RpcError):
        a_seal.verify(text, "subject")


def test_a_state_of_another_process_is_refused(a_seal):
    """house: the key lives as long as Slicer does."""
    with pytest.raises(RpcError):
        a_seal.verify(StateSeal(lambda: Clock.now).sign(1, "subject"), "subject")


def test_a_state_that_is_too_old_is_refused(monkeypatch, a_seal):
    """house: ten minutes."""
    text = a_seal.sign(1, "subject")
    monkeypatch.setattr(Clock, "now", Clock.now + LIFETIME_S + 1)
    with pytest.raises(RpcError, match="too old"):
        a_seal.verify(text, "subject")
