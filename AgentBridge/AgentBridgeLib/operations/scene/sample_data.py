"""List the samples that Slicer offers, and load them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, FeatureMissingError, FieldProblem, FileMissingError
from AgentBridgeLib.model.base import Arguments, PageArguments
from AgentBridgeLib.model.nodes import NodesLoaded, NodeSummary, SampleDescription, SampleList
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.operations.scene.downloads import fetch
from AgentBridgeLib.operations.scene.files import load_nodes
from AgentBridgeLib.operations.scene.scene import SCENE_ENDINGS, check_references, read_scene
from AgentBridgeLib.policy.downloads import ANY_PUBLIC, AddressRefusedError, check_address, origin_of
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from AgentBridgeLib.dispatch.context import OperationContext, Suspend
    from AgentBridgeLib.host.ports.files import SampleFile, SampleSource

CHUNK_BYTES = 8 << 20
_SCENE, _ARCHIVE = "SceneFile", "ZipFile"
_IMPLIED_TYPES = {".mrb": _SCENE, ".mrml": _SCENE, ".zip": _ARCHIVE}
"""Types that Slicer knows by the ending alone."""
_VIEWS = "The sample is a scene: views, layout and slice positions are those of the sample now."


class SampleArguments(Arguments):
    """Which sample."""

    name: str = Field(
        min_length=1, max_length=200, description="Its name; sample_data.list has them.", examples=["MRHead"]
    )


@operation(
    name="sample_data.list",
    capability="scene.read",
    route="GET /sample-data",
    read_only=True,
    revision_scope="none",
    keywords="example test demo data samples MRHead CTChest",
)
def list_samples(context: OperationContext, arguments: PageArguments) -> SampleList:
    """List the samples that Slicer and its extensions offer; nothing is downloaded.

    Raises
    ------
    FeatureMissingError
        This Slicer has no module SampleData.

    Notes
    -----
    Source: `slicer.modules.sampleDataSources`.
    """
    samples = [_describe(context, source) for source in context.host.samples.sources()]
    return page_of(SampleList, samples, arguments, lambda sample: sample.name, "samples")


@operation(
    name="sample_data.load",
    capability="network",
    route="POST /sample-data/{name}",
    status=201,
    execution="process",
    keywords="example test demo data samples MRHead CTChest download",
)
def load_sample(
    context: OperationContext, arguments: SampleArguments
) -> Generator[Progress | Suspend, None, NodesLoaded]:
    """Load a sample into the scene, downloaded into Slicer's cache unless it is there already.

    A sample that is a scene is added to what is there, never put in its place; its layout and slice positions count.

    Returns
    -------
    NodesLoaded
        The nodes that were made.

    Raises
    ------
    ArgumentInvalidError
        There is no sample of this name.
    FeatureMissingError
        The sample is an archive without a word on what to load of it, or has a downloader of its own; the message says
        so. It can be loaded by hand only.
    FileMissingError
        Its file is not where the module says.
    OperationFailedError
        The server cannot be reached or is not trusted, or the file is not the one that the module expects.
    PathOutsideRootsError, AddressNotAllowedError
        A header or scene names data that did not come with it and lie outside the allowed folders, or on the web.
    FileUnreadableError
        Slicer cannot read the file; the scene is as it was.

    Notes
    -----
    Addresses come from the modules of this Slicer, never from the caller; redirects lead to public servers only.
    Source: `SampleData.SampleDataLogic`.
    """
    source = _find(context, arguments.name)
    reason = _why_not(source)
    if reason:
        raise FeatureMissingError(
            f"The sample '{source.name}' {reason}; load it in Slicer's module Sample Data."
        )
    paths = []
    for file in source.files:
        paths.append((yield from _local(context, file)))
    nodes: list[NodeSummary] = []
    warnings: list[str] = []
    for file, path in zip(source.files, paths, strict=True):
        if file.is_loaded:
            yield Progress(None, "Slicer reads the file")
            check_references(context, str(path), [str(own) for own in paths])
            loaded = _load(context, file, path, source.properties)
            nodes += loaded.nodes
            warnings += loaded.warnings
    return NodesLoaded(nodes=tuple(nodes), warnings=tuple(warnings))


def _load(
    context: OperationContext, file: SampleFile, path: Path, properties: Mapping[str, object]
) -> NodesLoaded:
    file_type = _type_of(file)
    if file_type == _SCENE:
        # What the module wishes beside, such as clearing the scene, does not count.
        loaded = read_scene(context, str(path), clear=False)
        more = loaded.loaded_count - len(loaded.nodes)
        return NodesLoaded(
            nodes=loaded.nodes, warnings=(_VIEWS, *([f"{more} more nodes came."] if more else []))
        )
    file_type = file_type or context.host.files.file_type(str(path)) or "VolumeFile"
    named = {**properties, "name": file.node_name or path.stem}
    return load_nodes(context, str(path), file_type, named)


def _find(context: OperationContext, name: str) -> SampleSource:
    sources = context.host.samples.sources()
    found = next((source for source in sources if source.name == name), None)
    if found is None:
        known = ", ".join(source.name for source in sources) or "none"
        raise ArgumentInvalidError(
            f"`name` cannot be used: there is no sample '{name}'. There are: {known}.",
            errors=[FieldProblem("/name", "is no sample", known)],
        )
    return found


def _local(context: OperationContext, file: SampleFile) -> Generator[Progress | Suspend, None, Path]:
    parts = urlsplit(file.uri)
    if parts.scheme == "file":
        path = Path(url2pathname(parts.path))
        if not path.is_file():
            raise FileMissingError(f"The module's sample file {path.name} is not there any more.")
        return path
    cached = _cached(context, file)
    if cached is not None and (not file.sha256 or (yield from _has_sum(cached, file.sha256))):
        return cached
    folder = context.host.samples.cache_folder
    origins = (_origin(file.uri), ANY_PUBLIC)
    return (yield from fetch(context, file.uri, origins, folder, name=file.name, sha256=file.sha256))


def _origin(uri: str) -> str:
    parts = urlsplit(uri)
    return origin_of(f"{parts.scheme}://{parts.netloc}")


def _cached(context: OperationContext, file: SampleFile) -> Path | None:
    path = Path(context.host.samples.cache_folder) / file.name
    return path if path.is_file() and path.stat().st_size else None


def _has_sum(path: Path, sha256: str) -> Generator[Progress, None, bool]:
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(CHUNK_BYTES):
            digest.update(chunk)
            yield Progress(None, "The file in Slicer's cache is checked")
    return digest.hexdigest() == sha256.lower()


def _describe(context: OperationContext, source: SampleSource) -> SampleDescription:
    is_local = all(urlsplit(file.uri).scheme == "file" or _cached(context, file) for file in source.files)
    reason = _why_not(source)
    return SampleDescription(
        name=source.name,
        title=source.title,
        category=source.category,
        files=tuple(file.name for file in source.files),
        is_on_this_computer=is_local,
        is_loadable=not reason,
    )


def _why_not(source: SampleSource) -> str:
    """Say why a sample cannot be loaded; empty when it can."""
    if source.is_custom:
        return "has a downloader of its own"
    for file in source.files:
        file_type = _type_of(file)
        if file.is_loaded and file_type == _ARCHIVE:
            return "is an archive, of which its module does not say what to load"
        if file.is_loaded and file_type == _SCENE and not file.name.lower().endswith(SCENE_ENDINGS):
            return "is a scene in a file that does not end in .mrb or .mrml"
        if urlsplit(file.uri).scheme != "file" and not _is_web(file.uri):
            return "lies on no web server"
        if not file.name:
            return "does not say what its files are called"
    return "" if any(file.is_loaded for file in source.files) else "is not meant to be loaded into the scene"


def _type_of(file: SampleFile) -> str:
    """Give Slicer's type of a file if the module says it, or its ending; else empty."""
    return file.file_type or _IMPLIED_TYPES.get(Path(file.name).suffix.lower(), "")


def _is_web(uri: str) -> bool:
    try:
        check_address(uri, (_origin(uri),))
    except AddressRefusedError:
        return False
    return True
