import math

import pytest
import slicer
import vtk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.operations.tables import rows as table_rows
from AgentBridgeLib.operations.tables import tables

COLUMNS = (
    {"name": "label", "type": "string", "values": ("a", "b é漢", "")},
    {"name": "volume", "type": "float64", "unit": "ml", "description": "of it", "values": (1.5, None, -3)},
    {"name": "count", "type": "int64", "values": (2**53 + 1, -7, 0)},
    {"name": "is_new", "type": "bool", "values": (True, False, True)},
    {"name": "byte", "type": "uint8", "values": (0, 255, 3)},
)
CELLS = {
    "string": some.text(some.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
    "bool": some.booleans(),
    "int32": some.integers(-(2**31), 2**31 - 1),
    "int64": some.integers(-(2**63), 2**63 - 1),
    "float32": some.none() | some.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": some.none() | some.floats(allow_nan=False, allow_infinity=False),
}


def create(context, columns=COLUMNS, **arguments):
    return tables.create_table(
        context, tables.CreateArguments.model_validate({"columns": columns, **arguments})
    )


def rows(context, table_id, **arguments):
    return table_rows.read_rows(context, table_rows.RowsArguments(table_id=table_id, **arguments))


def test_columns_keep_types_units_and_values(context):
    """issue:#3."""
    made = create(context, name="Results")
    assert (made.name, made.row_count, made.column_count) == ("Results", 3, 5)
    found = rows(context, made.id)
    assert [column.type for column in found.columns] == ["string", "float64", "int64", "bool", "uint8"]
    assert (found.columns[1].unit, found.columns[1].description) == ("ml", "of it")
    assert found.rows == (
        ("a", 1.5, 2**53 + 1, True, 0),
        ("b é漢", None, -7, False, 255),
        ("", -3.0, 0, True, 3),
    )
    assert [type(cell) for cell in found.rows[0]] == [str, float, int, bool, int]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data(), types=some.lists(some.sampled_from(sorted(CELLS)), min_size=1, max_size=4))
def test_any_cell_comes_back(context, data, types):
    """issue:#3: a property."""
    slicer.mrmlScene.Clear(0)
    values = [data.draw(some.lists(CELLS[kind], min_size=3, max_size=3)) for kind in types]
    columns = [
        {"name": f"c{number}", "type": kind, "values": column}
        for number, (kind, column) in enumerate(zip(types, values, strict=True))
    ]
    found = rows(context, create(context, columns).id)
    assert [list(column) for column in zip(*found.rows, strict=True)] == values


def test_rows_come_in_pages(context):
    """house."""
    made = create(context, ({"name": "n", "type": "int64", "values": tuple(range(25))},))
    seen, cursor = [], None
    while True:
        page = rows(context, made.id, limit=10, cursor=cursor)
        assert page.first_row == len(seen)
        seen += [row[0] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == list(range(25))


def test_rows_are_added_and_cells_changed(context):
    """issue:#3."""
    made = create(context)
    added = table_rows.add_rows(
        context,
        table_rows.AddRowsArguments(table_id=made.id, rows=(("c", 2, 9, False, 7), ("d", None, 1, True, 8))),
    )
    assert added.row_count == 5
    revision = context.host.scene.revision
    table_rows.update_row(
        context, table_rows.UpdateRowArguments(table_id=made.id, row=4, values={"volume": 2.25, "label": "e"})
    )
    assert context.host.scene.revision > revision
    assert rows(context, made.id).rows[3:] == (("c", 2.0, 9, False, 7), ("e", 2.25, 1, True, 8))


def test_replacing_keeps_the_node(context, scene):
    """issue:#3."""
    made = create(context, name="Kept")
    changed = tables.replace_table(
        context,
        tables.ReplaceArguments(
            table_id=made.id, columns=(tables.NewColumn(name="x", type="float32", values=(0.5,)),)
        ),
    )
    assert (changed.id, changed.name, changed.row_count) == (made.id, "Kept", 1)
    assert [column.type for column in changed.columns] == ["float32"]


def test_values_that_do_not_fit_change_nothing(context, scene):
    """issue:#3: nothing is converted in silence."""
    before = scene.GetNumberOfNodes()
    for kind, value in (
        ("int32", 2**31),
        ("int64", 1.5),
        ("int64", None),
        ("int64", True),
        ("uint8", -1),
        ("string", 5),
        ("bool", 1),
        ("float64", "1"),
    ):
        with pytest.raises(ArgumentInvalidError) as refused:
            create(context, ({"name": "x", "type": kind, "values": (value,)},))
        assert refused.value.errors[0].pointer == "/columns/0/values/0"
    with pytest.raises(ArgumentInvalidError, match="same number"):
        create(context, ({"name": "x", "values": (1.0,)}, {"name": "y", "values": ()}))
    with pytest.raises(ArgumentInvalidError, match="same name"):
        create(context, ({"name": "x", "values": ()}, {"name": "x", "values": ()}))
    assert scene.GetNumberOfNodes() == before
    made = create(context)
    for bad in (("c", 2, 9, False), ("c", 2, 9, "no", 7)):
        with pytest.raises(ArgumentInvalidError, match="rows"):
            table_rows.add_rows(
                context, table_rows.AddRowsArguments(table_id=made.id, rows=(COLUMNS_ROW, bad))
            )
    for row, values in ((3, {"label": "x"}), (0, {"nothing": 1}), (0, {"label": "x", "count": 0.5})):
        with pytest.raises(ArgumentInvalidError):
            table_rows.update_row(
                context, table_rows.UpdateRowArguments(table_id=made.id, row=row, values=values)
            )
    assert rows(context, made.id).rows[0] == ("a", 1.5, 2**53 + 1, True, 0)
    assert rows(context, made.id).total == 3


COLUMNS_ROW = ("c", 2, 9, False, 7)


def test_cells_with_several_values_and_numbers_that_are_not_finite_are_read(context, scene):
    """slicer: a column may have components."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode")
    array = vtk.vtkFloatArray()
    array.SetName("position")
    array.SetNumberOfComponents(3)
    array.InsertNextTuple3(1, 2, math.inf)
    node.AddColumn(array)
    found = rows(context, node.GetID())
    assert found.rows == (((1.0, 2.0, None),),)
    assert found.columns[0].component_count == 3
    with pytest.raises(ArgumentInvalidError, match="several values"):
        table_rows.update_row(
            context, table_rows.UpdateRowArguments(table_id=node.GetID(), row=0, values={"position": 1})
        )


def test_tables_are_listed(context):
    """house."""
    made = create(context)
    listed = tables.list_tables(context, tables.PageArguments())
    assert [(item.id, item.row_count, item.column_count) for item in listed.items] == [(made.id, 3, 5)]
