"""WADO-RS: frames, as stored or uncompressed (PS3.18, 10.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, DataInvalidError, FieldProblem
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import multipart, negotiation
from AgentBridgeLib.operations.dicom.decoders import BIG_ENDIAN, decode, stored_frame
from AgentBridgeLib.operations.dicom.instances import burned_in
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.pixels import frame_count
from AgentBridgeLib.operations.dicom.web_arguments import InstanceArguments, accepted, instance_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext


class FramesArguments(InstanceArguments):
    """Which frames."""

    frames: str = Field(
        pattern=r"^[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*$",
        max_length=7000,
        description="Frame numbers from 1, with commas.",
    )


@operation(
    name="dicomweb.retrieve_frames",
    capability="dicom.read",
    route=(
        "GET /dicomweb/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        "/frames/{frames}"
    ),
    read_only=True,
    execution="steps",
    revision_scope="none",
)
def retrieve_frames(
    context: OperationContext, arguments: FramesArguments
) -> Generator[Progress, None, Content]:
    """Give frames (WADO-RS): uncompressed little endian, or compressed as they are stored.

    Uncompressed unless the client accepts the media type of the stored frames (such as image/jls) or any transfer
    syntax.

    Returns
    -------
    Content
        multipart/related with one part per frame, in the order asked for; its type says the transfer syntax.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame.
    DataInvalidError
        The instance has no pixels, or they cannot be decoded.
    NotAcceptableError
        The client accepts something else only.

    Notes
    -----
    Source: DICOM PS3.18, 10.4.1.1.6 and 8.7.3.
    """
    dataset = read_dataset(instance_of(context, arguments).path, pixels=True)
    numbers = [int(part) for part in arguments.frames.split(",")]
    require_frames(dataset, numbers)
    accept = accepted(context, arguments)
    kind, frames = yield from leaving_frames(dataset, numbers, accept)
    bare = kind.partition(";")[0]
    facts = {"frame_count": frame_count(dataset), "burned_in_annotation": burned_in(dataset)}
    if len(frames) == 1 and negotiation.wants_single(accept, bare):
        return Content(kind, frames, facts=facts)
    return replace(multipart.write(bare, [(kind, [frame]) for frame in frames]), facts=facts)


def leaving_frames(
    dataset: Any, numbers: Sequence[int], accept: str
) -> Generator[Progress, None, tuple[str, list[bytes]]]:
    """Give frames (numbers from 1) with their media type, as the client wants them.

    Raises
    ------
    DataInvalidError
        They cannot be decoded.
    NotAcceptableError
        The client accepts something else only.
    """
    stored = str(dataset.file_meta.TransferSyntaxUID)
    count = frame_count(dataset)
    if negotiation.frame_syntax(accept, stored, can_decode=True) == negotiation.EXPLICIT_LITTLE:
        try:
            frames = []
            for number in numbers:
                frames.append(_raw_frame(dataset, number - 1, count))
                yield Progress(len(frames) / len(numbers), "Decoding frames")
            return f"{negotiation.OCTETS}; transfer-syntax={negotiation.EXPLICIT_LITTLE}", frames
        except DataInvalidError:
            if stored in negotiation.UNCOMPRESSED:
                raise
            negotiation.frame_syntax(accept, stored, can_decode=False)
    frames = [stored_frame(dataset, number - 1, count) for number in numbers]
    return f"{negotiation.kind_of(stored)}; transfer-syntax={stored}", frames


def require_frames(dataset: Any, numbers: list[int]) -> None:
    """Refuse numbers behind the last frame.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame.
    DataInvalidError
        The instance has no pixels.
    """
    count = frame_count(dataset)
    if max(numbers) > count:
        problem = f"the instance has {count} frames"
        raise ArgumentInvalidError(
            f"No such frames: {problem}.", errors=[FieldProblem("/frames", problem, f"1 to {count}")]
        )


def _raw_frame(dataset: Any, index: int, count: int) -> bytes:
    """Give the stored values of a frame as PS3.5 lays them out uncompressed, little endian."""
    bits = int(dataset.BitsAllocated)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    values = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel", 1) or 1)
    is_plain = syntax in negotiation.UNCOMPRESSED - {BIG_ENDIAN} and "PixelData" in dataset
    if is_plain and (values * bits) % 8 == 0 and dataset.get("PhotometricInterpretation") != "YBR_FULL_422":
        size = values * bits // 8
        if (index + 1) * size > len(dataset.PixelData):
            raise DataInvalidError(f"The pixels of frame {index + 1} are cut off.")
        return bytes(dataset.PixelData[index * size : (index + 1) * size])
    array = decode(dataset, index, count, as_stored=True)
    if bits == 1:
        return np.packbits(array.astype(bool), bitorder="little").tobytes()
    if array.ndim == 3 and dataset.get("PlanarConfiguration", 0) == 1:
        array = np.moveaxis(array, -1, 0)  # as the metadata say
    return bytes(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
