"""Give the voxels of a volume as bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.frames import Frame, matrix_in
from AgentBridgeLib.model.lists import COMMA_LIST
from AgentBridgeLib.operations.common import matrices, nifti, nrrd, voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.common.stepping import InputWatch
from AgentBridgeLib.operations.scene.node_details import parent_transform_id
from AgentBridgeLib.operations.volumes import nifti_bytes
from AgentBridgeLib.operations.volumes.byte_formats import compressed
from AgentBridgeLib.operations.volumes.volumes import VOLUME, VolumeArguments
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.model.exchange import Buffer
    from AgentBridgeLib.operations.common.voxels import Array

MEDIA_TYPES = {
    "nrrd": "application/x-nrrd",
    "nii": "application/x-nifti",
    "nii.gz": "application/gzip",
    "npy": "application/x-npy",
    "raw": "application/octet-stream",
}
COMPRESSED = "nii.gz"
_AXES = "ijk"


class DataArguments(VolumeArguments):
    """Which voxels, and in what form."""

    format: Literal["nrrd", "nii", "nii.gz", "npy", "raw"] = Field(
        default="nrrd",
        description="NRRD and NIfTI-1 (nii.gz: compressed) carry the geometry in their header; npy and raw in "
        "`X-AgentBridge-Content`.",
    )
    region: Annotated[tuple[int, int, int, int, int, int], COMMA_LIST] | None = Field(
        default=None,
        description="i0,i1,j0,j1,k0,k1: zero-based, the upper ends do not belong to it. Without: the whole volume.",
    )
    stride: int = Field(default=1, ge=1, le=1024, description="Take every n-th voxel along each axis.")
    component: int | None = Field(
        default=None, ge=0, le=1000, description="Only this component of a volume with several; zero-based."
    )

    def takes_steps(self) -> bool:
        """Compressing does."""
        return self.format == COMPRESSED


@operation(
    name="volumes.data",
    capability="scene.read",
    route="GET /volumes/{volume_id}/data",
    read_only=True,
    revision_scope="node",
    keywords="pixel data array numpy download voxels export NIfTI",
)
def read_data(
    context: OperationContext, arguments: DataArguments
) -> Content | Generator[Progress, None, Content]:
    """Read the voxels of a volume, or of a region, as NRRD, NIfTI, NPY or raw bytes with exactly their scalar type.

    A whole volume, or a range of whole slices along k, is sent from the volume's own memory without a copy.
    Compressing (nii.gz) is a job, which a call waits for as for any other.

    Returns
    -------
    Content
        Voxels with i fastest; NumPy shape (k, j, i) or (k, j, i, component). The facts (`X-AgentBridge-Content`) say
        shape, type, byte order and the matrix from indices of these voxels to RAS (or LPS with `frame=lps`), in mm.
        Region and stride are in the geometry already: index (0, 0, 0) of the answer is its first voxel.

    Raises
    ------
    NodeNotFoundError
        No node has this id.
    NodeTypeError
        The node is no scalar volume, or has no voxels.
    ArgumentInvalidError
        The region is empty or leaves the volume, or there is no such component.
    OutOfMemoryError
        A strided region has to be copied, or the voxels are compressed, and that would not fit.
    DataInvalidError
        NIfTI cannot count so many voxels along an axis.
    RevisionConflictError
        The voxels were changed while they were compressed.

    Warnings
    --------
    The geometry is the volume's own, without its parent transform; `parent_transform_id` names that. NRRD headers say
    `space: right-anterior-superior` unless `frame=lps`; NIfTI headers are RAS always, and hold positions as float32.
    Components of NIfTI that are no colors follow each other image by image. Source: NRRD format definition; nifti1.h;
    `numpy.lib.format`.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    cut = _cut(context, node, arguments)
    parts: list[Buffer] = [
        *voxel_head(arguments.format, arguments.frame, cut.array, cut.grid),
        *_voxel_bytes(context, arguments.format, cut.array),
    ]
    filename = f"{node.GetID()}.{arguments.format}"
    content = Content(MEDIA_TYPES[arguments.format], parts, filename, _facts(node, arguments, cut))
    return _compressed(context, node, content, parts) if arguments.takes_steps() else content


