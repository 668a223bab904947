"""What the bridge needs of Slicer's readers and writers, and of its samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from AgentBridgeLib.host.file_references import FileReferences


class FileHost(Protocol):
    """Reading and writing through Slicer's own readers and writers."""

    def file_type(self, path: str) -> str:
        """Slicer's name for the type of the file, such as ``VolumeFile``; empty when nothing reads it."""

    def writer_extensions(self, node: Any) -> Sequence[str]:
        """Endings (``.nrrd``) that Slicer can write this node to, the default first."""

    def load(self, path: str, file_type: str, properties: Mapping[str, object]) -> Sequence[Any]:
        """Read a file into the scene and give the nodes that were made.

        Raises
        ------
        FileUnreadableError
            No reader could make a node of it; the message has what the reader said. The scene is unchanged.
        """

    def save(self, node: Any, path: str, properties: Mapping[str, object]) -> None:
        """Write a node to `path`, through a file beside it that is renamed when complete.

        The node's own storage node keeps its file name.

        Raises
        ------
        StorageFailedError
            Writing failed, for example because the disk is full. What was at `path` is still there.
        """

    def references(self, path: str) -> FileReferences:
        """Find out which other files, and web addresses, Slicer would read along with a file.

        Raises
        ------
        FileUnreadableError
            It cannot be said: a header without an end, an archive that is none or holds links.
        """

    def check(self, path: str) -> None:
        """Look into a data file or scene without loading it, as `load` and `load_scene` do first.

        Raises
        ------
        FileMissingError, FileUnreadableError
            There is none; its header claims more than it has, or it is no scene.
        OutOfMemoryError
            It would not fit into memory.
        """

    def own_files(self, node: Any) -> Sequence[str]:
        """Absolute paths of the files that a node was read from or saved to; empty without any."""

    def reload(self, node: Any) -> None:
        """Read a node's own files into it again.

        Raises
        ------
        FileMissingError
            A file is not there any more; the node is as it was.
        FileUnreadableError
            It could not be read; the node may have lost its content.
        """

    def save_scene(
        self, path: str, clean: Callable[[str], str] | None = None, forms: Sequence[str] = ()
    ) -> None:
        """Write the scene as ``.mrb`` or ``.mrml``, through a file or folder beside it; errors as in `save`.

        `clean` replaces identifying texts in what is written, whose forms are `forms`; the open scene keeps them.
        """

    def load_scene(self, path: str, *, clear: bool) -> None:
        """Read an ``.mrb`` or ``.mrml``; into the present scene, or in its place when `clear`."""


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file of a sample. Empty texts where the module says nothing."""

    uri: str
    name: str
    node_name: str
    file_type: str
    sha256: str
    is_loaded: bool


@dataclass(frozen=True, slots=True)
class SampleSource:
    """A sample that a module registered. `is_custom`: it has a downloader of its own."""

    name: str
    title: str
    category: str
    files: tuple[SampleFile, ...]
    properties: Mapping[str, object]
    is_custom: bool


class SampleDataHost(Protocol):
    """The samples that modules of Slicer have registered."""

    @property
    def cache_folder(self) -> str:
        """Slicer's folder of downloaded files."""

    def sources(self) -> Sequence[SampleSource]:
        """List them, those that come with Slicer first; FeatureMissingError when Slicer cannot say."""
