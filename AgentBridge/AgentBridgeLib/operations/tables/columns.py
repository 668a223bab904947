"""Columns of tables between VTK arrays and values on the wire."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import get_numpy_array_type
from vtkmodules.vtkCommonCore import (
    vtkBitArray,
    vtkDoubleArray,
    vtkFloatArray,
    vtkIntArray,
    vtkStringArray,
    vtkTypeInt64Array,
    vtkUnsignedCharArray,
)

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.tables import Cell, ColumnType, TableColumn

if TYPE_CHECKING:
    from collections.abc import Callable

VTK_BIT, VTK_STRING = 1, 13
_MAKERS: dict[ColumnType, Callable[[], Any]] = {
    "string": vtkStringArray,
    "bool": vtkBitArray,
    "uint8": vtkUnsignedCharArray,
    "int32": vtkIntArray,
    "int64": vtkTypeInt64Array,
    "float32": vtkFloatArray,
    "float64": vtkDoubleArray,
}
_WHOLE_NUMBERS = {"uint8", "int32", "int64"}
_FLOATS = {"float32", "float64"}


def new_array(name: str, column_type: ColumnType) -> Any:
    """Make an empty array of a type."""
    array = _MAKERS[column_type]()
    array.SetName(name)
    return array


def type_of_array(array: Any) -> str:
    """Name the type of an array: string, bool, or NumPy's name."""
    kind = array.GetDataType()
    if kind == VTK_STRING:
        return "string"
    if kind == VTK_BIT:
        return "bool"
    try:
        return str(np.dtype(get_numpy_array_type(kind)).name)
    except KeyError:
        return "variant"


def describe_column(node: Any, index: int) -> TableColumn:
    """Describe one column of a table node."""
    array, name = node.GetTable().GetColumn(index), node.GetColumnName(index) or ""
    return TableColumn(
        name=name,
        type=type_of_array(array),
        unit=node.GetColumnUnitLabel(name) or None,
        description=node.GetColumnDescription(name) or None,
        component_count=array.GetNumberOfComponents(),
    )


def read_cell(array: Any, row: int) -> Cell | tuple[Cell, ...]:
    """Read one cell; several components become a tuple, numbers that are not finite None."""
    count = array.GetNumberOfComponents()
    values = tuple(_plain(array, row * count + component) for component in range(count))
    return values[0] if count == 1 else values


def check_value(value: Cell, column_type: str, pointer: str) -> None:
    """Refuse a value that a column of this type cannot hold exactly.

    Raises
    ------
    ArgumentInvalidError
        It cannot; the message says what it can.
    """
    if _fits(value, column_type):
        return
    problem = f"a column of {column_type} cannot hold {str(value)[:60]!r}"
    raise ArgumentInvalidError(
        f"`{pointer[1:]}` cannot be used: {problem}.", errors=[FieldProblem(pointer, problem)]
    )


def to_native(value: Cell, column_type: str) -> Any:
    """Give a checked value as the array takes it."""
    if column_type == "string":
        return "" if value is None else value
    if column_type == "bool":
        return int(bool(value))
    return math.nan if value is None else value


def _plain(array: Any, position: int) -> Cell:
    value = array.GetValue(position)
    if array.GetDataType() == VTK_BIT:
        return bool(value)
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)  # vtkVariant


def _fits(value: Cell, column_type: str) -> bool:
    if column_type == "string":
        return value is None or (isinstance(value, str) and "\x00" not in value)
    if column_type == "bool":
        return isinstance(value, bool)
    if column_type in _WHOLE_NUMBERS:
        limits = np.iinfo(column_type)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and limits.min <= int(value) <= limits.max  # type: ignore[arg-type]
    if column_type in _FLOATS:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value is None or bool(is_number and abs(value) <= np.finfo(column_type).max)  # type: ignore[arg-type]
    return False
