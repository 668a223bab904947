"""Which other files Slicer would read along with a file: detached voxels of images, data of scenes.

A header may name any file of the computer as its voxels, and a scene any file as its data. Whoever loads a file has to
know, so that reading stays inside the allowed folders. Nothing is opened but the file itself.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import unescape

HEAD_BYTES = 1 << 20
_NRRD_DATA = re.compile(rb"^data ?file:[ \t]*(.+?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_META_DATA = re.compile(rb"^ElementDataFile[ \t]*=[ \t]*(.+?)[ \t]*\r?$", re.MULTILINE)
_FILE = re.compile(rb'\s(?:fileName|fileListMember\d+)="([^"]+)"')
_URI = re.compile(rb'\s(?:uri|uriListMember\d+)="([^"]+)"')


@dataclass(frozen=True, slots=True)
class FileReferences:
    """What a file refers to: absolute paths, and web addresses."""

    paths: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def file_references(path: Path) -> FileReferences:
    """Find out what else would be read; nothing for files without references or that cannot be read."""
    try:
        if path.suffix.lower() == ".mrb":
            return _of_bundle(path)
        if path.suffix.lower() == ".mrml":
            return _of_scene(path.parent, path.read_bytes())
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError):
        return FileReferences()
    return FileReferences(tuple(str(path.parent / name) for name in _detached(head)))


def _detached(head: bytes) -> list[str]:
    """Names of the files with the voxels of an NRRD or MetaImage header."""
    found = _NRRD_DATA.search(head) if head.startswith(b"NRRD") else _META_DATA.search(head)
    if found is None or found[1].upper() == b"LOCAL":
        return []
    first = found[1].decode("utf-8", errors="replace")
    if first.upper().startswith("LIST"):
        lines = head[found.end() :].decode("utf-8", errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip() and "\x00" not in line]
    # A pattern (`slice%03d.raw 1 48 1`) names files of one folder.
    return [str(PurePosixPath(first).parent / "x")] if "%" in first else [first]


def _of_scene(folder: Path, scene: bytes) -> FileReferences:
    files = [unquote(_text(raw)) for raw in _FILE.findall(scene)]
    uris = [_text(raw) for raw in _URI.findall(scene)]
    local = [unquote(urlsplit(uri).path) for uri in uris if urlsplit(uri).scheme == "file"]
    return FileReferences(
        tuple(dict.fromkeys(str(folder / name) for name in (*files, *local))),
        tuple(uri for uri in uris if urlsplit(uri).scheme in {"http", "https", "ftp"}),
    )


def _of_bundle(path: Path) -> FileReferences:
    """Give what scenes in an archive refer to outside of it; their own data are unpacked with them."""
    paths: list[str] = []
    addresses: list[str] = []
    with zipfile.ZipFile(path) as bundle:
        for name in bundle.namelist():
            if name.lower().endswith(".mrml"):
                inside = _of_scene(Path(), bundle.read(name))
                paths += [entry for entry in inside.paths if _leaves(entry)]
                addresses += inside.addresses
    return FileReferences(tuple(str(path.parent / entry) for entry in paths), tuple(addresses))


def _leaves(name: str) -> bool:
    plain = PurePosixPath(name.replace("\\", "/"))
    return plain.is_absolute() or ".." in plain.parts or ":" in plain.parts[0]


def _text(raw: bytes) -> str:
    return unescape(raw.decode("utf-8", errors="replace"), {"&quot;": '"', "&apos;": "'"})
