"""Arrays in exchange files of child processes, written and read in pieces of a few milliseconds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import OperationFailedError, StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.operations.common.voxels import Array

PIECE_BYTES = 4 << 20
"""How much is written or read in one step."""


def write_array(path: Path, array: Array) -> Generator[Progress, None, None]:
    """Write an NPY file.

    Raises
    ------
    StorageFailedError
        There is no room for it.
    """
    head = io.BytesIO()
    described = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(head, described)
    view = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
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


def read_array(path: Path, purpose: str) -> Generator[Progress, None, Array]:
    """Read an NPY file that a child has left.

    Raises
    ------
    OperationFailedError
        It is not complete.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            result = np.empty(shape, dtype)
            view, taken = result.reshape(-1).view(np.uint8).data, 0
            for start in range(0, result.nbytes, PIECE_BYTES):
                taken += file.readinto(view[start : start + PIECE_BYTES])
                yield Progress(1.0, "Taking the voxels back")
    except (OSError, ValueError):
        raise _incomplete(purpose) from None
    if taken != result.nbytes:
        raise _incomplete(purpose)
    return result


def _incomplete(purpose: str) -> OperationFailedError:
    return OperationFailedError(f"{purpose} left no complete result; the scene is as it was. Repeat it.")
