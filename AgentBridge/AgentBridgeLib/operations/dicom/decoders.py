"""Decode frames: with pydicom, and where it has no decoder with SimpleITK, which Slicer brings.

SimpleITK reads what pydicom's usual plugins do not: JPEG lossless (process 14) and JPEG of 12 bits.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from AgentBridgeLib.errors import DataInvalidError
from AgentBridgeLib.operations.dicom.library import library, quiet

MOST_VALUES = 1 << 27
_COPIED = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
)
BIG_ENDIAN = "1.2.840.10008.1.2.2"
_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def is_new_pydicom() -> bool:
    """Whether pydicom is of version 3 or later, which moved and renamed a lot."""
    return int(library("pydicom").__version__.partition(".")[0]) >= 3


def decode(dataset: Any, index: int, count: int, *, as_stored: bool = False) -> Any:
    """Decode one of `count` frames, counted from 0.

    Parameters
    ----------
    dataset
        Read with its pixels.
    as_stored
        Leave colors in the file's own color space; else they become RGB.

    Returns
    -------
    array
        Shape (rows, columns) or (rows, columns, samples).

    Raises
    ------
    DataInvalidError
        It cannot be decoded; the message names the transfer syntax.
    """
    require_moderate(dataset, 1)
    for attempt in (_with_pydicom, _with_simpleitk):
        try:
            with quiet():
                return attempt(dataset, index, count, as_stored)
        except Exception:  # noqa: BLE001, S112 - decoders raise whatever a broken or unknown stream provokes
            continue
    syntax = dataset.file_meta.get("TransferSyntaxUID", "")
    name = getattr(syntax, "name", syntax) or "an unknown transfer syntax"
    raise DataInvalidError(
        f"The pixels ({name}) cannot be decoded with the packages that are here, or they are broken."
    )


def require_moderate(dataset: Any, count: int) -> None:
    """Refuse frames that a small compressed file would make too large for the memory.

    Raises
    ------
    DataInvalidError
        They have more than 134 million values.
    """
    sizes = (dataset.get(name, 1) or 1 for name in ("Rows", "Columns", "SamplesPerPixel"))
    values = count * math.prod(int(size) for size in sizes)
    if values > MOST_VALUES:
        raise DataInvalidError(f"The pixels are too large to be decoded at once: {values:,} values.")


def stored_frame(dataset: Any, index: int, count: int) -> bytes:
    """Give the compressed bytes of a frame as the file has them.

    Raises
    ------
    DataInvalidError
        The file's items cannot be told apart.
    """
    encapsulation = library("pydicom.encaps")
    try:
        with quiet():
            if is_new_pydicom():
                table = dataset.get("ExtendedOffsetTable")
                offsets = (table, dataset.ExtendedOffsetTableLengths) if table else None
                frame = encapsulation.get_frame(
                    dataset.PixelData, index, number_of_frames=count, extended_offsets=offsets
                )
                return bytes(frame)
            frames = encapsulation.generate_pixel_data(dataset.PixelData, count)
            return b"".join(next(part for number, part in enumerate(frames) if number == index))
    except Exception:  # noqa: BLE001 - pydicom raises whatever broken items provoke
        raise DataInvalidError(
            "The frames of this instance cannot be told apart: its items are broken."
        ) from None


def little_endian(dataset: Any) -> Any:
    """Turn the bytes of binary values round, in place, if they are big endian: pydicom leaves them as they were."""
    if str(dataset.file_meta.get("TransferSyntaxUID", "")) != BIG_ENDIAN:
        return dataset
    with quiet():
        for element in dataset.iterall():
            if element.VR in _WORD_BYTES and isinstance(element.value, bytes):
                size = _WORD_BYTES[element.VR]
                if element.tag == 0x7FE00010:
                    size = max(2, int(dataset.BitsAllocated) // 8)
                if len(element.value) % size == 0:
                    element.value = np.frombuffer(element.value, f">u{size}").astype(f"<u{size}").tobytes()
    return dataset


def _with_pydicom(dataset: Any, index: int, count: int, as_stored: bool) -> Any:
    if is_new_pydicom():
        return np.asarray(library("pydicom.pixels").pixel_array(dataset, index=index, raw=as_stored))
    pixels = dataset.pixel_array
    frame = np.asarray(pixels[index] if count > 1 else pixels)
    return frame if as_stored else _as_rgb(frame, dataset)


def _with_simpleitk(dataset: Any, index: int, count: int, as_stored: bool) -> Any:
    if not dataset.file_meta.TransferSyntaxUID.is_compressed:
        raise DataInvalidError("uncompressed pixels have no further decoder")
    toolkit = library("SimpleITK")
    with tempfile.TemporaryDirectory() as folder:  # private to this account
        path = str(Path(folder) / "frame.dcm")
        _write_alone(dataset, stored_frame(dataset, index, count), path)
        toolkit.ProcessObject.GlobalWarningDisplayOff()
        frame = toolkit.GetArrayFromImage(toolkit.ReadImage(path, imageIO="GDCMImageIO"))[0]
    kind = f"{'i' if dataset.PixelRepresentation else 'u'}{int(dataset.BitsAllocated) // 8}"
    frame = frame.astype(kind, copy=False)
    return frame if as_stored else _as_rgb(frame, dataset)


def _write_alone(dataset: Any, frame: bytes, path: str) -> None:
    """Write one frame with nothing that changes its values: no rescale, no palette, no color space."""
    pydicom = library("pydicom")
    alone = pydicom.Dataset()
    alone.file_meta = pydicom.dataset.FileMetaDataset()
    alone.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    secondary_capture = "1.2.840.10008.5.1.4.1.1.7"
    alone.SOPClassUID = alone.file_meta.MediaStorageSOPClassUID = secondary_capture
    alone.SOPInstanceUID = alone.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    for keyword in _COPIED:
        setattr(alone, keyword, dataset.get(keyword, 1 if keyword == "SamplesPerPixel" else 0))
    alone.PhotometricInterpretation = "RGB" if alone.SamplesPerPixel == 3 else "MONOCHROME2"
    if alone.SamplesPerPixel == 3:
        alone.PlanarConfiguration = 0
    alone.PixelData = pydicom.encaps.encapsulate([frame])
    alone["PixelData"].VR = "OB"
    alone["PixelData"].is_undefined_length = True
    alone.preamble = bytes(128)
    pydicom.dcmwrite(path, alone)


def _as_rgb(frame: Any, dataset: Any) -> Any:
    interpretation = str(dataset.get("PhotometricInterpretation", ""))
    if not interpretation.startswith("YBR_FULL"):
        return frame
    module = "pydicom.pixels" if is_new_pydicom() else "pydicom.pixel_data_handlers.util"
    return library(module).convert_color_space(frame, interpretation, "RGB")
