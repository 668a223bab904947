"""Texts that views draw: names of markups and labels of their points."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import slicer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def covered_texts(cover: Callable[[str], str] | None) -> Iterator[None]:
    """Let markups have names and labels meanwhile that may be seen by a client; None leaves them as they are."""
    with ExitStack() as undo:
        for node in () if cover is None else slicer.util.getNodesByClass("vtkMRMLMarkupsNode"):
            _cover(undo, cover, node.GetName() or "", node.SetName)
            for index in range(node.GetNumberOfControlPoints()):
                label = node.GetNthControlPointLabel(index) or ""
                _cover(undo, cover, label, node.SetNthControlPointLabel, index)
        yield


def _cover(undo: ExitStack, cover: Any, text: str, write: Callable[..., object], *place: int) -> None:
    covered = cover(text)
    if covered != text:
        undo.callback(write, *place, text)
        write(*place, covered)
