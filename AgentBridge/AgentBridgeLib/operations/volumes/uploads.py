"""Make volumes of bytes that a client sends, or filled with one value, and give them other voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError, GeometryMismatchError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import Bytes, NodeName, VolumeId
from AgentBridgeLib.model.geometry import PositionRas, SpacingMm
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.volumes import byte_formats, geometry
from AgentBridgeLib.operations.volumes import new_nodes as volume_nodes
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

LONGEST_INTEGER_BYTES = 8
MOST_FILLED_AXIS = 8192
MOST_COMPONENTS = 16

ScalarType = Literal[
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"
]


def _flat(value: object) -> object:
    """Put the rows of a matrix one after the other; in JSON a matrix may be a list of rows."""
    if isinstance(value, tuple) and value and all(isinstance(row, (list, tuple)) for row in value):
        return tuple(entry for row in value for entry in row)
    return value


FLAT = BeforeValidator(_flat)
MatrixEntries = Annotated[tuple[float, ...], FLAT, COMMA_LIST, Field(min_length=16, max_length=16)]
AxesEntries = Annotated[tuple[float, ...], FLAT, COMMA_LIST, Field(min_length=9, max_length=9)]
Shape = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MOST_FILLED_AXIS)], ...],
    COMMA_LIST,
    Field(min_length=3, max_length=4),
]


class CreateArguments(Arguments):
    """Voxels as bytes, or a shape to fill; and where they lie if the bytes do not say it."""

    content: Bytes | None = Field(
        default=None,
        description="NRRD (raw or gzip, attached data), NIfTI (.nii, .nii.gz) or NPY (shape (k, j, i)) bytes.",
    )
    name: NodeName = Field(default="Volume", description="Name of the node; made unique.")
    type: Literal["scalar", "labelmap"] = Field(
        default="scalar", description="A labelmap needs integer voxels with one component."
    )
    shape: Shape | None = Field(
        default=None,
        description="Without bytes: number of voxels as NumPy has it, (k, j, i) or (k, j, i, component).",
    )
    scalar_type: ScalarType | None = Field(
        default=None, description="Without bytes: type of the voxels; without, int16 (labelmap: uint8)."
    )
    fill_value: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, description="Without bytes: value of every voxel, in the volume's own unit; 0 without."
    )
    spacing_mm: Annotated[SpacingMm, COMMA_LIST] | None = Field(
        default=None,
        description="Without bytes, or for NPY: distance of voxel centers along i, j, k in mm; 1,1,1 without.",
    )
    origin_ras: Annotated[PositionRas, COMMA_LIST] | None = Field(
        default=None,
        description="Without bytes, or for NPY: center of voxel (0, 0, 0) in RAS, mm; 0,0,0 without.",
    )
    axes_ras: AxesEntries | None = Field(
        default=None,
        description="Without bytes, or for NPY: directions of i, j and k in RAS, 9 numbers or three rows; made "
        "unit vectors. Parallel to R, A and S without.",
    )
    ijk_to_ras: MatrixEntries | None = Field(
        default=None,
        description="Without bytes, or for NPY, in place of spacing, origin and axes: 16 numbers, row by row.",
    )

    @model_validator(mode="after")
    def _bytes_or_shape(self) -> CreateArguments:
        if (self.content is None) == (self.shape is None):
            raise ValueError("give either bytes, or the shape of a volume to be filled")
        if self.content is not None and (self.scalar_type is not None or self.fill_value is not None):
            raise ValueError("scalar_type and fill_value are for a volume without bytes")
        return self


class ReplaceArguments(Arguments):
    """New voxels for a volume."""

    volume_id: VolumeId = Field(description="The volume.")
    content: Bytes = Field(description="NRRD, NIfTI, NPY or raw bytes.")
    format: Literal["nrrd", "nii", "nii.gz", "npy", "raw"] | None = Field(
        default=None,
        description="What the bytes are; found out if not given. Raw: of the type and size of now.",
    )


@operation(
    name="volumes.create",
    capability="scene.edit",
    route="POST /volumes",
    execution="steps",
    binary_body=True,
    status=201,
    keywords="new image from array upload numpy blank",
)
def create_volume(
    context: OperationContext, arguments: CreateArguments
) -> Generator[Progress, None, VolumeMade]:
    """Make a volume from NRRD, NIfTI or NPY bytes, with exactly their type and geometry, or filled with a value.

    Bytes are the request's body. A body of `application/json` has the arguments instead: `{"shape": [10, 20, 30],
    "spacing_mm": [1, 1, 2.5], "scalar_type": "int16", "fill_value": -1000}`. Raw NRRD, NIfTI and NPY voxels are not
    copied: the node keeps the buffer they arrived in.

    Returns
    -------
    VolumeMade
        The new node. Its window shows the values without the outer 0.1 % on each side.

    Raises
    ------
    DataInvalidError
        The bytes are of none of these formats, claim something other than what follows, or a labelmap has values that
        are no integers. Nothing was allocated or added.
    OutOfMemoryError
        The voxels would not fit into memory.
    ArgumentInvalidError
        Geometry was given for NRRD or NIfTI bytes, which have their own, or it spans no space; the scalar type cannot
        hold the fill value.

    Warnings
    --------
    NumPy order is `array[k, j, i]`, i fastest. Types int8, int64 and uint64 stay what they are; Slicer may refuse to
    write them to a file. NIfTI voxels that the header scales become float32 or float64, and a warning says so.
    Source: NRRD format definition; nifti1.h; `numpy.lib.format`.
    """
    warnings: tuple[str, ...] = ()
    if arguments.content is None:
        grid, array = _placed(arguments, arguments.shape or ()), (yield from _filled(context, arguments))
    else:
        received = yield from byte_formats.receive(context, arguments.content.view)
        if received.grid is not None and _has_geometry(arguments):
            raise invalid("ijk_to_ras", "these bytes have their own geometry")
        array, warnings = received.array, received.warnings
        grid = received.grid or _placed(arguments, array.shape)
    is_labelmap = arguments.type == "labelmap"
    if is_labelmap and (array.dtype.kind not in "iu" or array.ndim != 3):
        raise DataInvalidError(
            "A labelmap needs integer voxels with one component. Send type=scalar, or cast them."
        )
    node = volume_nodes.new_volume(
        context.host.scene.scene, arguments.name, array, grid, is_labelmap=is_labelmap
    )
    context.mark_made([node])
    return volume_nodes.describe_made(node, warnings)


@operation(
    name="volumes.replace_data",
    capability="scene.edit",
    route="PUT /volumes/{volume_id}/data",
    execution="steps",
    binary_body=True,
    idempotent=True,
    destructive=True,
    revision_scope="node",
)
def replace_data(
    context: OperationContext, arguments: ReplaceArguments
) -> Generator[Progress, None, VolumeMade]:
    """Replace the voxels of a volume; name, id, display and parent transform stay.

    NRRD and NIfTI bytes bring their own geometry, which may have other dimensions. NPY and raw bytes must have the
    dimensions of now and keep the geometry; raw bytes the scalar type too. The voxels of before are kept for
    scene.undo.

    Raises
    ------
    DataInvalidError
        The bytes are not what they claim to be.
    GeometryMismatchError
        NPY voxels have other dimensions than the volume, or another number of components.
    NodeTypeError
        The node is no scalar volume, or raw bytes were sent for one without voxels.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    view, grid = arguments.content.view, None
    warnings: tuple[str, ...] = ()
    if arguments.format == "raw":
        now = voxels.voxels_of(node)
        array = byte_formats.read_raw(view, now.dtype.name, now.shape)
    else:
        received = yield from byte_formats.receive(context, view)
        if (arguments.format or received.format).removesuffix(".gz") != received.format:
            raise DataInvalidError(f"`format` says {arguments.format}, and the bytes are {received.format}.")
        array, grid, warnings = received.array, received.grid, received.warnings
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    _check_fit(node, array, grid)
    _commit_voxels(node, array, grid)
    context.mark_made([node])
    return volume_nodes.describe_made(node, warnings)


def _filled(context: OperationContext, arguments: CreateArguments) -> Generator[Progress, None, Array]:
    shape = arguments.shape or ()
    if len(shape) == 4 and shape[3] > MOST_COMPONENTS:
        raise invalid("shape", f"a voxel has {shape[3]} components; {MOST_COMPONENTS} are the most")
    dtype = np.dtype(arguments.scalar_type or ("uint8" if arguments.type == "labelmap" else "int16"))
    value = voxels.held(arguments.fill_value or 0, dtype, "fill_value")
    size = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    voxels.require_memory(context.host.application, size, "The volume")
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    array = np.zeros(shape, dtype)
    if value:
        for start, stop in slabs(shape[0], array[0].size):
            array[start:stop] = value
            yield Progress(stop / shape[0], "Filling")
    return array


def _has_geometry(arguments: CreateArguments) -> bool:
    given = (arguments.spacing_mm, arguments.origin_ras, arguments.axes_ras, arguments.ijk_to_ras)
    return any(value is not None for value in given)


def _placed(arguments: CreateArguments, shape: tuple[int, ...]) -> Grid:
    k, j, i = shape[:3]
    parts = (arguments.spacing_mm, arguments.origin_ras, arguments.axes_ras)
    if arguments.ijk_to_ras is None:
        axes = np.reshape(arguments.axes_ras or np.eye(3).ravel(), (3, 3))
        return geometry.placed(
            (i, j, k), arguments.spacing_mm or (1, 1, 1), arguments.origin_ras or (0, 0, 0), axes
        )
    if any(part is not None for part in parts):
        raise invalid("ijk_to_ras", "it says spacing, origin and axes already; give either")
    return geometry.placed_by_matrix((i, j, k), np.reshape(arguments.ijk_to_ras, (4, 4)))


def _check_fit(node: Any, array: Array, grid: Grid | None) -> None:
    image = node.GetImageData()
    if grid is None:
        now = tuple(reversed(image.GetDimensions())) if image is not None else (0, 0, 0)
        if array.shape[:3] != now:
            raise GeometryMismatchError(
                f"{node.GetID()} has (k, j, i) = {now} voxels; the bytes have {array.shape[:3]}. Other dimensions "
                "need NRRD or NIfTI bytes, which say where the voxels lie."
            )
    is_vector = bool(node.IsA("vtkMRMLVectorVolumeNode"))
    if (array.ndim == 4) != is_vector:
        values = "several values" if array.ndim == 4 else "one value"
        raise GeometryMismatchError(
            f"{node.GetID()} is a {node.GetClassName()}; the bytes have {values} for each voxel. Make a new volume "
            "with volumes.create."
        )
    if node.IsA("vtkMRMLLabelMapVolumeNode") and array.dtype.kind not in "iu":
        raise DataInvalidError("A labelmap needs integer voxels.")


def _commit_voxels(node: Any, array: Array, grid: Grid | None) -> None:
    display = node.GetDisplayNode()
    has_window = display is not None and display.IsA("vtkMRMLScalarVolumeDisplayNode")
    if has_window and array.dtype.kind in "iu" and array.dtype.itemsize == LONGEST_INTEGER_BYTES:
        display.SetAutoWindowLevel(0)  # Slicer's automatic window does not come back for 64-bit integers
    was_modifying = node.StartModify()
    try:
        node.SetAndObserveImageData(voxels.image_of(array))
        if grid is not None:
            volume_nodes.set_grid(node, grid)
    finally:
        node.EndModify(was_modifying)
