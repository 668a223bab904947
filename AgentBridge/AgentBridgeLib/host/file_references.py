"""Which other files Slicer would read along with a file: detached voxels of images, data of scenes.

A header may name any file of the computer as its voxels, and a scene any file as its data. Whoever loads a file has to
know, so that reading stays inside the allowed folders. Nothing is opened but the file itself and, where a scene names
images or further scenes, those. What Slicer's own readers take for a name counts, however odd the spelling.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import tarfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from AgentBridgeLib.errors import FileUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_BYTES = 1 << 20
MOST_SCENE_BYTES = 256 << 20
"""A scene has no voxels; a text of this size keeps Slicer busy for minutes."""
_NRRD_DATA = re.compile(rb"^data ?file:(.+)$", re.MULTILINE | re.IGNORECASE)
# MetaIO takes a colon for an equals sign, skips what is blank, and goes by how a name begins.
_META_DATA = re.compile(rb"^[ \t\v\f]*ElementDataFile[^=:\n]*[=:][=:\s]*(.+)$", re.MULTILINE)
_META_ENDINGS = (".mha", ".mhd")
_DECODED = (("%22", '"'), ("%3C", "<"), ("%3E", ">"), ("%27", "'"), ("%20", " "), ("%25", "%"))
"""What `vtkMRMLNode::URLDecodeString` knows, in its order."""
_DEEPEST = 5
_DISC_MARK, _DISC_MARK_AT = b"CD001", 16 * 2048 + 1
_LOCAL_HEADER, _EXTRA_FIELD = struct.Struct("<26xHH"), struct.Struct("<HH")
_HIDDEN_ATTRIBUTES = 0x6C78
"""Extra field of a local header with system and attributes, libarchive's own: `archive_read_support_format_zip.c`."""


@dataclass(frozen=True, slots=True)
class FileReferences:
    """What a file refers to: absolute paths, and web addresses."""

    paths: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def file_references(path: Path) -> FileReferences:
    """Find out what else would be read; nothing for files without references or that cannot be read.

    Raises
    ------
    FileUnreadableError
        It cannot be said: a header has no end, an archive holds more than plain files, scenes are in scenes in scenes.
    """
    walk = _Walk()
    walk.file(path)
    return FileReferences(tuple(dict.fromkeys(walk.paths)), tuple(dict.fromkeys(walk.addresses)))


