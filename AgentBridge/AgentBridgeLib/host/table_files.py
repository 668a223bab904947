"""Tables written with all of their digits and texts.

Slicer's writer (`vtkDelimitedTextWriter`) keeps six digits of a number, writes bytes as characters, and leaves texts
in .tsv files bare, so that empty ones, those with tabs and those that begin with # are lost. Its reader takes numbers
of any length and texts in quotation marks, but nothing stands for a quotation mark or a line break in a text: these
become a typographic mark and a space, so that the rest of the row stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import vtk

from AgentBridgeLib.errors import StorageFailedError

if TYPE_CHECKING:
    from pathlib import Path

_STORAGE = re.compile(r"(?:^|;)\s*storage:([^\s;]+)")
_SUBSTITUTES = str.maketrans({'"': "\N{RIGHT DOUBLE QUOTATION MARK}", "\n": " ", "\r": None})


def write_exactly(node: Any, path: Path) -> None:
    """Write the rows of a table node over a file that Slicer wrote of it; one with columns of vectors stays so.

    Raises
    ------
    StorageFailedError
        The disk is full.
    """
    table = node.GetTable()
    columns = [table.GetColumn(index) for index in range(table.GetNumberOfColumns())]
    if any(column.GetNumberOfComponents() != 1 for column in columns):
        return
    delimiter = "," if path.suffix.lower() == ".csv" else "\t"
    rows = [[_masked(column.GetName() or "") for column in columns]]
    rows += [[_text(column, row) for column in columns] for row in range(table.GetNumberOfRows())]
    try:
        path.write_text("".join(f"{delimiter.join(row)}\n" for row in rows), encoding="utf-8", newline="")
    except OSError as error:
        raise StorageFailedError(f"{path.name} could not be written: {error.strerror}.") from error


def table_files(scene_file: Path) -> dict[str, str]:
    """Give the files of the tables in a scene file: id of the node to name, as it stands there."""
    storages: dict[str, str] = {}
    names: dict[str, str] = {}

    def note(element: str, attributes: dict[str, str]) -> None:
        found = _STORAGE.search(attributes.get("references", ""))
        if element == "Table" and found:
            storages[attributes["id"]] = found[1]
        elif element == "TableStorage":
            names[attributes["id"]] = attributes.get("fileName", "")

    parser = expat.ParserCreate()
    parser.StartElementHandler = note
    parser.Parse(scene_file.read_bytes(), True)
    return {node_id: names[storage] for node_id, storage in storages.items() if names.get(storage)}


def _text(column: Any, row: int) -> str:
    kind = column.GetDataType()
    if kind == vtk.VTK_STRING:
        return _masked(column.GetValue(row))
    if kind == vtk.VTK_VARIANT:
        return _masked(column.GetValue(row).ToString())
    value = column.GetComponent(row, 0) if kind == vtk.VTK_CHAR else column.GetValue(row)
    return repr(value) if isinstance(value, float) and kind != vtk.VTK_CHAR else str(int(value))


def _masked(text: str) -> str:
    return f'"{text.translate(_SUBSTITUTES)}"'
