"""Results that are bytes: volumes, pictures, files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from AgentBridgeLib.model.exchange import length_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from AgentBridgeLib.model.exchange import Piece


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with their media type.

    Attributes
    ----------
    media_type
        Such as ``image/png``.
    parts
        Buffers that follow each other; never joined. A part may be a live view of a node's voxels: the answer
        is what the voxels are while it is sent. It may also be a range of a file, read while it is sent.
    filename
        What a client may call the file; without a folder.
    facts
        What a client needs to understand the bytes (shape, type, frame); sent as JSON in the header
        ``X-AgentBridge-Content`` and, over JSON routes, beside the bytes.
    status
        HTTP status in place of the operation's own; a standard may tell partial success by it.
    headers
        Further headers that a standard asks for.
    rendition
        Makes what leaves of the parts once identifiers are covered in them: so JSON can leave in another form.
    """

    media_type: str
    parts: Sequence[Piece]
    filename: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rendition: Callable[[bytes], Content] | None = None

    @property
    def length(self) -> int:
        """Length in bytes."""
        return length_of(self.parts)
