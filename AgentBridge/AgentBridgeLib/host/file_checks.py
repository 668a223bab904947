"""Checks of a file before Slicer's readers get it: what they do with a bad one can end the process or the scene."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from xml.parsers import expat

from AgentBridgeLib.errors import FileMissingError, FileUnreadableError, OutOfMemoryError
from AgentBridgeLib.host.data_headers import check_data
from AgentBridgeLib.host.file_references import check_members, file_names, scene_attributes
from AgentBridgeLib.host.image_headers import HEAD_BYTES, ImageClaim, read_claim
from AgentBridgeLib.host.memory import available_memory_bytes
from AgentBridgeLib.host.packed_data import is_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: Readers hold the voxels once in their own buffer and once in the image for a moment.
READING_FACTOR = 1.5
_NO_NUMBER = re.compile(r"\b(?:nan|inf)", re.IGNORECASE)
_PLACES = ("spacing", "origin", "ijkToRASDirections")  # of volumes
_TRANSFORM_REFERENCE = re.compile(r"(?:^|;)\s*transform:([^\s;]+)")


class FileChecks:
    """Looks at files without loading them.

    Parameters
    ----------
    available_memory
        Gives the bytes that can still be had, or None.
    """

    def __init__(self, available_memory: Callable[[], int | None] = available_memory_bytes) -> None:
        self._available_memory = available_memory

    def check_file(self, path: Path) -> None:
        """Check a data file.

        Raises
        ------
        FileMissingError
            There is none.
        FileUnreadableError
            Its header claims more than it has bytes, or its compressed voxels are not all there.
        OutOfMemoryError
            They would not fit into memory.
        """
        if not path.is_file():
            raise FileMissingError(f"There is no file at {path}.")
        try:
            check_data(path)
        except (ValueError, OverflowError) as error:
            raise FileUnreadableError(f"{path.name} {error}.") from error
        self._check_memory(path.name, self._claimed_by(path))

    def check_scene(self, path: Path) -> None:
        """Check a scene file and the images it would load; errors as in `check_file`."""
        if not path.is_file():
            raise FileMissingError(f"There is no file at {path}.")
        if path.suffix.lower() == ".mrml":
            scene = path.read_bytes()
            _check_xml(path.name, scene)
            claimed = sum(self._claimed_by(image) for image in _referenced_files(path, scene))
            is_long = any(_is_read_as_long(image) for image in _referenced_files(path, scene))
            _check_windows(path.name, scene, is_long)
        else:
            claimed = self._check_bundle(path)
        self._check_memory(path.name, claimed)

    def _check_bundle(self, path: Path) -> int:
        try:
            with zipfile.ZipFile(path) as bundle:
                check_members(path.name, bundle)
                members = [member for member in bundle.infolist() if not member.is_dir()]
                _check_unpacked_size(path.name, members)
                scenes = [member for member in members if member.filename.lower().endswith(".mrml")]
                if not scenes:
                    raise FileUnreadableError(f"{path.name} is an archive without a scene (.mrml).")
                main = min(scenes, key=lambda member: member.filename.count("/"))
                text = bundle.read(main)
                _check_xml(path.name, text)
                is_long = any(_is_member_read_as_long(bundle, member) for member in members)
                _check_windows(path.name, text, is_long)
                return sum(_claimed_by_member(bundle, member) for member in members)
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError) as error:
            raise FileUnreadableError(
                f"{path.name} is not a complete archive; it may have been cut."
            ) from error

    def _claimed_by(self, path: Path) -> int:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        claim = _claim(path.name, head)
        if claim is None:
            return 0
        data_path = path.parent / claim.data_file if claim.data_file else path
        if not data_path.is_file():
            raise FileUnreadableError(f"{path.name} names {claim.data_file} as its data, which is not there.")
        _check_size(path.name, claim, data_path.stat().st_size)
        if not is_complete(data_path, claim):
            raise FileUnreadableError(
                f"{data_path.name} is cut or damaged: its compressed data are not the {claim.unpacked_bytes} bytes "
                "that the header claims. Get the file again."
            )
        return claim.memory_bytes

    def _check_memory(self, name: str, claimed: int) -> None:
        available = self._available_memory()
        if available is not None and claimed * READING_FACTOR > available:
            raise OutOfMemoryError(
                f"{name} would need {claimed} bytes of memory; {available} bytes can be had. Nothing was loaded.",
                facts={"needed_bytes": claimed, "available_bytes": available},
            )


def _claim(name: str, head: bytes) -> ImageClaim | None:
    try:
        return read_claim(name, head)
    except ValueError as error:
        raise FileUnreadableError(f"The header of {name} has sizes that make no sense.") from error


def _check_size(name: str, claim: ImageClaim, size: int) -> None:
    if claim.stored_bytes > size:
        raise FileUnreadableError(
            f"The header of {name} claims {claim.memory_bytes} bytes of voxels, for which the file would have "
            f"at least {claim.stored_bytes} bytes; it has {size}.",
            facts={"claimed_bytes": claim.memory_bytes, "file_bytes": size},
        )


def _claimed_by_member(bundle: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    with bundle.open(member) as file:
        head = file.read(HEAD_BYTES)
    claim = _claim(PurePosixPath(member.filename).name, head)
    if claim is None:
        return 0
    if not claim.data_file:
        _check_size(member.filename, claim, member.file_size)
    return claim.memory_bytes


def _is_read_as_long(path: Path) -> bool:
    with path.open("rb") as file:
        claim = _claim(path.name, file.read(HEAD_BYTES))
    return claim is not None and claim.is_read_as_long


def _is_member_read_as_long(bundle: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    with bundle.open(member) as file:
        claim = _claim(PurePosixPath(member.filename).name, file.read(HEAD_BYTES))
    return claim is not None and claim.is_read_as_long


def _check_windows(name: str, scene: bytes, is_long: bool) -> None:
    """Refuse a scene whose automatic window would be computed of 64-bit integers: Slicer does not come back."""
    if is_long and ("autoWindowLevel", "1") in scene_attributes(scene):
        raise FileUnreadableError(
            f"{name} has images of 64-bit integers and asks for automatic windows, which would hang Slicer. Load "
            'those images alone with files.load, or set autoWindowLevel="0" in the scene.'
        )


def _check_unpacked_size(name: str, members: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse an archive that would fill the disk, or whose scene is none."""
    needed, free = sum(member.file_size for member in members), shutil.disk_usage(tempfile.gettempdir()).free
    if needed > free:
        raise FileUnreadableError(
            f"{name} would be unpacked into {needed} bytes; {free} bytes are free for temporary files.",
            facts={"needed_bytes": needed, "free_bytes": free},
        )


