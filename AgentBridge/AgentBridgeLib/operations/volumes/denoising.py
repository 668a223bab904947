"""Remove noise from a volume with a median filter, in a process of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import NodeTypeError, OperationFailedError, StorageFailedError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.common.stepping import InputWatch
from AgentBridgeLib.operations.volumes.new_nodes import add_result
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

WORKER = Path(__file__).parent / "workers" / "median.py"
PIECE_BYTES = 4 << 20
"""How much is written or read in one step; a few milliseconds."""


class DenoiseArguments(Arguments):
    """Which volume, and how strongly."""

    volume_id: VolumeId = Field(description="The volume; it stays as it is.")
    radius_voxels: int = Field(
        default=1, ge=1, le=5, description="The median is taken of 2 r + 1 voxels along each axis."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=200, description="Name of the new volume."
    )


@operation(
    name="volumes.denoise",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/denoise",
    execution="process",
    long=True,
    status=201,
)
def denoise(
    context: OperationContext, arguments: DenoiseArguments
) -> Generator[Progress | Suspend, None, VolumeMade]:
    """Remove noise with a median filter, in a process beside Slicer, into a new volume.

    The result has the scalar type, geometry, parent transform and place in the subject hierarchy of the input. Cancel
    kills the process at once; then nothing was made.

    Returns
    -------
    VolumeMade
        The new volume.

    Raises
    ------
    NodeTypeError
        The node is no scalar volume with one component, or has no voxels.
    RevisionConflictError
        The volume changed meanwhile; nothing was made.
    OperationFailedError
        The process crashed or was killed; the scene is as it was.
    StorageFailedError
        The exchange files could not be written.

    Notes
    -----
    Windows are cut off at the border of the image. Source: `vtkImageMedian3D`.
    """
    node = context.host.scene.node(arguments.volume_id, VOLUME)
    source = voxels.voxels_of(node)
    if source.ndim != 3:
        raise NodeTypeError(f"{node.GetID()} has several components in each voxel; a median needs one.")
    voxels.require_memory(context.host.application, source.nbytes, "The result")
    watch = InputWatch(context.host.scene, node)
    folder = Path(context.work_folder())
    yield from _write(folder / "input.npy", source)
    arguments_of_worker = [
        str(folder / "input.npy"),
        str(folder / "output.npy"),
        str(arguments.radius_voxels),
    ]
    watch.require_unchanged()
    yield from run_worker(context.host.processes, str(WORKER), arguments_of_worker, "The median filter")
    result = yield from _read(folder / "output.npy", source)
    return add_result(context, watch.require_unchanged(), arguments.name, "denoised", result)


def _write(path: Path, array: Array) -> Generator[Progress, None, None]:
    """Write an NPY file in pieces."""
    head = io.BytesIO()
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(head, described)
    view = array.reshape(-1).data.cast("B")
    try:
        with path.open("wb") as file:
            file.write(head.getvalue())
            for start in range(0, view.nbytes, PIECE_BYTES):
                file.write(view[start : start + PIECE_BYTES])
                yield Progress(0.0, "Handing the voxels over")
    except OSError as fault:
        raise StorageFailedError(
            f"The exchange file could not be written: {fault.strerror}. Free space in the temporary folder and repeat."
        ) from None


def _read(path: Path, like: Array) -> Generator[Progress, None, Array]:
    """Read an NPY file of a known shape and type, in pieces."""
    size, result = like.nbytes, np.empty(like.shape, like.dtype)
    view, taken = result.reshape(-1).data.cast("B"), 0
    try:
        with path.open("rb") as file:
            file.seek(path.stat().st_size - size)
            for start in range(0, size, PIECE_BYTES):
                taken += file.readinto(view[start : start + PIECE_BYTES])
                yield Progress(1.0, "Taking the voxels back")
    except (OSError, ValueError):
        taken = -1
    if taken != size:
        raise OperationFailedError(
            "The median filter left no complete result; the scene is as it was. Repeat it."
        )
    return result