def _compressed(
    context: OperationContext, node: Any, content: Content, parts: Sequence[Buffer]
) -> Generator[Progress, None, Content]:
    watch = InputWatch(context.host.scene, node)
    packed = yield from compressed(context, content, parts)
    watch.require_unchanged()
    return packed


@dataclass(frozen=True, eq=False)
class _Cut:
    """What was asked for, contiguous, and where it lies."""

    array: Array
    grid: Grid
    region: tuple[int, int, int, int, int, int]


def _cut(context: OperationContext, node: Any, arguments: DataArguments) -> _Cut:
    array = voxels.voxels_of(node)
    if arguments.component is not None:
        array = _component(array, arguments.component)
    region = _region(node.GetImageData().GetDimensions(), arguments.region)
    i0, i1, j0, j1, k0, k1 = region
    step = arguments.stride
    part = array[k0:k1:step, j0:j1:step, i0:i1:step]
    if not part.flags.c_contiguous:
        voxels.require_memory(context.host.application, part.nbytes, "Copying this region")
        part = np.ascontiguousarray(part)
    k, j, i = part.shape[:3]
    return _Cut(part, Grid.of(node).part((i0, j0, k0), (i, j, k), step), region)


def _component(array: Array, component: int) -> Array:
    count = array.shape[3] if array.ndim == 4 else 1
    if component >= count:
        raise invalid("component", f"the volume has {count}, counted from 0")
    return array[..., component] if array.ndim == 4 else array


def _region(
    dimensions: tuple[int, int, int], region: tuple[int, int, int, int, int, int] | None
) -> tuple[int, int, int, int, int, int]:
    if region is None:
        i, j, k = dimensions
        return 0, i, 0, j, 0, k
    for axis, count in enumerate(dimensions):
        start, stop = region[2 * axis], region[2 * axis + 1]
        if not 0 <= start < stop <= count:
            raise invalid(
                "region", f"{_AXES[axis]} goes from {start} to {stop}; it must lie in 0 to {count}, not empty"
            )
    return region


def voxel_head(format_name: str, frame: Frame, array: Array, grid: Grid) -> list[bytes]:
    """Write what precedes the bytes of an array (k, j, i[, component]) in a format; nothing for raw."""
    if format_name == "raw":
        return []
    if format_name == "npy":
        stream = io.BytesIO()
        described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(stream, described)
        return [stream.getvalue()]
    components = array.shape[3] if array.ndim == 4 else 1
    if format_name.startswith("nii"):
        return [nifti.write_header(array.dtype.name, grid.dimensions_ijk, components, grid.ijk_to_ras)]
    matrix = matrix_in(frame, "ijk_to", matrices.rows(grid.ijk_to_ras))[f"ijk_to_{frame}"]
    return [nrrd.write_header(array.dtype.name, grid.dimensions_ijk, components, matrix, frame, {})]


def _voxel_bytes(context: OperationContext, format_name: str, array: Array) -> list[memoryview]:
    if not format_name.startswith("nii"):
        return [array.reshape(-1).data.cast("B")]
    if array.ndim == 4:
        voxels.require_memory(context.host.application, array.nbytes, "Taking the components apart")
    return nifti_bytes.body_parts(array)


def _facts(node: Any, arguments: DataArguments, cut: _Cut) -> dict[str, object]:
    order = {"<": "little", ">": "big", "|": "none"}[cut.array.dtype.str[0]]
    return {
        "volume_id": node.GetID(),
        "format": arguments.format,
        "scalar_type": cut.array.dtype.name,
        "byte_order": order,
        "shape_kji": list(cut.array.shape[:3]),
        "component_count": cut.array.shape[3] if cut.array.ndim == 4 else 1,
        "region_ijk": list(cut.region),
        "stride": arguments.stride,
        "spacing_mm": list(cut.grid.spacing_mm),
        "parent_transform_id": parent_transform_id(node),
        **matrix_in(arguments.frame, "ijk_to", matrices.rows(cut.grid.ijk_to_ras)),
    }
