"""Write data sets as DICOM JSON (PS3.18, annex F)."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import FileUnreadableError
from AgentBridgeLib.operations.dicom.library import quiet, some_at_a_time
from AgentBridgeLib.operations.dicom.values import BINARY, is_known

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from AgentBridgeLib.dispatch.context import Progress
    from AgentBridgeLib.operations.dicom.values import JsonDataset

DEEPEST = 100
_LONGEST = 1 << 30


class JsonWriter:
    """Writes data sets of pydicom.

    Parameters
    ----------
    most_bytes
        Binary values up to this length are kept as InlineBinary.
    link
        Gives the address of a larger one by its place, such as ``54000100.0.54001010`` (tag, item from 0, tag);
        without it larger ones are left out.
    keeps_private
        Whether private attributes stay, and those that no dictionary knows.

    Attributes
    ----------
    left_out
        Names of what was not written: binary, private, broken.
    """

    def __init__(
        self, most_bytes: int = 0, *, link: Callable[[str], str] | None = None, keeps_private: bool = False
    ) -> None:
        self._most_bytes = most_bytes
        self._link = link
        self._keeps_private = keeps_private
        self.left_out: list[str] = []

    def write(self, dataset: Any) -> JsonDataset:
        """Write a data set.

        Raises
        ------
        FileUnreadableError
            Its sequences are nested more deeply than 100 levels.
        """
        with quiet():
            return _joined(self._elements(dataset, ""))

    def write_in_steps(self, dataset: Any) -> Generator[Progress, None, JsonDataset]:
        """Write a data set in small steps: those of multi-frame images have thousands of items. As `write`."""
        found = yield from some_at_a_time(self._elements(dataset, ""), "Reading attributes")
        return _joined(found)

    def _elements(self, dataset: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give tag and element; nothing instead after each item of the outermost sequences, where a step may end."""
        if place.count(".") > 2 * DEEPEST:
            raise FileUnreadableError(
                f"The file of this instance is nested more deeply than {DEEPEST} levels."
            )
        for item in dataset:
            tag = f"{int(item.tag):08X}"
            if item.tag.element == 0:
                continue  # lengths of groups are of the encoding (PS3.5, 7.2)
            if not (self._keeps_private or is_known(int(item.tag))):
                self.left_out.append(item.keyword or tag)
            elif item.VR == "SQ":
                parts = []
                for number, part in enumerate(item.value):
                    parts.append(_joined(self._elements(part, f"{place}{tag}.{number}.")))
                    if not place:
                        yield "", {}
                yield tag, {"vr": "SQ", **({"Value": parts} if parts else {})}
            elif made := self._element(item, place + tag):
                yield tag, made
            else:
                self.left_out.append(item.keyword or tag)

    def _element(self, item: Any, place: str) -> dict[str, Any]:
        if item.VR in BINARY and len(item.value or b"") > self._most_bytes:
            return {"vr": item.VR, "BulkDataURI": self._link(place)} if self._link is not None else {}
        with suppress(Exception):  # one bad value must not hide all others
            return _with_nulls(item.to_json_dict(None, _LONGEST))
        return {}


def _joined(elements: Any) -> JsonDataset:
    return {tag: element for tag, element in elements if tag}


def _with_nulls(made: dict[str, Any]) -> dict[str, Any]:
    """Write as null what JSON has no value for: an empty one among several (PS3.18, F.2.5), infinity, not a number."""
    values = made.get("Value")
    if values and any(_is_nothing(value) for value in values):
        made["Value"] = [None if _is_nothing(value) else value for value in values]
    return made


def _is_nothing(value: object) -> bool:
    return value == "" or (isinstance(value, float) and not math.isfinite(value))