def scene_attributes(scene: bytes) -> list[tuple[str, str]]:
    """Give name and value of all attributes in a scene, read as Slicer's parser does; up to what is no XML."""
    found: list[tuple[str, str]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _tag, attributes: found.extend(attributes.items())
    with suppress(expat.ExpatError):
        parser.Parse(scene, True)
    return found


def file_names(scene: bytes) -> Iterator[str]:
    """Walk over the files that a scene names, decoded as Slicer does and as far as it could be."""
    for name, value in scene_attributes(scene):
        if value and name.lower().startswith(("filename", "filelistmember")):
            decoded = value
            for code, character in _DECODED:
                decoded = decoded.replace(code, character)
            yield from dict.fromkeys((decoded, unquote(value)))


def check_members(name: str, bundle: zipfile.ZipFile) -> None:
    """Refuse an archive that would not be unpacked into plain files in a folder of its own.

    Raises
    ------
    FileUnreadableError
        A member is a link, leaves the folder, or is a scene of senseless size; or another kind of archive could be
        unpacked in its place: Slicer's libarchive goes by content, not by name.
    """
    members = bundle.infolist()
    if not members or min(member.header_offset for member in members) != 0:
        raise FileUnreadableError(f"{name} is no archive from its first byte on.")
    if _passes_for_another_kind(bundle):
        raise FileUnreadableError(f"{name} could be unpacked as another kind of archive as well.")
    for member in members:
        if (
            _has_hidden_attributes(bundle, member)
            or stat.S_ISLNK(member.external_attr >> 16)
            or _leaves(member.filename)
        ):
            raise FileUnreadableError(f"{name} has a member outside its own folder: {member.filename!r}.")
        if member.filename.lower().endswith(".mrml") and member.file_size > MOST_SCENE_BYTES:
            raise FileUnreadableError(
                f"{name} has a scene of {member.file_size} bytes; data belong beside it."
            )


def _passes_for_another_kind(bundle: zipfile.ZipFile) -> bool:
    """Tell whether libarchive would rather see a tape archive (tar), or a disc image (ISO 9660)."""
    head = _bytes_at(bundle, 0, tarfile.BLOCKSIZE)
    with suppress(tarfile.HeaderError):
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        return True
    return _bytes_at(bundle, _DISC_MARK_AT, len(_DISC_MARK)) == _DISC_MARK


def _has_hidden_attributes(bundle: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Tell whether the header before a member says anew what it is, a link for instance, as libarchive heeds."""
    fixed = _bytes_at(bundle, member.header_offset, _LOCAL_HEADER.size)
    if len(fixed) < _LOCAL_HEADER.size:
        return True
    name_bytes, extra_bytes = _LOCAL_HEADER.unpack(fixed)
    extra = _bytes_at(bundle, member.header_offset + _LOCAL_HEADER.size + name_bytes, extra_bytes)
    while len(extra) >= _EXTRA_FIELD.size:
        kind, size = _EXTRA_FIELD.unpack_from(extra)
        if kind == _HIDDEN_ATTRIBUTES:
            return True
        extra = extra[_EXTRA_FIELD.size + size :]
    return False


def _bytes_at(bundle: zipfile.ZipFile, offset: int, count: int) -> bytes:
    if bundle.fp is None:
        return b""
    bundle.fp.seek(offset)
    return bundle.fp.read(count)


@dataclass(slots=True)
class _Walk:
    """Goes from file to file and collects."""

    paths: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    def file(self, path: Path, depth: int = 0) -> None:
        """Collect what a file names; depth counts the scenes around it."""
        if path in self.seen:
            return
        self.seen.add(path)
        try:
            if path.suffix.lower() == ".mrb":
                with zipfile.ZipFile(path) as bundle:
                    self.bundle(path.name, bundle, depth)
            elif path.suffix.lower() == ".mrml":
                self.scene(path.parent, path.read_bytes(), depth)
            else:
                with path.open("rb") as file:
                    names = _detached(path.name, file.read(HEAD_BYTES + 1))
                self.paths += [str(path.parent / name) for name in names]
        except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
            raise FileUnreadableError(
                f"{path.name} is not a complete archive; it may have been cut."
            ) from error
        except OSError:
            return

    def scene(self, folder: Path, scene: bytes, depth: int) -> None:
        """Collect what a scene in a folder names, and what that names."""
        for name in (*file_names(scene), *self._local_uris(scene)):
            self._follow(folder, name, depth)

    def bundle(self, name: str, bundle: zipfile.ZipFile, depth: int) -> None:
        """Collect what leads out of an archive; its own data are unpacked with it."""
        check_members(name, bundle)
        for member in bundle.infolist():
            names: list[str] = []
            lower = member.filename.lower()
            with bundle.open(member) as file:
                if lower.endswith(".mrb"):
                    _check_depth(depth)
                    with zipfile.ZipFile(file) as inner:
                        self.bundle(member.filename, inner, depth + 1)
                elif lower.endswith(".mrml"):
                    scene = file.read()
                    names = [*file_names(scene), *self._local_uris(scene)]
                else:
                    names = _detached(lower, file.read(HEAD_BYTES + 1))
            for entry in names:
                if _leaves(entry):
                    self._follow(Path("/"), entry, depth)

    def _follow(self, folder: Path, name: str, depth: int) -> None:
        # As Slicer's storage nodes do: a backslash divides, ~ is a home, dots are followed before links are.
        named = os.path.normpath(folder / os.path.expanduser(name.replace("\\", "/")))  # noqa: PTH111
        self.paths.append(named)
        _check_depth(depth)
        self.file(Path(named), depth + 1)

    def _local_uris(self, scene: bytes) -> list[str]:
        """Give the files among the addresses of a scene, and note the others."""
        uris = [urlsplit(value) for name, value in scene_attributes(scene) if name.lower().startswith("uri")]
        self.addresses += [uri.geturl() for uri in uris if uri.scheme not in {"", "file"}]
        return [unquote(uri.path) for uri in uris if uri.scheme == "file"]


def _check_depth(depth: int) -> None:
    if depth > _DEEPEST:
        raise FileUnreadableError("Scenes are in scenes in scenes: load the innermost alone.")


def _detached(name: str, content: bytes) -> list[str]:
    """Names of the files with the voxels of an NRRD or MetaImage header."""
    head = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    is_nrrd, is_meta = head.startswith(b"NRRD"), name.lower().endswith(_META_ENDINGS)
    found = [*(_NRRD_DATA.finditer(head) if is_nrrd else ()), *_META_DATA.finditer(head)]
    is_complete = (is_nrrd and b"\n\n" in head) or (is_meta and bool(found))
    if len(content) > HEAD_BYTES and (is_nrrd or is_meta) and not is_complete:
        raise FileUnreadableError(f"The header of {name} does not end within its first MiB.")
    return [entry for match in found for entry in _named(match, head)]


def _named(match: re.Match[bytes], head: bytes) -> list[str]:
    first = match[1].decode("utf-8", errors="replace").strip()
    if first.upper() == "LOCAL":
        return []
    if first.upper().startswith("LIST"):
        lines = head[match.end() :].decode("utf-8", errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip() and "\x00" not in line]
    # A pattern (`slice%03d.raw 1 48 1`) names files of one folder.
    return [str(PurePosixPath(first).parent / "x")] if "%" in first else [first]


def _leaves(name: str) -> bool:
    plain = PurePosixPath(name.replace("\\", "/"))
    is_odd = not plain.parts or ".." in plain.parts or ":" in plain.parts[0]
    return plain.is_absolute() or is_odd or name.startswith("~")
