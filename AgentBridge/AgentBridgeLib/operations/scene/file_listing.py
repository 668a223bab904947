"""What lies in the folders that the person has allowed, so that work over many files needs no second program."""

from __future__ import annotations

import fnmatch
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.errors import FileMissingError
from AgentBridgeLib.model.base import Page, PageArguments, Result, example
from AgentBridgeLib.model.fields import ReadPath
from AgentBridgeLib.model.paging import page_bounds
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


class FolderArguments(PageArguments):
    """Which folder, and what of it."""

    model_config = example(path="/data", name="*.nii.gz")

    path: ReadPath | None = Field(
        default=None, description="The folder; without one the allowed folders themselves are listed."
    )
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Pattern for the whole name, such as *.nii.gz; * and ? stand for anything, case does not matter.",
    )


class FolderEntry(Result):
    """A file or a folder."""

    name: str
    path: str = Field(description="What files.load and other operations take.")
    is_folder: bool
    size_bytes: int | None = Field(description="Of a file; null for folders and links.")


@operation(
    name="files.list",
    capability="files.read",
    route="GET /files",
    read_only=True,
    revision_scope="none",
    keywords="folder directory browse dir ls which files batch all scans allowed paths",
)
def list_files(context: OperationContext, arguments: FolderArguments) -> Page[FolderEntry]:
    """List the files and folders in an allowed folder by name, page by page.

    What lies in folders below is not listed, nor are names that begin with a dot.

    Raises
    ------
    FileMissingError
        There is no such folder, or it cannot be read.
    PathOutsideRootsError
        The folder is none of the allowed ones, nor inside of one.
    """
    if arguments.path is None:
        found = [(path, path) for path in map(os.path.realpath, context.settings.allowed_folders)]
    else:
        found = [(name, str(Path(arguments.path) / name)) for name in _names(arguments.path)]
    pattern = (arguments.name or "*").lower()
    wanted = [(name, path) for name, path in found if fnmatch.fnmatchcase(name.lower(), pattern)]
    bounds = page_bounds(
        len(wanted),
        lambda position: wanted[position][1],
        limit=arguments.limit,
        cursor=arguments.cursor,
        question=f"files {arguments.path} {pattern}",
    )
    items = [_entry(name, path) for name, path in wanted[bounds.start : bounds.stop]]
    return Page[FolderEntry](items=items, next_cursor=bounds.next_cursor, total=len(wanted))


def _names(folder: str) -> list[str]:
    try:
        return sorted(path.name for path in Path(folder).iterdir() if not path.name.startswith("."))
    except OSError:
        raise FileMissingError(
            f"There is no folder '{folder}' that can be read. Without `path` the allowed folders are listed."
        ) from None


def _entry(name: str, path: str) -> FolderEntry:
    """Describe what lies there; of a link nothing is told that only its target knows, which may lie elsewhere."""
    try:
        found = Path(path).lstat()
    except OSError:  # vanished meanwhile
        return FolderEntry(name=name, path=path, is_folder=False, size_bytes=None)
    size = found.st_size if stat.S_ISREG(found.st_mode) else None
    return FolderEntry(name=name, path=path, is_folder=stat.S_ISDIR(found.st_mode), size_bytes=size)
