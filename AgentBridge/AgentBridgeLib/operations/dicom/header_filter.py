"""Take identifying attributes out of an encoded data set without decoding it: what stays is passed on as slices.

Explicit and implicit VR, little endian (PS3.5, chapter 7). What is encoded in an unusual way raises `ValueError`; then
pydicom has to do it. Sequences that lose something are written anew with undefined lengths (PS3.5, 7.5.1).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from AgentBridgeLib.operations.dicom.library import PIXEL_TAGS
from AgentBridgeLib.operations.dicom.privacy import covering, representation_of

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import Buffer
    from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_HEAD = struct.Struct("<HH")
_SHORT = struct.Struct("<H")
_WORD = struct.Struct("<I")
_BEGIN_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
_FINISH_ITEM = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
_FINISH_SEQUENCE = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


class HeaderFilter:
    """Walks over one encoded data set.

    Parameters
    ----------
    data
        The whole file.
    is_implicit
        Whether value representations are not written.
    uids
        Gives UIDs their pseudonyms; without, they stay.
    """

    def __init__(self, data: bytes, *, is_implicit: bool, uids: UidPseudonyms | None = None) -> None:
        self._uids = uids
        self._data = data
        self._view = memoryview(data)
        self._is_implicit = is_implicit

    def run(self, start: int, end: int, added: dict[int, bytes]) -> tuple[list[Buffer], int]:
        """Filter from `start` to `end` or the pixels; give the pieces, and where it stopped.

        Parameters
        ----------
        start, end
            Where the data set begins and ends.
        added
            Elements in their encoded form, by tag: they replace those of the file.

        Raises
        ------
        ValueError
            Something is encoded in an unusual way.
        """
        try:
            return self._dataset(start, end, added)
        except (struct.error, IndexError) as fault:
            raise ValueError("a length points behind the end") from fault
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def value_of(self, wanted: int, start: int) -> bytes:
        """Find the value of an element of the data set that begins at `start`; empty without one.

        Raises
        ------
        ValueError
            What stands before it cannot be passed over, or it is cut off.
        """
        at = start
        try:
            while at < len(self._data):
                tag, _, value, length = self._element(at)
                if tag >= wanted:
                    return self._data[value : value + length] if tag == wanted else b""
                if length == UNDEFINED:
                    raise ValueError("a sequence of undefined length")
                at = value + length
        except (struct.error, IndexError) as fault:
            raise ValueError("a length points behind the end") from fault
        return b""

    def _dataset(
        self, start: int, end: int, added: dict[int, bytes], *, is_item: bool = False
    ) -> tuple[list[Buffer], int]:
        """Filter elements up to the pixels, the end of an item, or `end`; what does not change is one piece."""
        pieces: list[Buffer] = []
        waiting = dict(sorted(added.items()))
        at = kept_from = start
        while at < end:
            tag, kind, value, length = self._element(at)
            if tag in PIXEL_TAGS or (is_item and tag == _END_OF_ITEM):
                break
            while waiting and next(iter(waiting)) <= tag:
                pieces += [self._view[kept_from:at], waiting.pop(next(iter(waiting)))]
                kept_from = at
            action = "drop" if tag in added else covering(tag, kind)
            if action == "keep" and kind == "UI" and self._uids is not None:
                after, replaced = self._renamed(at, value, length)
            else:
                after, replaced = self._apply(at, action, value, length)
            if after > end:
                raise ValueError("an element is longer than what it stands in")
            if replaced is not None:
                pieces += [self._view[kept_from:at], *replaced]
                kept_from = after
            at = after
        pieces.append(self._view[kept_from:at])
        return [*pieces, *waiting.values()], at

    def _apply(self, at: int, action: str, value: int, length: int) -> tuple[int, list[Buffer] | None]:
        """Give where the next element begins, and what stands in place of this one; None when it stays."""
        if action == "descend":
            return self._sequence(at, value, length)
        if length == UNDEFINED:
            if action != "drop":
                raise ValueError("a value of undefined length is no sequence")
            return self._sequence(at, value, length)[0], []
        after = value + length
        if action == "drop" or (action == "empty" and length == 0):
            return after, [] if action == "drop" else None
        if action == "empty":
            width = 4 if self._is_implicit or value - at == 12 else 2  # of the length
            return after, [self._data[at : value - width], bytes(width)]
        return after, None

    def _renamed(self, at: int, value: int, length: int) -> tuple[int, list[Buffer] | None]:
        """Give a UID its pseudonym; as `_apply`."""
        assert self._uids is not None
        text = self._data[value : value + length].decode("ascii", "strict")
        covered = self._uids.cover(text.rstrip("\0 ")).encode()
        covered += bytes(len(covered) % 2)
        if covered.rstrip(b"\0") == text.rstrip("\0 ").encode():
            return value + length, None
        size = _SHORT.pack(len(covered)) if not self._is_implicit else _WORD.pack(len(covered))
        return value + length, [self._data[at : value - len(size)], size, covered]

    def _sequence(self, at: int, value: int, length: int) -> tuple[int, list[Buffer] | None]:
        end = len(self._data) if length == UNDEFINED else value + length
        pieces: list[Buffer] = [self._data[at : value - 4], _WORD.pack(UNDEFINED)]
        is_changed, here = False, value
        while here < end:
            tag, _, inside, size = self._element(here)
            if tag == _END_OF_SEQUENCE and length == UNDEFINED:
                here = inside
                break
            if tag != _ITEM:
                raise ValueError("a sequence has something else than items")
            found, stop = self._dataset(
                inside, end if size == UNDEFINED else inside + size, {}, is_item=size == UNDEFINED
            )
            is_changed |= len(found) > 1
            pieces += [_BEGIN_ITEM, *found, _FINISH_ITEM]
            here = stop + (8 if size == UNDEFINED else 0)
        pieces.append(_FINISH_SEQUENCE)
        return here, pieces if is_changed else None

    def _element(self, at: int) -> tuple[int, str | None, int, int]:
        """Read tag, value representation, place and length of the value."""
        group, number = _HEAD.unpack_from(self._data, at)
        tag = group << 16 | number
        if self._is_implicit or group == 0xFFFE:
            kind = None if group == 0xFFFE else representation_of(tag, None)
            return tag, kind, at + 8, _WORD.unpack_from(self._data, at + 4)[0]
        code = self._data[at + 4 : at + 6]
        if code in _LONG:
            return tag, code.decode(), at + 12, _WORD.unpack_from(self._data, at + 8)[0]
        if not (code.isalpha() and code.isupper()):
            raise ValueError("no value representation where one has to be")
        return tag, code.decode(), at + 8, _SHORT.unpack_from(self._data, at + 6)[0]
