"""What a session keeps of its calls, so that they can be done again."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import Field

from AgentBridgeLib.dispatch import journal
from AgentBridgeLib.dispatch.journal import Journal, recognize, recognize_at_once
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import Bytes


class Upload(Arguments):
    content: Bytes | None = Field(default=None, description="Bytes.")
    name: str = Field(default="x", description="A name.")


def test_bytes_are_known_again_by_size_and_digest_and_not_kept():
    """issue:#4: never embed patient data silently"""
    arguments = Upload(content=Bytes(b"DOE^JANE"), name="scan")
    sent = recognize_at_once(arguments)
    assert (sent.size_bytes, sent.sha256) == (8, hashlib.sha256(b"DOE^JANE").hexdigest())
    kept = Journal()
    kept.note("volumes.create", arguments, b"{}", is_read_only=False, sent=sent, checkpoint_id="cp3")
    (step,) = kept.steps
    assert (dict(step.arguments), step.sent, step.checkpoint_id) == ({"name": "scan"}, sent, "cp3")
    assert "DOE" not in repr(step)


def test_call_without_bytes_has_nothing_to_recognize():
    """house"""
    assert recognize_at_once(Upload()) is None


@pytest.mark.parametrize(("size", "steps"), [(0, 0), (1, 1), (10, 3), (12, 3), (13, 3), (1000, 3)])
def test_much_is_recognized_in_steps_by_its_beginning(monkeypatch, size, steps):
    """house: an upload of gigabytes keeps Slicer neither waiting nor busy"""
    monkeypatch.setattr(journal, "HASHED_BYTES", 12)
    monkeypatch.setattr(journal, "_SLICE_BYTES", 4)
    data = bytes(range(256)) * 4
    taken = recognize(Upload(content=Bytes(data[:size])))
    for _ in range(steps):
        assert next(taken) is None
    with pytest.raises(StopIteration) as end:
        next(taken)
    sent = end.value.value
    assert (sent.size_bytes, sent.sha256) == (size, hashlib.sha256(data[: min(size, 12)]).hexdigest())
