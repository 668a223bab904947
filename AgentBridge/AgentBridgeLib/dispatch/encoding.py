"""The one boundary through which results and errors leave: revision filled in, identifiers covered."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import FieldProblem
from AgentBridgeLib.model.base import SceneResult
from AgentBridgeLib.model.content import Content

if TYPE_CHECKING:
    from pydantic import BaseModel

    from AgentBridgeLib.dispatch.call import Done
    from AgentBridgeLib.errors import BridgeError
    from AgentBridgeLib.policy.identifiers import Redactor


def encode(value: BaseModel | Content, revision: int, redactor: Redactor) -> bytes | Content:
    """Turn a result into what leaves the building: JSON text, or `Content` with covered facts and name."""
    if isinstance(value, Content):
        covered = _covered_content(value, redactor)
        if covered.rendition is None:
            return covered
        made = covered.rendition(b"".join(bytes(part) for part in covered.parts))
        return replace(made, headers={**covered.headers, **made.headers})
    if getattr(value, "keeps_handles", False):
        redactor = redactor.with_handles()
    if isinstance(value, SceneResult):
        value = value.model_copy(update={"scene_revision": revision})
    text = value.model_dump_json().encode()
    if not redactor.is_needed_for(text):
        return text
    covered = redactor.apply(value.model_dump(mode="json"))
    return json.dumps(covered, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _covered_content(content: Content, redactor: Redactor) -> Content:
    """Cover name and facts, and the content itself where it is text; voxels and pictures are passed on."""
    kind = content.media_type.partition(";")[0].strip()
    if kind == "application/dicom+json":
        redactor = redactor.with_handles()
    facts, filename = redactor.apply(dict(content.facts)), redactor.text(content.filename)
    if not (kind.startswith("text/") or kind.endswith(("json", "xml"))):
        return replace(content, filename=filename, facts=facts) if redactor.is_needed else content
    plain = b"".join(bytes(part) for part in content.parts)
    if not redactor.is_needed_for(plain):
        return content
    text = plain.decode("utf-8", "replace")
    if kind.endswith("json"):
        text = json.dumps(redactor.apply(json.loads(text)), ensure_ascii=False, separators=(",", ":"))
    else:
        text = redactor.text(text)
    return replace(content, parts=(text.encode(),), filename=filename, facts=facts)


def covered_error(error: BridgeError, redactor: Redactor) -> BridgeError:
    """Cover identifiers in an error, in place; what JSON in UTF-8 cannot hold becomes text that it can."""

    def cover(text: str) -> str:
        return redactor.text(text.encode("utf-8", "replace").decode())

    error.message = cover(error.message)
    error.errors = tuple(
        FieldProblem(cover(entry.pointer), cover(entry.problem), cover(entry.expected))
        for entry in error.errors
    )
    facts = json.dumps(error.facts, ensure_ascii=False, default=str).encode("utf-8", "replace")
    error.facts = redactor.apply(json.loads(facts, parse_constant=str))
    return error


class AnswerCache:
    """Recent answers by entity tag and revision, so that asking twice costs neither VTK nor a picture.

    Only answers that nobody can change any more are kept: JSON text and `bytes`, never views of voxels.
    """

    def __init__(self, largest_bytes: int = 8 << 20, total_bytes: int = 64 << 20) -> None:
        self._largest_bytes = largest_bytes
        self._total_bytes = total_bytes
        self._size = 0
        self._kept: OrderedDict[tuple[str, int], Done] = OrderedDict()

    def get(self, etag: str, revision: int) -> Done | None:
        """Find an answer."""
        if not etag:
            return None
        found = self._kept.get((etag, revision))
        if found is not None:
            self._kept.move_to_end((etag, revision))
        return found

    def put(self, done: Done) -> None:
        """Keep an answer if it is small and fixed."""
        if (
            not done.etag
            or done.revision is None
            or done.size > self._largest_bytes
            or not _is_fixed(done.payload)
        ):
            return
        key = (done.etag, done.revision)
        if key in self._kept:
            return
        self._kept[key] = done
        self._size += done.size
        while self._size > self._total_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._size -= dropped.size


def _is_fixed(payload: bytes | Content) -> bool:
    return isinstance(payload, bytes) or all(isinstance(part, bytes) for part in payload.parts)
