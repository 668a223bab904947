"""The Python packages for DICOM that Slicer brings; imported when first needed, named when absent."""

from __future__ import annotations

import importlib
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import FeatureMissingError, FileUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


def library(name: str) -> Any:
    """Import a module of a package such as ``pydicom.datadict``.

    Raises
    ------
    FeatureMissingError
        The package is not installed; the message says what to do.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise FeatureMissingError(
            f"This needs the Python package {package}, which is not installed here. Slicer 5.12 and later bring it; "
            f"in an older one run slicer.util.pip_install('{package}') once in Slicer's Python console."
        ) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what pydicom says about values that bend the standard: real files are full of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_dataset(path: str, *, tags: list[str] | None = None, pixels: bool = False) -> Any:
    """Read a DICOM file, or only some of its attributes.

    Raises
    ------
    FileUnreadableError
        The file is gone or is no DICOM file.
    FeatureMissingError
        pydicom is absent.
    """
    pydicom = library("pydicom")
    try:
        with quiet():
            return pydicom.dcmread(path, stop_before_pixels=not pixels, specific_tags=tags)
    except FileNotFoundError:
        raise FileUnreadableError(
            "The file of this instance is gone from the disk; import the data again."
        ) from None
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes
        raise FileUnreadableError("The file of this instance is no readable DICOM file.") from None


def read_before_pixels(path: str) -> tuple[Any, tuple[int, str] | None]:
    """Read everything before the pixels; give it with tag and value representation of the pixels, if there are any.

    Errors as in `read_dataset`.
    """
    reader = library("pydicom.filereader")
    found: list[tuple[int, str]] = []

    def is_pixels(tag: int, kind: str | None, _: int) -> bool:
        if tag in PIXEL_TAGS:
            found.append((int(tag), str(kind or "OW")))
        return bool(found)

    try:
        with quiet(), open(path, "rb") as file:  # noqa: PTH123 - one call less per slice
            dataset = reader.read_partial(file, is_pixels)
    except FileNotFoundError:
        raise FileUnreadableError(
            "The file of this instance is gone from the disk; import the data again."
        ) from None
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes
        raise FileUnreadableError("The file of this instance is no readable DICOM file.") from None
    return dataset, found[0] if found else None
