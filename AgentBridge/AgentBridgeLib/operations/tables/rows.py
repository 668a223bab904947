"""Read, add and change rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from AgentBridgeLib.model.base import PageArguments
from AgentBridgeLib.model.fields import TableId
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.model.tables import Cell, TableDescription, TableRows
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.tables.columns import (
    check_value,
    describe_column,
    read_cell,
    to_native,
    type_of_array,
)
from AgentBridgeLib.operations.tables.tables import (
    MOST_COLUMNS,
    MOST_ROWS,
    TABLE,
    TableArguments,
    Values,
    describe_table,
)
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext

MOST_CELLS = 200_000


class RowsArguments(PageArguments):
    """Which rows."""

    table_id: TableId = Field(description="The table.")


class AddRowsArguments(TableArguments):
    """The rows to add."""

    rows: Annotated[tuple[Values, ...], Field(min_length=1, max_length=MOST_ROWS)] = Field(
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


@operation(
    name="tables.rows",
    capability="scene.read",
    route="GET /tables/{table_id}/rows",
    read_only=True,
    revision_scope="node",
    keywords="spreadsheet read cells values CSV",
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
    return describe_table(node)


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
    return describe_table(node)


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