def _check_xml(name: str, scene: bytes) -> None:
    """Refuse what would only be refused after the present scene is gone, and what Slicer would hang on."""
    roots: list[str] = []
    nowhere: list[str] = []
    above: dict[str, str] = {}

    def note(element: str, attributes: dict[str, str]) -> None:
        roots.append(element)
        found = _TRANSFORM_REFERENCE.search(attributes.get("references", ""))
        if any(_NO_NUMBER.search(attributes.get(key, "")) for key in _PLACES):
            nowhere.append(attributes.get("id", ""))
        above[attributes.get("id", "")] = found[1] if found else attributes.get("transformNodeRef", "")

    parser = expat.ParserCreate()
    parser.StartElementHandler = note
    try:
        parser.Parse(scene, True)
    except expat.ExpatError as error:
        raise FileUnreadableError(
            f"The scene in {name} is no well-formed XML; it may have been cut."
        ) from error
    if roots[0] != "MRML":
        raise FileUnreadableError(f"{name} is XML but no MRML scene.")
    if nowhere:
        raise FileUnreadableError(f"{name} has volumes whose geometry is not finite: {', '.join(nowhere)}.")
    if any(_comes_back(above, node_id) for node_id in filter(None, above)):
        raise FileUnreadableError(f"{name} has transforms that apply to themselves, which would hang Slicer.")


def _comes_back(above: Mapping[str, str], node_id: str) -> bool:
    """Whether the transforms above a node lead in a circle."""
    passed = set()
    while node_id and node_id not in passed:
        passed.add(node_id)
        node_id = above.get(node_id, "")
    return bool(node_id)


def _referenced_files(path: Path, scene: bytes) -> Iterator[Path]:
    """Walk over the files that a scene refers to and that are there."""
    for name in set(file_names(scene)):
        file = path.parent / name
        if file.is_file():
            yield file
