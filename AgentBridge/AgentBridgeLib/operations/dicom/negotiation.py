"""What representation a DICOMweb client wants: media types with transfer syntaxes (PS3.18, 8.3.3 and 8.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import NotAcceptableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
UNCOMPRESSED = frozenset(
    {"1.2.840.10008.1.2", EXPLICIT_LITTLE, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"}
)
OCTETS = "application/octet-stream"
DICOM = "application/dicom"
JSON = "application/dicom+json"
XML = "application/dicom+xml"

# PS3.18, tables 8.7.3-3 to 8.7.3-5.
_JPEG, _JLS, _JP2, _JPX = "image/jpeg", "image/jls", "image/jp2", "image/jpx"
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10008.1.2.5": "image/dicom-rle",
        **{f"1.2.840.10008.1.2.4.{number}": _JPEG for number in (50, 51, 57, 70)},
        **{f"1.2.840.10008.1.2.4.{number}": _JLS for number in (80, 81)},
        **{f"1.2.840.10008.1.2.4.{number}": _JP2 for number in (90, 91)},
        **{f"1.2.840.10008.1.2.4.{number}": _JPX for number in (92, 93)},
        **{f"1.2.840.10008.1.2.4.{number}": "image/jxl" for number in (110, 111, 112)},
        **{f"1.2.840.10008.1.2.4.{number}": "image/jphc" for number in (201, 202, 203)},
        **{f"1.2.840.10008.1.2.4.{number}": "video/mpeg2" for number in (100, 101)},
        **{f"1.2.840.10008.1.2.4.{number}": "video/mp4" for number in range(102, 109)},
    }
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One media type that a client accepts.

    Attributes
    ----------
    kind
        Such as ``image/jpeg`` or ``*/*``; of a multipart message the type of its parts.
    is_multipart
        Whether the parts of a multipart message are meant.
    syntax
        Transfer syntax UID, ``*`` for any; empty when not said.
    named_elsewhere
        Media types that the client rates by their own names, so that a wildcard does not speak for them.
    """

    kind: str
    is_multipart: bool
    syntax: str
    named_elsewhere: frozenset[str] = frozenset()

    def takes(self, kind: str) -> bool:
        """Whether this media type is accepted."""
        if self.kind == kind:
            return True
        return kind not in self.named_elsewhere and self.kind in {"*/*", kind.partition("/")[0] + "/*"}


def wishes(accept: str) -> list[Wish]:
    """Read the value of ``Accept``, most wanted first; without any, everything is accepted."""
    if not accept.strip():
        return [Wish("*/*", False, "")]
    rated = [_wish(part) for part in _split(accept, ",") if part.strip(" ;")]
    named = frozenset(wish.kind for _, wish in rated if not wish.syntax)
    rated.sort(key=lambda pair: -pair[0])  # stable: what stands first wins
    return [replace(wish, named_elsewhere=named) for quality, wish in rated if quality > 0]


def choose(accept: str, *offered: str) -> str:
    """Choose the offered media type that the client wants most, bare or as the type of a multipart message.

    Raises
    ------
    NotAcceptableError
        It accepts none of them.
    """
    for wish in wishes(accept):
        for kind in offered:
            if wish.takes(kind):
                return kind
    raise refusal(offered)


def choose_attributes(accept: str) -> str:
    """Choose how attributes are written: DICOM JSON (also called JSON only), or XML, whose messages are multipart.

    Raises
    ------
    NotAcceptableError
        The client accepts neither.
    """
    for wish in wishes(accept):
        for kind in (XML,) if wish.is_multipart else (JSON, "application/json", XML):
            if wish.takes(kind):
                return kind
    raise refusal([JSON, "application/json", f'multipart/related; type="{XML}"'])


def require_utf8(charsets: str) -> None:
    """Check the character sets that a client takes, as in the query parameter ``charset`` (PS3.18, 8.3.3.2).

    Raises
    ------
    NotAcceptableError
        UTF-8 is not among them.
    """
    rated = [_wish(part) for part in _split(charsets, ",") if part.strip(" ;")]
    quality = {wish.kind: quality for quality, wish in rated}
    if charsets.strip() and not quality.get("utf-8", quality.get("*", 0.0)):
        raise NotAcceptableError("Text is available in UTF-8 only.")


def refusal(offered: Sequence[str]) -> NotAcceptableError:
    """Make the error for a client that accepts nothing of what there is."""
    return NotAcceptableError(f"This is available as {' or '.join(offered)} only.")


def wants_single(accept: str, kind: str) -> bool:
    """Whether the client wants the bare thing and no multipart message of one part."""
    return any(wish.kind == kind and not wish.is_multipart for wish in wishes(accept))


def kind_of(syntax: str) -> str:
    """Give the media type of frames in a transfer syntax."""
    return OCTETS if syntax in UNCOMPRESSED else _KINDS.get(syntax, OCTETS)


def file_syntax(accept: str, stored: str, *, can_decode: bool) -> str:
    """Choose the transfer syntax in which a file leaves: its own, or Explicit VR Little Endian.

    What the client does not say is Explicit VR Little Endian, as the standard has it; a file that cannot be
    decoded here then leaves as it is.

    Raises
    ------
    NotAcceptableError
        The client wants another one.
    """
    for wish in wishes(accept):
        if not wish.takes(DICOM):
            continue
        if wish.syntax in {"*", stored}:
            return stored
        if wish.syntax in {"", EXPLICIT_LITTLE} and can_decode:
            return EXPLICIT_LITTLE
        if not wish.syntax:
            return stored
    raise refusal([f"{DICOM} in transfer syntax {stored}"])


def frame_syntax(accept: str, stored: str, *, can_decode: bool) -> str:
    """Choose the transfer syntax in which frames leave: as stored, or Explicit VR Little Endian for uncompressed.

    Raises
    ------
    NotAcceptableError
        The client wants neither.
    """
    kind = kind_of(stored)
    for wish in wishes(accept):
        wants_stored = wish.syntax in {"*", stored}
        if wants_stored and (wish.takes(kind) or wish.takes(OCTETS)) and stored not in UNCOMPRESSED:
            return stored
        if wish.takes(OCTETS) and wish.syntax in {"", "*", EXPLICIT_LITTLE} and can_decode:
            return EXPLICIT_LITTLE
        if wish.takes(kind) and not wish.syntax and stored not in UNCOMPRESSED:
            return stored
    available = [OCTETS] if can_decode else []
    raise refusal(
        [*available, *([f"{kind}; transfer-syntax={stored}"] if stored not in UNCOMPRESSED else [])]
    )


def _wish(part: str) -> tuple[float, Wish]:
    kind, *rest = (piece.strip() for piece in _split(part, ";"))
    said = dict(_parameters(rest))
    try:
        quality = float(said.get("q", "1"))
    except ValueError:
        quality = 1.0
    is_multipart = kind.lower() in {"multipart/related", "multipart/*"}
    wanted = said.get("type", "*/*") if is_multipart else kind
    return quality, Wish(wanted.lower(), is_multipart, said.get("transfer-syntax", ""))


def _parameters(pieces: list[str]) -> Iterator[tuple[str, str]]:
    for piece in pieces:
        name, _, value = piece.partition("=")
        yield name.strip().lower(), value.strip().strip('"')


def _split(text: str, sign: str) -> list[str]:
    return re.findall(rf'(?:[^{sign}"]|"[^"]*"?)+', text)
