"""Voxels from and to the bytes of a NIfTI file (``.nii``; compressed ones are read too)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common import nifti
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.nifti_fields import HEADER_BYTES
from AgentBridgeLib.operations.common.nrrd import GZIP_BEST_RATIO
from AgentBridgeLib.operations.common.stepping import slabs
from AgentBridgeLib.operations.common.voxels import require_memory
from AgentBridgeLib.operations.volumes.buffers import (
    GZIP_MAGIC,
    ReceivedVolume,
    adopt,
    decompress,
    decompressed_head,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.host.ports.application import ApplicationHost
    from AgentBridgeLib.operations.common.voxels import Array

SMALL_BYTES = 2
"""Integers of so many bytes, scaled, are exact in float32 to seven digits; longer ones become float64."""


def is_nifti(data: memoryview) -> bool:
    """Whether bytes are a NIfTI file, compressed or not."""
    if bytes(data[:2]) == GZIP_MAGIC:
        return nifti.is_nifti(decompressed_head(data, HEADER_BYTES))
    return nifti.is_nifti(bytes(data[:4]))


def read(application: ApplicationHost, data: memoryview) -> Generator[float, None, ReceivedVolume]:
    """Read one image; yields how far it is.

    Raises
    ------
    DataInvalidError
        The header claims something other than what follows, or what volumes cannot hold.
    OutOfMemoryError
        The voxels would not fit into memory; nothing was allocated.
    """
    is_compressed = bytes(data[:2]) == GZIP_MAGIC
    head = decompressed_head(data, HEADER_BYTES) if is_compressed else bytes(data[:HEADER_BYTES])
    header = nifti.read_header(head)
    needed = header.data_offset + header.voxel_bytes
    if is_compressed:
        if needed > data.nbytes * GZIP_BEST_RATIO + 64:
            raise DataInvalidError(
                f"The header claims {header.voxel_bytes} bytes of voxels, too many for {data.nbytes} compressed bytes."
            )
        require_memory(application, needed, "Decompressing the voxels")
        data = memoryview((yield from decompress(data, needed)))
    if data.nbytes != needed:
        raise DataInvalidError(
            f"The NIfTI header claims {header.voxel_bytes} bytes of voxels from byte {header.data_offset} on; the "
            f"body has {data.nbytes} bytes in all."
        )
    stored = _stored(data, header)
    array, warnings = stored, header.warnings
    if header.is_scaled or (header.component_count > 1 and not header.is_interleaved):
        array = yield from _arranged(application, stored, header)
    if header.is_scaled:
        warnings += (_scaled_text(header, array),)
    grid = Grid(header.dimensions_ijk, header.ijk_to_ras)
    return ReceivedVolume(array, grid, warnings, "nii", header.intent == nifti.DISPLACEMENTS)


def body_parts(array: Array) -> list[memoryview]:
    """Give the bytes that follow `nifti.write_header`; only components that have to be taken apart are copied."""
    if array.ndim == 4 and not nifti.is_interleaved(array.dtype.name, array.shape[3]):
        array = np.ascontiguousarray(np.moveaxis(array, 3, 0))
    return [array.reshape(-1).data.cast("B")]


def _scaled_text(header: nifti.NiftiHeader, array: Array) -> str:
    return (
        f"The header multiplies its {header.scalar_type} voxels by {header.slope:g} and adds {header.intercept:g}: "
        f"this was done, and they are {array.dtype.name} now."
    )


def _stored(data: memoryview, header: nifti.NiftiHeader) -> Array:
    """Give what stands in the file: (k, j, i), (k, j, i, color) or (component, k, j, i)."""
    i, j, k = header.dimensions_ijk
    shape: tuple[int, ...] = (k, j, i)
    if header.component_count > 1:
        shape = (
            (*shape, header.component_count) if header.is_interleaved else (header.component_count, *shape)
        )
    dtype = np.dtype(header.scalar_type).newbyteorder(header.byte_order)
    count = header.voxel_bytes // dtype.itemsize
    return adopt(data, header.data_offset, dtype, count).reshape(shape)


def _arranged(
    application: ApplicationHost, stored: Array, header: nifti.NiftiHeader
) -> Generator[float, None, Array]:
    """Scale, and put the components of each voxel side by side, into a new array."""
    dtype = stored.dtype
    if header.is_scaled:
        dtype = np.dtype(np.float32 if dtype == np.float32 or dtype.itemsize <= SMALL_BYTES else np.float64)
    require_memory(application, stored.size * dtype.itemsize, "Arranging the voxels")
    is_apart = stored.ndim == 4 and not header.is_interleaved
    seen = np.moveaxis(stored, 0, 3) if is_apart else stored
    result = np.empty(seen.shape, dtype)
    for start, stop in slabs(seen.shape[0], seen[0].size):
        part = seen[start:stop]
        if header.is_scaled:
            part = part.astype(np.float64) * header.slope + header.intercept
        result[start:stop] = part
        yield stop / seen.shape[0]
    return result
