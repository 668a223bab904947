"""Turn bytes that a client sent into voxels: NRRD, NIfTI, NPY or raw, without copying where that is possible."""

from __future__ import annotations

import io
import math
import tokenize
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.common import nrrd
from AgentBridgeLib.operations.common.grids import Grid
from AgentBridgeLib.operations.common.nrrd_fields import MAGIC as NRRD_MAGIC
from AgentBridgeLib.operations.common.voxels import require_memory
from AgentBridgeLib.operations.volumes import nifti_bytes
from AgentBridgeLib.operations.volumes.buffers import ReceivedVolume, adopt, compress, decompress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.ports.application import ApplicationHost
    from AgentBridgeLib.model.content import Content
    from AgentBridgeLib.model.exchange import Buffer
    from AgentBridgeLib.operations.common.voxels import Array

NPY_MAGIC = b"\x93NUMPY"


def receive(context: OperationContext, data: memoryview) -> Generator[Progress, None, ReceivedVolume]:
    """Read voxels inside a stepped operation; errors as in `read_volume`."""
    reading = read_volume(context.host.application, data)
    while True:
        try:
            yield Progress(next(reading), "Decompressing")
        except StopIteration as end:
            return end.value


def compressed(
    context: OperationContext, content: Content, parts: Sequence[Buffer]
) -> Generator[Progress, None, Content]:
    """Give content with these parts in compressed form, inside a stepped operation.

    Raises
    ------
    OutOfMemoryError
        What is compressed might not fit beside it.
    """
    size = sum(memoryview(part).nbytes for part in parts)
    require_memory(context.host.application, size, "Compressing")
    working = compress(parts)
    while True:
        try:
            yield Progress(next(working), "Compressing")
        except StopIteration as end:
            return replace(content, parts=end.value)


def read_volume(application: ApplicationHost, data: memoryview) -> Generator[float, None, ReceivedVolume]:
    """Read NRRD, NIfTI or NPY bytes; yields how far it is. The bytes belong to the voxels afterwards.

    Raises
    ------
    DataInvalidError
        It is neither, or claims something other than what follows.
    OutOfMemoryError
        The voxels would not fit into memory; nothing was allocated.
    """
    head = bytes(data[:8])
    if head.startswith(NRRD_MAGIC):
        return (yield from _read_nrrd(application, data))
    if head.startswith(NPY_MAGIC):
        return _read_npy(data)
    if nifti_bytes.is_nifti(data):
        return (yield from nifti_bytes.read(application, data))
    raise DataInvalidError(
        "The body is neither NRRD (begins with NRRD000) nor NIfTI (.nii, .nii.gz) nor NPY (begins with \\x93NUMPY)."
    )


def read_raw(data: memoryview, scalar_type: str, shape: tuple[int, ...]) -> Array:
    """Take bytes as voxels of a known type and shape.

    Raises
    ------
    DataInvalidError
        There are more or fewer bytes than voxels.
    """
    dtype = np.dtype(scalar_type)
    needed = math.prod(shape) * dtype.itemsize
    if data.nbytes != needed:
        raise DataInvalidError(
            f"The body has {data.nbytes} bytes; {shape} voxels of {scalar_type} have {needed}."
        )
    return adopt(data, 0, dtype, math.prod(shape)).reshape(shape)


def _read_nrrd(application: ApplicationHost, data: memoryview) -> Generator[float, None, ReceivedVolume]:
    header = nrrd.read_header(data)
    offset = header.data_offset
    if header.encoding == "gzip":
        require_memory(application, header.voxel_bytes, "Decompressing the voxels")
        data, offset = memoryview((yield from decompress(data[offset:], header.voxel_bytes))), 0
    else:
        offset = data.nbytes - header.voxel_bytes if header.byte_skip == -1 else offset + header.byte_skip
    dtype = np.dtype(header.scalar_type).newbyteorder(header.byte_order)
    i, j, k = header.dimensions_ijk
    shape = (k, j, i) if header.component_count == 1 else (k, j, i, header.component_count)
    return ReceivedVolume(
        adopt(data, offset, dtype, math.prod(shape)).reshape(shape), _grid(header), header.warnings, "nrrd"
    )


def _grid(header: nrrd.NrrdHeader) -> Grid:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(header.axes_lps).T
    matrix[:3, 3] = header.origin_lps
    return Grid(header.dimensions_ijk, np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix)


def _read_npy(data: memoryview) -> ReceivedVolume:
    shape, is_fortran, dtype, offset = _npy_header(bytes(data[:20_000]))
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or dtype.newbyteorder("=").name not in nrrd.SIZES:
        raise DataInvalidError(
            f"NPY voxels of type {dtype} cannot be used. Send one of {', '.join(nrrd.SIZES)}."
        )
    if is_fortran or len(shape) not in {3, 4} or min(shape) < 1:
        raise DataInvalidError(
            f"The NPY array has shape {shape}, Fortran order: {is_fortran}. Send shape (k, j, i), or "
            "(k, j, i, component), in C order (numpy.ascontiguousarray)."
        )
    needed = math.prod(shape) * dtype.itemsize
    if needed != data.nbytes - offset:
        raise DataInvalidError(
            f"The NPY header claims {needed} bytes of voxels; {data.nbytes - offset} follow it."
        )
    return ReceivedVolume(adopt(data, offset, dtype, math.prod(shape)).reshape(shape), None, (), "npy")


def _npy_header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    stream = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, is_fortran, dtype = read(stream)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError):
        raise DataInvalidError("The NPY header cannot be read; versions 1.0 and 2.0 are known.") from None
    return shape, is_fortran, dtype, stream.tell()
