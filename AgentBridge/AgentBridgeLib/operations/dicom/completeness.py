"""Notice files that end before their pixels do: readers fill what is missing without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from AgentBridgeLib.errors import FileUnreadableError
from AgentBridgeLib.operations.dicom.library import library, quiet, refuse_bomb

_TAGS = ["Rows", "Columns", "BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames"]
_IMPLICIT_HEADER_BYTES, _EXPLICIT_HEADER_BYTES = 8, 12


def missing_bytes(path: str) -> int:
    """Give how many bytes of uncompressed pixels a file lacks; 0 when none, or when that cannot be told.

    Raises
    ------
    FileUnreadableError
        The file is gone or is no DICOM file.
    FeatureMissingError
        pydicom is absent.
    """
    pydicom = library("pydicom")
    try:
        with Path(path).open("rb") as file, quiet():
            refuse_bomb(file)
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
            pixels_at = file.tell()  # pydicom goes back to the element that it stopped at
            length = file.seek(0, 2)
        syntax, wanted = dataset.file_meta.TransferSyntaxUID, _pixel_bytes(dataset)
        if not wanted or syntax.is_compressed or syntax.is_deflated:
            return 0
        header = _IMPLICIT_HEADER_BYTES if syntax.is_implicit_VR else _EXPLICIT_HEADER_BYTES
        return max(0, wanted - (length - pixels_at - header))
    except OSError:
        raise FileUnreadableError(
            "The file of an instance is gone from the disk; import the data again."
        ) from None
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes; the readers say more
        return 0


def _pixel_bytes(dataset: Any) -> int:
    subsampled = str(dataset.get("PhotometricInterpretation", "")).endswith(("_422", "_420"))
    if not dataset.get("Rows") or subsampled:
        return 0
    samples = int(dataset.get("SamplesPerPixel", 1) or 1)
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    bits = (
        int(dataset.Rows)
        * int(dataset.Columns)
        * frames
        * samples
        * int(dataset.get("BitsAllocated", 16) or 16)
    )
    return (bits + 7) // 8
