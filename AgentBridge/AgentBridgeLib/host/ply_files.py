"""Whether a PLY mesh is all there, and its faces name points that it has; else VTK's reader ends the process.

Source: "The PLY Polygon File Format", G. Turk, 1994.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 64 * 1024
FIRST_ROWS = 16
"""How many rows are tried at first as rows of lists of one length."""
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(slots=True)
class _Element:
    """One kind of rows: their number, and types of their values; of a list the types of its length and items."""

    name: str
    count: int
    types: list[tuple[str, ...]] = field(default_factory=list)

    def record(self, lengths: list[int]) -> np.dtype[Any]:
        """Give the type of a row whose lists have these lengths."""
        left = iter(lengths)
        fields: list[Any] = []
        for number, types in enumerate(self.types):
            if len(types) == 2:
                fields.append((f"n{number}", types[0]))
            fields.append((f"v{number}", types[-1], (next(left),) if len(types) == 2 else ()))
        return np.dtype(fields)


def check_ply(path: Path) -> None:
    """Check a PLY file.

    Raises
    ------
    ValueError
        It is cut, or a face names a point that is not there; the words go on a sentence about the file.
    """
    with path.open("rb") as file:
        head, end, _ = file.read(HEAD_BYTES).partition(b"end_header")
    words = [line.split() for line in head.decode("latin-1").splitlines()]
    order = next((_ORDERS.get(line[1]) for line in words if line[:1] == ["format"] and len(line) > 1), None)
    elements = _elements(words, order or "<")
    if not end or not elements:
        return  # the reader says what is wrong with it
    size = path.stat().st_size
    if any(not 0 <= element.count <= size for element in elements):
        raise ValueError(f"claims more elements than its {size} bytes can hold")
    data = path.read_bytes()[len(head) + len(end) :].partition(b"\n")[2]
    points = next((element.count for element in elements if element.name == "vertex"), 0)
    if order is None:
        _check_text(data.split(b"\n"), elements, points)
    else:
        _check_binary(data, elements, points)


def _elements(words: list[list[str]], order: str) -> list[_Element]:
    found: list[_Element] = []
    for line in words:
        if line[:1] == ["element"] and len(line) == 3:
            found.append(_Element(line[1], int(line[2])))
        elif line[:1] == ["property"] and found:
            names = line[2:4] if line[1] == "list" else line[1:2]
            if not names or any(name not in _TYPES for name in names):
                raise ValueError(f"has values of unknown types: {' '.join(names)}")
            found[-1].types.append(tuple(order + _TYPES[name] for name in names))
    return found


def _check_text(lines: list[bytes], elements: list[_Element], points: int) -> None:
    rows, start = [line for line in lines if line.strip()], 0
    for element in elements:
        own = rows[start : start + element.count]
        start += element.count
        if len(own) < element.count:
            raise ValueError("is cut: it has fewer rows than it claims")
        if element.name == "face" and own:
            _check_face_rows(own, points)


def _check_face_rows(rows: list[bytes], points: int) -> None:
    numbers = np.fromstring(b" ".join(rows), sep=" ")
    if numbers.size and numbers.size % len(rows) == 0:
        table = numbers.reshape(len(rows), -1)
        count = int(table[0, 0])
        if (table[:, 0] == count).all() and count < table.shape[1]:
            _check_indices(table[:, 1 : 1 + count], points)
            return
    for values in map(bytes.split, rows):
        _check_indices(np.array(values[1 : 1 + int(values[0])], np.int64), points)


def _check_binary(data: bytes, elements: list[_Element], points: int) -> None:
    place = 0
    for element in elements:
        done, most = 0, FIRST_ROWS
        while done < element.count:
            record = element.record(_lengths(data, place, element))
            count = min(most, element.count - done, (len(data) - place) // max(1, record.itemsize))
            rows = np.frombuffer(data, record, count, place)
            same = np.ones(len(rows), bool)
            for name in filter(lambda name: name.startswith("n"), record.names or ()):
                same &= rows[name] == rows[name][:1]
            most = 4 * most if same.all() else FIRST_ROWS
            rows = rows[: len(rows) if same.all() else int(same.argmin())]
            if not len(rows):
                raise ValueError("is cut: it has fewer bytes than it claims")
            if element.name == "face" and element.types and len(element.types[0]) == 2:
                _check_indices(rows["v0"], points)
            done, place = done + len(rows), place + len(rows) * record.itemsize


def _lengths(data: bytes, place: int, element: _Element) -> list[int]:
    """Read the lengths of the lists of one row."""
    found: list[int] = []
    for types in element.types:
        if len(types) == 2:
            length = np.frombuffer(data[place : place + 8].ljust(8, b"\0"), types[0], 1)[0]
            found.append(max(0, int(length)))
            place += np.dtype(types[0]).itemsize + found[-1] * np.dtype(types[1]).itemsize
        else:
            place += np.dtype(types[0]).itemsize
    if place > len(data):
        raise ValueError("is cut: it has fewer bytes than it claims")
    return found


def _check_indices(indices: Any, points: int) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= points):
        raise ValueError("has a face that names a point that is not there")
