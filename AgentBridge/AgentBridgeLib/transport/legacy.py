"""What a request to Slicer's own WebServer would do, read the way that server reads it.

Source: `Modules/Scripted/WebServer/WebServerLib/SlicerRequestHandler.py`, `DICOMRequestHandler.py` and
`StaticPagesRequestHandler.py`. They route by prefix of `urllib.parse.urlparse(uri).path`, so `/slicer/execute`,
`/slicer/exec;x` and `http://h/slicer/exec` all execute; they parse the rest a second time; percent-encoded letters of
a path stay encoded. Whoever judges a request has to make the same mistakes.
"""

from __future__ import annotations

import math
import os.path
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlparse
from urllib.request import url2pathname

if TYPE_CHECKING:
    from types import ModuleType

_SLICER = b"/slicer"
_SHORT_BYTES = 2


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a legacy request needs to be allowed.

    Attributes
    ----------
    capability
        Its name in the safety settings.
    action
        What would happen, in words that follow "to".
    path
        The local file that would be touched; None when none is named.
    writing
        Whether the file would be written.
    """

    capability: str
    action: str
    path: str | None = None
    writing: bool = False


def needs_of(method: str, uri: bytes) -> list[Need]:
    """List what a request needs; empty for a harmless one.

    Raises
    ------
    ValueError
        The address cannot be read. Slicer's handlers fail on it, too.
    """
    parsed = urlparse(uri)
    if parsed.path.startswith(b"/dicom"):
        return [Need("dicom.read", "read the DICOM database")]
    if not parsed.path.startswith(_SLICER):
        return []
    command = parsed.path[len(_SLICER) :]
    if command.startswith(b"/exec"):
        return [Need("python.execute", "run Python code")]
    if command.startswith(b"/system"):
        return [Need("application.control", "quit Slicer")] if method == "DELETE" else []
    if command.startswith(b"/accessDICOMwebStudy"):
        return [Need("network", "load a study from a server that the request names")]
    if command.startswith(b"/mrml"):
        return _needs_of_mrml(method, command, parsed.query)
    return []


def claims_more_voxels_than_bytes(uri: bytes, body: bytes) -> bool:
    """Say whether an uploaded volume's header would make Slicer allocate more than came.

    The stock handler allocates what the header says before it looks at the data; beyond the memory of the machine VTK
    ends the process.
    """
    command = urlparse(uri).path.removeprefix(_SLICER)
    if not command.startswith(b"/volume") or not body.startswith(b"NRRD"):
        return False
    header = body[: body.find(b"\n\n")]
    sizes = [line.partition(b":")[2] for line in header.split(b"\n") if line.startswith(b"sizes:")]
    try:
        dimensions = [int(number) for number in sizes[-1].split()]
    except (IndexError, ValueError):
        return False  # the stock handler refuses it before it allocates
    return min(dimensions, default=0) < 1 or math.prod(dimensions) * _SHORT_BYTES > len(body)


def leaves_document_root(uri: bytes, docroot: bytes) -> bool:
    """Say whether the static pages' handler would look outside its folder, query and all."""
    relative = uri[1:] if uri.startswith(b"/") else uri
    try:
        path = os.path.join(docroot, relative)  # noqa: PTH118  bytes, and as the stock handler does it
        return not (
            is_below(os.path.normpath(path), os.path.normpath(docroot))
            and is_below(os.path.realpath(path), os.path.realpath(docroot))
        )
    except ValueError:  # a NUL in it
        return True


def is_below(path: bytes, folder: bytes, rules: ModuleType = os.path) -> bool:
    """Say whether a normalized path is a folder or lies in it, by the rules of one system."""
    try:
        return bool(rules.commonpath([path, folder]) == rules.commonpath([folder]))
    except ValueError:  # another drive
        return False


def _needs_of_mrml(method: str, command: bytes, query_bytes: bytes) -> list[Need]:
    request = command + (b"?" + query_bytes if query_bytes else b"")
    second = urlparse(request.decode())
    query = parse_qs(second.query)
    if method == "GET" and second.path == "/mrml/file":
        return _needs_of_saving(query)
    if method == "POST":
        return _needs_of_loading(query)
    if method == "PUT":
        return [Need("files.read", "reload nodes from their files")]
    if method == "DELETE" and "id" not in query and "name" not in query:
        # A class alone selects, too, and vtkMRMLNode is a class.
        return [Need("scene.delete", "clear the scene or all nodes of a class")]
    return []


def _needs_of_saving(query: dict[str, list[str]]) -> list[Need]:
    if "url" in query:
        path = url2pathname(urlparse(query["url"][0].strip()).path)
    elif "localfile" in query:
        path = query["localfile"][0].strip()
    else:
        return []
    return [Need("files.write", "write a local file", path, writing=True)]


def _needs_of_loading(query: dict[str, list[str]]) -> list[Need]:
    needs = [Need("files.read", "read a local file", name) for name in query.get("fileNames", ())]
    if "clear" in query:
        needs.append(Need("scene.delete", "replace the scene"))
    if "url" in query:
        needs.append(_need_of_url(query["url"][0].strip()))
    elif "localfile" in query:
        needs.append(Need("files.read", "read a local file", query["localfile"][0].strip()))
    return needs


def _need_of_url(url: str) -> Need:
    parsed = urlparse(url)
    if parsed.scheme == "slicer":
        return Need("application.control", "open a slicer: address")
    if parsed.scheme == "file":
        return Need("files.read", "read a local file", url2pathname(parsed.path))
    return Need("network", "download from an address that the request names")
