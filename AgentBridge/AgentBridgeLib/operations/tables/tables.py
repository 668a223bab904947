"""List, make and describe tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import NodeName, TableId
from AgentBridgeLib.model.tables import Cell, ColumnType, TableDescription, TableSummary
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.tables.columns import (
    check_value,
    describe_column,
    new_array,
    to_native,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

TABLE = "vtkMRMLTableNode"
MOST_COLUMNS = 1000
MOST_ROWS = 100_000
ColumnName = Annotated[str, Field(min_length=1, max_length=200, pattern=r'^[^\x00-\x1f"]+$')]
"""Slicer's table files have nothing that stands for a quotation mark."""
Values = Annotated[tuple[Cell, ...], Field(max_length=MOST_ROWS)]


class TableArguments(Arguments):
    """Which table."""

    table_id: TableId = Field(description="The table.")


class NewColumn(Arguments):
    """A column with its values."""

    name: ColumnName = Field(description="Name; every column has another one.")
    type: ColumnType = Field(default="float64", description="What its cells hold.")
    unit: Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, description="Unit of the values."
    )
    description: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, description="What it says."
    )
    values: Values = Field(
        default=(), description="From the first row on; null in a float column is not-a-number."
    )


_Columns = Annotated[tuple[NewColumn, ...], Field(min_length=1, max_length=MOST_COLUMNS)]


class CreateArguments(Arguments):
    """What to make."""

    name: NodeName | None = Field(default=None, description="Name of the node; made unique.")
    columns: _Columns = Field(description="All with the same number of values.")


class ReplaceArguments(TableArguments):
    """The new columns."""

    columns: _Columns = Field(description="All with the same number of values.")


@operation(name="tables.list", capability="scene.read", route="GET /tables", read_only=True)
def list_tables(context: OperationContext, arguments: PageArguments) -> Page[TableSummary]:
    """List the tables of the scene, page by page.

    Raises
    ------
    ArgumentInvalidError
        The cursor is none of this list.
    """
    return page_of_class(
        context,
        arguments,
        TABLE,
        Page[TableSummary],
        lambda node: TableSummary(
            id=node.GetID(),
            name=node.GetName() or "",
            row_count=node.GetNumberOfRows(),
            column_count=node.GetNumberOfColumns(),
        ),
    )


@operation(
    name="tables.get",
    capability="scene.read",
    route="GET /tables/{table_id}",
    read_only=True,
    revision_scope="node",
)
def get_table(context: OperationContext, arguments: TableArguments) -> TableDescription:
    """Describe one table: its columns with types and units, and how many rows it has.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such table.

    Notes
    -----
    Source: `vtkMRMLTableNode`.
    """
    return describe_table(context.host.scene.node(arguments.table_id, TABLE))


@operation(
    name="tables.create",
    capability="scene.edit",
    route="POST /tables",
    status=201,
    keywords="spreadsheet results statistics measurements rows columns CSV list",
)
def create_table(context: OperationContext, arguments: CreateArguments) -> TableDescription:
    """Make a table of typed columns.

    Returns
    -------
    TableDescription
        The new node.

    Raises
    ------
    ArgumentInvalidError
        Columns differ in length or share a name, or a value does not fit its type; nothing was made.

    Notes
    -----
    Source: `vtkMRMLTableNode`.
    """
    _check(arguments.columns)
    scene = context.host.scene.scene
    node = scene.AddNewNodeByClass(TABLE, scene.GenerateUniqueName(arguments.name or "Table"))
    _fill(node, arguments.columns)
    context.mark_made([node])
    return describe_table(node)


@operation(
    name="tables.replace",
    capability="scene.edit",
    route="PUT /tables/{table_id}",
    idempotent=True,
    destructive=True,
    revision_scope="node",
)
def replace_table(context: OperationContext, arguments: ReplaceArguments) -> TableDescription:
    """Replace all columns of a table; id and name stay.

    Returns
    -------
    TableDescription
        The table as it is now.

    Raises
    ------
    ArgumentInvalidError
        Columns differ in length or share a name, or a value does not fit its type; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such table.

    Notes
    -----
    Source: `vtkMRMLTableNode`.
    """
    node = context.host.scene.node(arguments.table_id, TABLE)
    _check(arguments.columns)
    was_modifying = node.StartModify()
    try:
        node.RemoveAllColumns()
        _fill(node, arguments.columns)
    finally:
        node.EndModify(was_modifying)
    context.mark_made([node])
    return describe_table(node)


def describe_table(node: Any) -> TableDescription:
    """Describe a table without its rows."""
    count = node.GetNumberOfColumns()
    return TableDescription(
        id=node.GetID(),
        name=node.GetName() or "",
        row_count=node.GetNumberOfRows(),
        column_count=count,
        columns=tuple(describe_column(node, column) for column in range(min(count, MOST_COLUMNS))),
        is_locked=bool(node.GetLocked()),
    )


def _check(columns: tuple[NewColumn, ...]) -> None:
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise invalid("columns", "two columns have the same name")
    if len({len(column.values) for column in columns}) != 1:
        raise invalid("columns", "all columns must have the same number of values")
    for number, column in enumerate(columns):
        for row, value in enumerate(column.values):
            check_value(value, column.type, f"/columns/{number}/values/{row}")


def _fill(node: Any, columns: tuple[NewColumn, ...]) -> None:
    for column in columns:
        array = new_array(column.name, column.type)
        for value in column.values:
            array.InsertNextValue(to_native(value, column.type))
        node.AddColumn(array)
        if column.unit is not None:
            node.SetColumnUnitLabel(column.name, column.unit)
        if column.description is not None:
            node.SetColumnDescription(column.name, column.description)
