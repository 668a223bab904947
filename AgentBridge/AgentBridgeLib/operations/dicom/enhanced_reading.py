"""Make a volume of the frames of an enhanced multi-frame image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.operations.common import voxels
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.dicom import functional_groups
from AgentBridgeLib.operations.dicom.decoders import decode
from AgentBridgeLib.operations.dicom.grid_of_slices import ijk_to_ras, normal_of
from AgentBridgeLib.operations.dicom.library import quiet, read_dataset
from AgentBridgeLib.operations.dicom.stack import NoStackError, Slice, Stack, order
from AgentBridgeLib.operations.dicom.windows import show_as_asked
from AgentBridgeLib.operations.volumes.new_nodes import new_volume

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext

SMALLEST_TYPES = (np.int16, np.uint16, np.int32)


def read_enhanced(
    context: OperationContext, path: str, name: str
) -> Generator[Progress, None, tuple[Any, list[str]]]:
    """Read a multi-frame image frame by frame; give the volume and what a person should know of it.

    Raises
    ------
    NoStackError
        The frames are no regular stack of gray images.
    DataInvalidError
        A frame cannot be decoded.
    OutOfMemoryError
        The voxels would not fit.
    """
    dataset = read_dataset(path, pixels=True)
    yield Progress(None, "Looking at the frames")
    if int(dataset.get("SamplesPerPixel", 1) or 1) != 1:
        raise NoStackError("it has color images")
    stack = stack_of(dataset, path)
    warnings: list[str] = []
    step_lps = _step(dataset, stack, warnings)
    first = stack.slices[0]
    rows, columns = int(first.shape[0]), int(first.shape[1])
    kind = _scalar_type(dataset, stack.slices)
    voxels.require_memory(
        context.host.application, len(stack.slices) * rows * columns * np.dtype(kind).itemsize, "The volume"
    )
    array = np.empty((len(stack.slices), rows, columns), kind)
    for k, one in enumerate(stack.slices):
        with quiet():
            stored = decode(dataset, one.frame, len(stack.slices))
        slope, intercept = _rescale(dataset, one.frame)
        array[k] = stored if (slope, intercept) == (1.0, 0.0) else stored * slope + intercept
        yield Progress((k + 1) / len(stack.slices), "Reading frames")
    grid = Grid((columns, rows, len(stack.slices)), ijk_to_ras(first, step_lps))
    node = new_volume(context.host.scene.scene, name, array, grid, is_labelmap=False)
    show_as_asked(node, functional_groups.item_of(dataset, first.frame, "FrameVOILUTSequence"))
    return node, warnings


def stack_of(dataset: Any, path: str) -> Stack:
    """Order the frames along their normal.

    Raises
    ------
    NoStackError
        They are no regular stack.
    """
    places = [
        functional_groups.place_of(dataset, frame, path)
        for frame in range(functional_groups.frame_count(dataset))
    ]
    if not places:
        raise NoStackError("it has multi-frame images of a class without a place for each frame")
    distinct = {tuple(np.round(one.position_lps, 2)) for one in places}
    if len(distinct) < len(places):
        raise NoStackError(
            f"it has {len(places)} frames at {len(distinct)} positions: several volumes in one object, such as times "
            "or diffusion directions"
        )
    return order(places)


def _step(dataset: Any, stack: Stack, warnings: list[str]) -> np.ndarray:
    slices = stack.slices
    if len(slices) > 1:
        return np.asarray((slices[-1].position_lps - slices[0].position_lps) / (len(slices) - 1))
    known = (
        functional_groups.measure_of(dataset, name) for name in ("SpacingBetweenSlices", "SliceThickness")
    )
    thickness = next((one for found in known for one in found), 0.0)
    if not thickness:
        warnings.append("Its only slice does not say how thick it is; 1 mm was taken.")
    return normal_of(slices[0]) * (thickness or 1.0)


def _rescale(dataset: Any, frame: int) -> tuple[float, float]:
    found = functional_groups.item_of(dataset, frame, "PixelValueTransformationSequence")
    if found is None:
        return 1.0, 0.0
    return float(found.get("RescaleSlope", 1) or 1), float(found.get("RescaleIntercept", 0) or 0)


def _scalar_type(dataset: Any, slices: Sequence[Slice]) -> Any:
    """Choose the smallest type that keeps every possible value exactly; float32 for fractions."""
    bits = int(dataset.get("BitsStored", 16) or 16)
    is_signed = int(dataset.get("PixelRepresentation", 0) or 0) == 1
    if "PixelData" not in dataset:  # float or double pixels
        return np.float64 if "DoubleFloatPixelData" in dataset else np.float32
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    ends = set()
    for one in slices:
        slope, intercept = _rescale(dataset, one.frame)
        if not (slope.is_integer() and intercept.is_integer()):
            return np.float32
        ends |= {lowest * slope + intercept, highest * slope + intercept}
    for kind in SMALLEST_TYPES:
        if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max:
            return kind
    return np.float64
