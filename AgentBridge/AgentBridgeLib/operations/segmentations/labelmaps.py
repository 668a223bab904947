"""Binary labelmaps of segments as NumPy arrays, with where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonMath import vtkMatrix4x4

from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.operations.common import matrices, voxels

if TYPE_CHECKING:
    from AgentBridgeLib.operations.common.matrices import Matrix
    from AgentBridgeLib.operations.common.voxels import Array

BINARY_LABELMAP = "Binary labelmap"
CLOSED_SURFACE = "Closed surface"


@dataclass(frozen=True, eq=False)
class Labelmap:
    """The image that one or more segments share.

    Attributes
    ----------
    array
        Live voxels, shape (k, j, i).
    label
        The value of this segment.
    ijk_to_ras
        From indices of `array` to the segmentation's own coordinates, RAS mm.
    """

    array: Array
    label: int
    ijk_to_ras: Matrix


def labelmap_of(segmentation_node: Any, segment_id: str) -> Labelmap | None:
    """Give the labelmap of a segment; None when it is empty.

    Raises
    ------
    NodeTypeError
        The segmentation is made of something else.
    """
    image = segmentation_node.GetBinaryLabelmapInternalRepresentation(segment_id)
    if image is None:
        raise NodeTypeError(
            f"{segmentation_node.GetID()} has no binary labelmaps. Make them in Slicer's module Segmentations."
        )
    if image.IsEmpty() or image.GetPointData().GetScalars() is None:
        return None
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    matrix = vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    shift = np.eye(4)
    shift[:3, 3] = (i0, j0, k0)
    label = segmentation_node.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    return Labelmap(array, label, matrices.from_vtk(matrix) @ shift)


def oriented_image(array: Array, ijk_to_ras: Matrix, start_ijk: tuple[int, int, int] = (0, 0, 0)) -> Any:
    """Make `vtkOrientedImageData` around an array (k, j, i), whose first voxel has the index `start_ijk`."""
    from slicer import vtkOrientedImageData

    flat = voxels.image_of(array)
    image = vtkOrientedImageData()
    k, j, i = array.shape
    image.SetExtent(
        start_ijk[0],
        start_ijk[0] + i - 1,
        start_ijk[1],
        start_ijk[1] + j - 1,
        start_ijk[2],
        start_ijk[2] + k - 1,
    )
    image.GetPointData().SetScalars(flat.GetPointData().GetScalars())
    image.SetImageToWorldMatrix(matrices.to_vtk(ijk_to_ras))
    return image
