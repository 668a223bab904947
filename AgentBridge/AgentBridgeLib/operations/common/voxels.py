"""Voxels of volume nodes as NumPy arrays, without copies.

Arrays have shape (k, j, i), or (k, j, i, component); indices are zero-based at voxel centers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import get_numpy_array_type, numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.errors import NodeTypeError, OutOfMemoryError
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.problems import invalid

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports.application import ApplicationHost
Array = np.ndarray[Any, np.dtype[Any]]

BIT = 1  # VTK_BIT: eight voxels in a byte; NumPy has no such type


def scalar_type(node: Any) -> str | None:
    """NumPy's name of the voxels' type, such as ``int16``; None without voxels."""
    scalars = _scalars(node)
    if scalars is None:
        return None
    return (
        "bit" if scalars.GetDataType() == BIT else np.dtype(get_numpy_array_type(scalars.GetDataType())).name
    )


def voxels_of(node: Any) -> Array:
    """Give the live voxels of a volume; writing to the array changes the volume.

    Raises
    ------
    NodeTypeError
        The volume has no voxels, or none that are scalars.
    """
    scalars = _scalars(node)
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        raise NodeTypeError(
            f"{node.GetID()} has no scalar voxels. Use another volume, or give it some with volumes.replace_data."
        )
    if scalars.GetDataType() == BIT:
        raise NodeTypeError(
            f"{node.GetID()} has voxels of one bit, which cannot be read. Cast it to uint8 in Slicer."
        )
    i, j, k = node.GetImageData().GetDimensions()
    components = scalars.GetNumberOfComponents()
    return vtk_to_numpy(scalars).reshape((k, j, i) if components == 1 else (k, j, i, components))


def image_of(array: Array) -> Any:
    """Make `vtkImageData` around an array, which it keeps alive and shares.

    Parameters
    ----------
    array
        Shape (k, j, i) or (k, j, i, component); C-contiguous, native byte order.
    """
    k, j, i = array.shape[:3]
    flat = array.reshape(-1) if array.ndim == 3 else array.reshape(-1, array.shape[3])
    scalars = numpy_to_vtk(flat, deep=0)
    scalars.SetName("ImageScalars")
    image = vtkImageData()
    image.SetDimensions(i, j, k)
    image.GetPointData().SetScalars(scalars)
    return image


def held(value: float, dtype: np.dtype[Any], name: str) -> Any:
    """Give a value as a scalar type holds it: integers exactly, floating types rounded.

    Raises
    ------
    ArgumentInvalidError
        The type cannot hold it; the message names the argument `name`.
    """
    if dtype.kind == "f":
        if abs(value) > float(np.finfo(dtype).max):
            raise invalid(name, f"voxels of type {dtype.name} cannot hold {value}")
        return dtype.type(value)
    limits = np.iinfo(dtype)
    if value != int(value) or not limits.min <= int(value) <= limits.max:
        raise invalid(name, f"voxels of type {dtype.name} cannot hold {value}")
    return int(value)


def require_memory(application: ApplicationHost, size_bytes: int, purpose: str) -> None:
    """Refuse what would not fit: VTK ends the process when memory is short.

    Raises
    ------
    OutOfMemoryError
        Less is left than `size_bytes`; nothing was allocated.
    """
    available = application.available_memory_bytes()
    if available is not None and size_bytes > available:
        raise OutOfMemoryError(
            f"{purpose} needs {size_bytes / 2**20:.0f} MiB; {available / 2**20:.0f} MiB are left. "
            "Use a region or a stride, or close other data.",
            facts={"needed_bytes": size_bytes, "available_bytes": available},
        )


def voxel_state(node: Any) -> tuple[object, ...]:
    """Give a value that changes whenever voxels, geometry or parent transform do; display settings do not matter.

    It holds the image, so that no other one can get its address.
    """
    image = node.GetImageData()
    matrix = vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    parent = node.GetNodeReferenceID(matrices.TRANSFORM_ROLE)
    return (image, image.GetMTime() if image is not None else 0, matrices.from_vtk(matrix).tobytes(), parent)


def _scalars(node: Any) -> Any:
    image = node.GetImageData()
    return image.GetPointData().GetScalars() if image is not None else None
