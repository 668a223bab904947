"""Remove noise from a volume with a median filter, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import NodeTypeError
from AgentBridgeLib.model.volumes import VolumeMade
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.array_files import read_array, write_array
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.common.stepping import InputWatch
from AgentBridgeLib.operations.volumes.new_nodes import NamedArguments, add_result
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

WORKER = Path(__file__).parent / "workers" / "median.py"


class DenoiseArguments(NamedArguments):
    """Which volume, and how strongly."""

    radius_voxels: int = Field(
        default=1, ge=1, le=5, description="The median is taken of 2 r + 1 voxels along each axis."
    )


@operation(
    name="volumes.denoise",
    capability="scene.edit",
    route="POST /volumes/{volume_id}/denoise",
    execution="process",
    long=True,
    status=201,
    keywords="noise reduction median filter despeckle clean",
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
    yield from write_array(folder / "input.npy", source)
    arguments_of_worker = [
        str(folder / "input.npy"),
        str(folder / "output.npy"),
        str(arguments.radius_voxels),
    ]
    watch.require_unchanged()
    yield from run_worker(context.host.processes, str(WORKER), arguments_of_worker, "The median filter")
    result = yield from read_array(folder / "output.npy", "The median filter")
    node = watch.require_unchanged()
    is_labelmap = bool(node.IsA("vtkMRMLLabelMapVolumeNode"))
    return add_result(context, node, arguments.name, "denoised", result, is_labelmap=is_labelmap)
