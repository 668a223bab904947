"""Make, read and change tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from AgentBridgeLib.model.base import Arguments, Page, PageArguments
from AgentBridgeLib.model.fields import TableId
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.model.tables import Cell, ColumnType, TableDescription, TableRows, TableSummary
from AgentBridgeLib.operations.common.listing import page_of_class
from AgentBridgeLib.operations.markups.shapes import invalid
from AgentBridgeLib.operations.tables.columns import (
    check_value,
    describe_column,
    new_array,
    read_cell,
    to_native,
    type_of_array,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

TABLE = "vtkMRMLTableNode"
MOST_COLUMNS = 1000
MOST_ROWS = 100_000
MOST_CELLS = 200_000
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
_Values = Annotated[tuple[Cell, ...], Field(max_length=MOST_ROWS)]


class TableArguments(Arguments):
    """Which table."""

    table_id: TableId = Field(description="The table.")


class RowsArguments(PageArguments):
    """Which rows."""

    table_id: TableId = Field(description="The table.")


class NewColumn(Arguments):
    """A column with its values."""

    name: _Name = Field(description="Name; every column has another one.")
    type: ColumnType = Field(default="float64", description="What its cells hold.")
    unit: Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, description="Unit of the values."
    )
    description: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] | None = Field(
        default=None, description="What it says."
    )
    values: _Values = Field(
        default=(), description="From the first row on; null in a float column is not-a-number."
    )


_Columns = Annotated[tuple[NewColumn, ...], Field(min_length=1, max_length=MOST_COLUMNS)]


class CreateArguments(Arguments):
    """What to make."""

    name: _Name | None = Field(default=None, description="Name of the node; made unique.")
    columns: _Columns = Field(description="All with the same number of values.")


class ReplaceArguments(TableArguments):
    """The new columns."""

    columns: _Columns = Field(description="All with the same number of values.")


class AddRowsArguments(TableArguments):
    """The rows to add."""

    rows: Annotated[tuple[_Values, ...], Field(min_length=1, max_length=MOST_ROWS)] = Field(
        description="One list for each row, in the order of the columns."
    )


def _whole(value: object) -> object:
    """Take the digits of a path for a number; beside a JSON body nothing else converts them."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


class UpdateRowArguments(TableArguments):
    """Which cells of which row."""

    row: Annotated[int, Field(ge=0), BeforeValidator(_whole)] = Field(
        description="Zero-based index of the row."
    )
    values: Annotated[dict[str, Cell], Field(min_length=1, max_length=MOST_COLUMNS)] = Field(
        description="New values by name of the column."
    )


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
    return _describe(context.host.scene.node(arguments.table_id, TABLE))


@operation(
    name="tables.rows",
    capability="scene.read",
    route="GET /tables/{table_id}/rows",
    read_only=True,
    revision_scope="node",
)
def read_rows(context: OperationContext, arguments: RowsArguments) -> TableRows:
    """Read rows of a table, page by page, with the types of its columns.

    Returns
    -------
    TableRows
        Values as JSON numbers, booleans and strings; numbers that are not finite are null.

    Raises
    ------
    NodeNotFoundError, NodeTypeError
        There is no such table.
    ArgumentInvalidError
        The cursor is none of this list.

    Notes
    -----
    At most 200,000 cells at once: of a wide table fewer rows than `limit` come. Source: `vtkTable`.
    """
    node = context.host.scene.node(arguments.table_id, TABLE)
    table, count = node.GetTable(), node.GetNumberOfRows()
    width = min(node.GetNumberOfColumns(), MOST_COLUMNS)
    bounds = page_bounds(
        count,
        str,
        limit=min(arguments.limit, max(1, MOST_CELLS // max(1, width))),
        cursor=arguments.cursor,
        question=f"tables.rows {node.GetID()}",
    )
    arrays = [table.GetColumn(column) for column in range(width)]
    rows = tuple(tuple(read_cell(array, row) for array in arrays) for row in range(bounds.start, bounds.stop))
    return TableRows(
        columns=tuple(describe_column(node, column) for column in range(width)),
        rows=rows,
        first_row=bounds.start,
        next_cursor=bounds.next_cursor,
        total=count,
    )


@operation(name="tables.create", capability="scene.edit", route="POST /tables", status=201)
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
    return _describe(node)


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
    return _describe(node)


@operation(
    name="tables.add_rows",
    capability="scene.edit",
    route="POST /tables/{table_id}/rows",
    status=201,
    revision_scope="node",
)
def add_rows(context: OperationContext, arguments: AddRowsArguments) -> TableDescription:
    """Add rows at the end of a table.

    Returns
    -------
    TableDescription
        The table as it is now.

    Raises
    ------
    ArgumentInvalidError
        A row has more or fewer values than there are columns, or a value does not fit; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such table.

    Notes
    -----
    Source: `vtkMRMLTableNode`.
    """
    node = context.host.scene.node(arguments.table_id, TABLE)
    arrays = _simple_arrays(node)
    types = [type_of_array(array) for array in arrays]
    for number, row in enumerate(arguments.rows):
        if len(row) != len(arrays):
            raise invalid(f"rows/{number}", f"it has {len(row)} values for {len(arrays)} columns")
        for column, value in enumerate(row):
            check_value(value, types[column], f"/rows/{number}/{column}")
    was_modifying = node.StartModify()
    try:
        for column, array in enumerate(arrays):
            for row in arguments.rows:
                array.InsertNextValue(to_native(row[column], types[column]))
        _tell(node)
    finally:
        node.EndModify(was_modifying)
    context.mark_made([node])
    return _describe(node)


@operation(
    name="tables.update_row",
    capability="scene.edit",
    route="PATCH /tables/{table_id}/rows/{row}",
    idempotent=True,
    revision_scope="node",
)
def update_row(context: OperationContext, arguments: UpdateRowArguments) -> TableDescription:
    """Change cells of one row.

    Returns
    -------
    TableDescription
        The table as it is now.

    Raises
    ------
    ArgumentInvalidError
        There is no such row or column, or a value does not fit; nothing was changed.
    NodeNotFoundError, NodeTypeError
        There is no such table.

    Notes
    -----
    Source: `vtkMRMLTableNode`.
    """
    node = context.host.scene.node(arguments.table_id, TABLE)
    if arguments.row >= node.GetNumberOfRows():
        raise invalid("row", f"the table has {node.GetNumberOfRows()} rows, counted from 0")
    arrays = {array.GetName(): array for array in _simple_arrays(node)}
    for name, value in arguments.values.items():
        if name not in arrays:
            raise invalid("values", f"the table has no column '{name}'")
        check_value(value, type_of_array(arrays[name]), f"/values/{name}")
    for name, value in arguments.values.items():
        arrays[name].SetValue(arguments.row, to_native(value, type_of_array(arrays[name])))
    _tell(node)
    context.mark_made([node])
    return _describe(node)


def _describe(node: Any) -> TableDescription:
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


def _simple_arrays(node: Any) -> list[Any]:
    arrays = [node.GetTable().GetColumn(column) for column in range(node.GetNumberOfColumns())]
    for array in arrays:
        if array.GetNumberOfComponents() != 1:
            raise invalid("table_id", f"column '{array.GetName()}' has several values in each cell")
    return arrays


def _tell(node: Any) -> None:
    """Announce a change of cells, which VTK's arrays keep to themselves."""
    node.GetTable().Modified()
    node.Modified()
