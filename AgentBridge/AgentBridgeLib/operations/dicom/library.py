"""The Python packages for DICOM that Slicer brings; imported when first needed, named when absent."""

from __future__ import annotations

import importlib
import itertools
import warnings
import zlib
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import FeatureMissingError, FileUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

DEFLATED = "1.2.840.10008.1.2.1.99"
MOST_INFLATED_BYTES = 1 << 30
_MOST_RATIO = 1032  # of deflate
_HEAD_BYTES = 64 << 10
_ITEMS_A_STEP = 50
Made = TypeVar("Made")
_META = 132  # where the file meta information begins
_LONG = {b"OB", b"OW", b"OF", b"SQ", b"UT", b"UN"}  # value representations with a length of 4 bytes
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


def some_at_a_time(items: Iterator[Made], words: str) -> Generator[Progress, None, list[Made]]:
    """Take items in small steps, whatever pydicom says about them.

    Raises
    ------
    FileUnreadableError
        They are nested too deeply.
    """
    made: list[Made] = []
    while True:
        try:
            with quiet():
                some = list(itertools.islice(items, _ITEMS_A_STEP))
        except RecursionError:
            raise FileUnreadableError("The file of this instance is nested too deeply.") from None
        made += some
        if len(some) < _ITEMS_A_STEP:
            return made
        yield Progress(None, f"{words}: {len(made)}")


def file_meta(data: bytes) -> tuple[str, int]:
    """Give the transfer syntax of an encoded file, and where its data set begins (PS3.10, 7.1); empty without one."""
    syntax, at = "", _META
    while data[128:_META] == b"DICM" and data[at : at + 2] == b"\x02\x00":
        is_long = data[at + 4 : at + 6] in _LONG
        place, size = (at + 12, 4) if is_long else (at + 8, 2)
        end = place + int.from_bytes(data[place - size : place], "little")
        if data[at + 2 : at + 4] == b"\x10\x00":
            syntax = data[place:end].decode("ascii", "replace").strip("\0 ")
        at = end
    return syntax, at


def read_dataset(source: str | BinaryIO, *, tags: list[str] | None = None, pixels: bool = False) -> Any:
    """Read a DICOM file, given by its path or opened, or only some of its attributes.

    Raises
    ------
    FileUnreadableError
        The file is gone, is no DICOM file, or would inflate to more than 1 GiB.
    FeatureMissingError
        pydicom is absent.
    """
    read = library("pydicom").dcmread
    return _reading(source, lambda file: read(file, stop_before_pixels=not pixels, specific_tags=tags))


def read_before_pixels(path: str) -> tuple[Any, tuple[int, str] | None]:
    """Read everything before the pixels; give it with tag and value representation of the pixels, if there are any.

    Errors as in `read_dataset`.
    """
    read = library("pydicom.filereader").read_partial
    found: list[tuple[int, str]] = []

    def is_pixels(tag: int, kind: str | None, _: int) -> bool:
        if tag in PIXEL_TAGS:
            found.append((int(tag), str(kind or "OW")))
        return bool(found)

    dataset = _reading(path, lambda file: read(file, is_pixels))
    return dataset, found[0] if found else None


def _reading(source: str | BinaryIO, read: Callable[[BinaryIO], Any]) -> Any:
    try:
        with open(source, "rb") if isinstance(source, str) else nullcontext(source) as file, quiet():  # noqa: PTH123
            refuse_bomb(file)
            return read(file)
    except FileNotFoundError:
        raise FileUnreadableError(
            "The file of this instance is gone from the disk; import the data again."
        ) from None
    except FileUnreadableError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken file provokes
        raise FileUnreadableError("The file of this instance is no readable DICOM file.") from None


def refuse_bomb(file: BinaryIO) -> None:
    """Refuse a deflated file that would fill the memory: pydicom inflates all of it for the first attribute.

    Raises
    ------
    FileUnreadableError
        It would inflate to more than 1 GiB, or its head is longer than any.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if size <= MOST_INFLATED_BYTES // _MOST_RATIO:
        return
    syntax, start = file_meta(file.read(_HEAD_BYTES))
    if start >= _HEAD_BYTES:
        raise FileUnreadableError("The file of this instance has too long a head.")
    if syntax == DEFLATED:
        file.seek(start)
        inflater, count = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while count <= MOST_INFLATED_BYTES and (chunk := file.read(_HEAD_BYTES)):
            count += len(inflater.decompress(chunk))
        if count > MOST_INFLATED_BYTES:
            raise FileUnreadableError(
                "The file of this instance is deflated, and would inflate to more than 1 GiB."
            )
    file.seek(0)
