"""Compute what takes long on the box that matters: at once where it is small, else in a process beside Slicer."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.operations.common.array_files import read_array, write_array
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.segmentations.labelmaps import box_around
from AgentBridgeLib.operations.segmentations.workers import effects

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.common.voxels import Array

WORKER = Path(effects.__file__)
INLINE_VOXELS = 1 << 14
"""Up to this many voxels every effect takes a few milliseconds."""


def compute(
    context: OperationContext,
    effect: str,
    arrays: Mapping[str, Array],
    parameters: Mapping[str, Any],
    spacing_kji: Sequence[float],
) -> Generator[Progress | Suspend, None, Array]:
    """Compute one effect of `workers.effects`; cancel kills the process.

    Raises
    ------
    OperationFailedError, StorageFailedError
        The process failed; there is no room for exchange files.
    """
    if max(array.size for array in arrays.values()) <= INLINE_VOXELS:
        yield Progress(0.3, "Editing")
        return effects.apply(effect, arrays, parameters, spacing_kji)
    folder = Path(context.work_folder())
    paths = {name: folder / f"{name}.npy" for name in arrays}
    for name, path in paths.items():
        yield from write_array(path, arrays[name])
    job = {
        "effect": effect,
        "parameters": dict(parameters),
        "spacing_kji": list(spacing_kji),
        "arrays": {name: str(path) for name, path in paths.items()},
        "result": str(folder / "result.npy"),
    }
    (folder / "effect.json").write_text(json.dumps(job), encoding="utf-8")
    yield from run_worker(context.host.processes, str(WORKER), [str(folder / "effect.json")], "The edit")
    return (yield from read_array(folder / "result.npy", "The edit"))


def box_for(mask: Array, pad_voxels: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Give the half-open box (k, j, i) around a mask, wider by so many voxels, inside the image."""
    box = box_around(mask)
    if box is None:
        return None
    low = tuple(max(0, start - pad) for start, pad in zip(box[0], pad_voxels, strict=True))
    high = tuple(
        min(count, stop + pad) for stop, pad, count in zip(box[1], pad_voxels, mask.shape, strict=True)
    )
    return low, high


def reach_voxels(effect: str, parameters: Mapping[str, Any], spacing_kji: Sequence[float]) -> list[int]:
    """Say how far beyond a segment an effect can act, in voxels along k, j, i; at least one."""
    reach_mm = {
        "grow": parameters.get("margin_mm"),
        "hollow": parameters.get("thickness_mm"),
        "median": parameters.get("kernel_mm"),
        "closing": parameters.get("kernel_mm"),
        "gaussian": effects.GAUSSIAN_RADIUS_SIGMAS * (parameters.get("sigma_mm") or 0.0),
    }.get(effect)
    return [1 + math.ceil((reach_mm or 0.0) / spacing) for spacing in spacing_kji]


def cut(array: Array, box: tuple[tuple[int, ...], tuple[int, ...]]) -> Array:
    """Give the voxels of a box, contiguous."""
    (k0, j0, i0), (k1, j1, i1) = box
    return np.ascontiguousarray(array[k0:k1, j0:j1, i0:i1])


def pasted(part: Array, box: tuple[tuple[int, ...], tuple[int, ...]], shape: tuple[int, ...]) -> Array:
    """Give an image of zeros with a box of voxels in it."""
    (k0, j0, i0), (k1, j1, i1) = box
    result = np.zeros(shape, part.dtype)
    result[k0:k1, j0:j1, i0:i1] = part
    return result
