"""Segment with the extension TotalSegmentator: its program in a process beside Slicer, its logic for the result.

The extension's own `process` waits for the program on Slicer's main thread, for minutes. So its program is run here
with the arguments that `process` gives it, and its logic reads the result with names, colors and terminology.
Source: github.com/lassoan/SlicerTotalSegmentator, `TotalSegmentatorLogic`.
"""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import FeatureMissingError, OperationFailedError, RevisionConflictError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.segmentations.creating import new_segmentation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

WORKER = Path(__file__).parent / "workers" / "console_program.py"
MODULE, PROGRAM = "TotalSegmentator", "TotalSegmentator"
PACKAGES = ("totalsegmentator", "torch", "nnunetv2")
MOST_MESSAGES = 40
MISSING_EXTENSION = (
    "This Slicer has no extension TotalSegmentator. Install it in the Extensions Manager (it brings PyTorch and "
    "NNUNet), restart Slicer, then press Apply once in its module, which installs the Python packages."
)
MISSING_PACKAGES = (
    "The extension TotalSegmentator lacks Python packages: {names}. Press Apply once in its module, or "
    "'Force reinstall' there; that downloads several GB."
)


class TotalSegmentatorParameters(Arguments):
    """What the extension's panel offers."""

    task: str = Field(
        default="total", min_length=1, max_length=100, description="Such as total, total_mr, lung_vessels."
    )
    quality: Literal["normal", "fast", "faster"] = Field(
        default="fast", description="fast and faster have lower resolution; not every task has them."
    )
    subset: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Only these structures, such as liver, spleen.",
    )
    is_cpu_forced: bool = Field(default=False, description="Whether not to use a GPU.")


def missing(context: OperationContext) -> str | None:
    """Say what is missing, and how to get it; None when the extension can run."""
    try:
        context.host.scene.logic(MODULE)
    except FeatureMissingError:
        return MISSING_EXTENSION
    lacking = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    return MISSING_PACKAGES.format(names=", ".join(lacking)) if lacking else None


def run(
    context: OperationContext, volume: Any, parameters: TotalSegmentatorParameters, name: str | None
) -> Generator[Progress | Suspend, None, tuple[Any, tuple[str, ...]]]:
    """Segment a volume into a new segmentation; gives the node and the last lines that the program printed.

    Raises
    ------
    FeatureMissingError
        The extension or its packages are not installed; the message says what to install.
    ArgumentInvalidError
        The task or a structure is unknown, or the task has no such quality.
    OperationFailedError
        The program failed; the message has what it said last. Nothing was made.
    """
    reason = missing(context)
    if reason is not None:
        raise FeatureMissingError(reason)
    logic = context.host.scene.logic(MODULE)
    _check(logic, parameters)
    program = script_path(logic)
    if not program.is_file():
        raise FeatureMissingError(MISSING_PACKAGES.format(names="the program TotalSegmentator"))
    folder, volume_id = Path(context.work_folder()), volume.GetID()
    log = folder / "log.txt"
    yield Progress(0.02, "Writing the volume; this step cannot be interrupted")
    context.host.files.save(volume, str(folder / "input.nii"), {"useCompression": 0})
    arguments = [str(log), str(program), *_arguments(logic, parameters, folder)]
    try:
        yield from run_worker(context.host.processes, str(WORKER), arguments, "TotalSegmentator")
    except OperationFailedError as fault:
        said = " | ".join(_last_lines(log)[-5:])
        raise OperationFailedError(f"{fault.message} It said last: {said[-1500:] or 'nothing'}") from None
    yield Progress(0.95, "Reading the result; this step cannot be interrupted")
    volume = context.host.scene.scene.GetNodeByID(volume_id)
    if volume is None:
        raise RevisionConflictError(
            f"{volume_id} was removed while it was segmented; nothing was made of it."
        )
    node = new_segmentation(context, name or f"{volume.GetName()} segmentation", volume)
    _read(logic, node, folder, parameters)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    return node, tuple(_last_lines(log))


def script_path(logic: Any) -> Path:
    """Say where the package's console script lies, as the extension does."""
    return Path(sysconfig.get_path("scripts")) / logic.executableName(PROGRAM)


def _check(logic: Any, parameters: TotalSegmentatorParameters) -> None:
    if parameters.task not in logic.tasks:
        raise invalid(
            "parameters/task", f"there is no task '{parameters.task}'; there are {', '.join(logic.tasks)}"
        )
    qualities = logic.getSupportedQualityModesForTask(parameters.task)
    if parameters.quality not in qualities:
        raise invalid("parameters/quality", f"{parameters.task} has {', '.join(qualities)}")
    known = logic.totalSegmentatorLabelTerminology
    unknown = [name for name in parameters.subset or () if name not in known]
    if unknown:
        raise invalid("parameters/subset", f"there is no structure '{unknown[0]}'")


def _arguments(logic: Any, parameters: TotalSegmentatorParameters, folder: Path) -> Sequence[str]:
    speed = {"normal": [], "fast": ["--fast"], "faster": ["--fastest"]}[parameters.quality]
    return [
        *("-i", str(folder / "input.nii"), "-o", str(folder / "segmentation")),
        *(["--device", "cpu"] if parameters.is_cpu_forced else []),
        *(["--ml"] if logic.isMultiLabelSupportedForTask(parameters.task) else []),
        *("--task", parameters.task),
        *speed,
        *(["--roi_subset", *parameters.subset] if parameters.subset else []),
    ]


def _read(logic: Any, node: Any, folder: Path, parameters: TotalSegmentatorParameters) -> None:
    if logic.isMultiLabelSupportedForTask(parameters.task):
        logic.readSegmentation(node, str(folder / "segmentation.nii"), parameters.task)
    else:
        logic.readSegmentationFolder(node, str(folder / "segmentation"), parameters.task, parameters.subset)
    storage = node.GetStorageNode()
    if storage is not None:
        # The file lies in a private folder that goes with this call.
        node.GetScene().RemoveNode(storage)
    if not node.GetSegmentation().GetNumberOfSegments():
        raise OperationFailedError("TotalSegmentator found no structure in the volume; nothing was made.")


def _last_lines(log: Path) -> list[str]:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()][-MOST_MESSAGES:]
