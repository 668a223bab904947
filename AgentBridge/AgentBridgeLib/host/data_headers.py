"""What data files other than images claim, where Slicer's readers believe it until the process ends."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from AgentBridgeLib.host.ply_files import check_ply

if TYPE_CHECKING:
    from pathlib import Path

_ITK_TRANSFORM = re.compile(
    rb"^Transform:\s*(?:BSpline|DisplacementField)\w*\s+(?:Parameters:[^\n]*\s+)?FixedParameters:([^\n]*)",
    re.MULTILINE,
)
_ITK_ENDINGS = (".tfm", ".txt")
_TABLE_ENDINGS = (".csv", ".tsv")
MOST_COLUMNS = 10_000
MOST_LINE_BYTES = 16 << 20


def check_data(path: Path) -> None:
    """Check a JSON file, a PLY or UCD mesh, a table or an ITK transform in text; others pass.

    Raises
    ------
    ValueError
        It claims what cannot be in it, or is nested too deeply; the words go on a sentence about the file.
    """
    name = path.name.lower()
    if name.endswith(".json"):
        _check_nesting(path.read_bytes())
    elif name.endswith(".ply"):
        check_ply(path)
    elif name.endswith(".ucd"):
        with path.open("rb") as file:
            words = file.readline(MOST_LINE_BYTES).split()
        _check_counts([int(word) for word in words if word.isdigit()], path.stat().st_size)
    elif name.endswith(_TABLE_ENDINGS):
        with path.open("rb") as file:
            first = file.readline(MOST_LINE_BYTES)
        if max(first.count(b","), first.count(b"\t")) >= MOST_COLUMNS:
            raise ValueError(
                f"has more than {MOST_COLUMNS} columns, with which Slicer would be busy for minutes"
            )
    elif name.endswith(_ITK_ENDINGS):
        text = path.read_bytes()
        sizes = [found.split()[:3] for found in _ITK_TRANSFORM.findall(text)]
        _check_counts([math.prod(int(float(size)) for size in part) for part in sizes], len(text))


def _check_nesting(text: bytes) -> None:
    """Slicer's parser calls itself for each level, without an end."""
    try:
        json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        return  # the reader says what is wrong with it


def _check_counts(counts: list[int], most: int) -> None:
    """What is counted takes at least a byte each."""
    if any(not 0 <= count <= most for count in counts):
        raise ValueError(f"claims {max(counts)} elements in {most} bytes")
