"""What the bridge says about tables, texts and sequences."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Result, SceneResult

ColumnType = Literal["string", "bool", "uint8", "int32", "int64", "float32", "float64"]
Cell = bool | int | float | str | None


class TableSummary(Result):
    """One table in a list."""

    id: str
    name: str
    row_count: int
    column_count: int


class TableColumn(Result):
    """One column."""

    name: str
    type: str = Field(description="string, bool, or NumPy's name of a number type.")
    unit: str | None = Field(description="Unit of the values; null when the table does not say.")
    description: str | None
    component_count: int = Field(description="Values in each cell; such a cell is a list when above 1.")


class TableDescription(SceneResult):
    """One table without its rows."""

    id: str
    name: str
    row_count: int
    column_count: int
    columns: tuple[TableColumn, ...] = Field(description="At most the first 1000.")
    is_locked: bool = Field(description="Whether a person cannot edit it in Slicer.")


class TableRows(SceneResult):
    """Rows of a table."""

    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell | tuple[Cell, ...], ...], ...] = Field(
        description="One list for each row, in the order of the columns; null for a number that is not finite."
    )
    first_row: int = Field(description="Zero-based index of the first row given.")
    next_cursor: str | None = Field(
        default=None, description="Ask with it for the next rows; null at the end."
    )
    total: int


class TextSummary(Result):
    """One text in a list."""

    id: str
    name: str
    length_characters: int


class TextDescription(SceneResult):
    """One text."""

    id: str
    name: str
    text: str
    start_character: int = Field(description="Zero-based index of the first character given.")
    length_characters: int = Field(description="Length of the whole text.")
    is_complete: bool = Field(description="Whether `text` is the whole text.")


class SequenceSummary(Result):
    """One sequence in a list."""

    id: str
    name: str
    item_count: int
    data_class_name: str | None = Field(description="MRML class of the items; null while there are none.")


class SequenceDescription(SceneResult):
    """One sequence."""

    id: str
    name: str
    item_count: int
    data_class_name: str | None = Field(description="MRML class of the items; null while there are none.")
    index_name: str = Field(description="What the index counts, such as time.")
    index_unit: str = Field(description="Unit of the index, such as s.")
    is_index_numeric: bool
    index_values: tuple[str, ...] = Field(description="At most the first 1000, in order.")
    browser_id: str | None = Field(description="The first browser of this sequence; null without one.")
    selected_item: int | None = Field(description="Zero-based item that the browser shows; null without one.")
    proxy_node_id: str | None = Field(
        description="Node of the scene that holds the shown item; null without one."
    )


class BrowsedSequence(Result):
    """One sequence in a browser."""

    sequence_id: str
    proxy_node_id: str | None = Field(
        description="Node of the scene that holds the shown item; null before the first."
    )


class BrowserDescription(SceneResult):
    """A browser, which moves sequences together."""

    id: str
    name: str
    item_count: int = Field(description="Items of the leading sequence.")
    selected_item: int | None = Field(description="Zero-based item that is shown; null without one.")
    index_value: str | None = Field(description="Index value of that item in the leading sequence.")
    sequences: tuple[BrowsedSequence, ...] = Field(description="The leading one first.")
