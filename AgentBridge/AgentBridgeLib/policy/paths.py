"""Keep file access inside the allowed folders.

The check works on resolved paths: links and ``..`` are followed before the comparison, by a function that is
passed in (`os.path.realpath` in the application), so the rules stay testable without a disk.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, PathOutsideRootsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_NAME_BYTES = 255
"""Of a file or folder; asking file systems for longer ones fails in other ways than for missing ones."""
_DEVICES = {"con", "prn", "aux", "nul", "clock$", "conin$", "conout$"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in "123456789\u00b9\u00b2\u00b3"
}


def resolve_inside(
    path: str,
    argument: str,
    folders: Iterable[str],
    resolve: Callable[[str], str],
    *,
    is_windows: bool = os.name == "nt",
) -> str:
    """Resolve a path and prove that it lies inside an allowed folder.

    Parameters
    ----------
    path
        Absolute path as the client wrote it; ``~`` means nothing.
    argument
        JSON pointer of the argument, for the error.
    folders
        Allowed folders.
    resolve
        Follows links and dots; gives an absolute path.
    is_windows
        Whether Windows' rules for names apply.

    Returns
    -------
    str
        The resolved path. Use this one: the one as written may point elsewhere a moment later.

    Raises
    ------
    ArgumentInvalidError
        The path is relative, names a device or an alternate data stream, or has a name that file systems do not take.
    PathOutsideRootsError
        It is not inside an allowed folder.
    """
    rules = ntpath if is_windows else posixpath
    if not rules.isabs(path):
        listed = ", ".join(folders) or "none is set"
        raise _invalid(
            argument, path, "is not absolute", f"an absolute path inside an allowed folder ({listed})"
        )
    if any(len(name.encode("utf-8", "surrogatepass")) > MOST_NAME_BYTES for name in path.split(rules.sep)):
        problem = f"has a name of more than {MOST_NAME_BYTES} bytes"
        raise _invalid(argument, f"{path[:100]}…", problem, "shorter names of file and folders")
    if is_windows and _names_device(path):
        raise _invalid(argument, path, "names a device or a stream", "a plain file name")
    resolved = resolve(path)
    allowed = tuple(resolve(folder) for folder in folders)
    if not any(_is_inside(resolved, folder, rules) for folder in allowed):
        listed = ", ".join(allowed) or "none is set"
        raise PathOutsideRootsError(
            f"{argument.lstrip('/')} '{path}' is outside the allowed folders ({listed}). Choose a path inside one of "
            "them, or ask the person to allow its folder under Safety in the AgentBridge panel.",
            facts={"allowed_folders": list(allowed)},
        )
    return resolved


def _is_inside(path: str, folder: str, rules: object) -> bool:
    same = rules.normcase  # type: ignore[attr-defined]
    path, folder = same(path), same(folder)
    separator = rules.sep  # type: ignore[attr-defined]
    return bool(path == folder or path.startswith(folder.rstrip(separator) + separator))


def _names_device(path: str) -> bool:
    drive, rest = ntpath.splitdrive(path)
    if drive.startswith(("\\\\.\\", "\\\\?\\", "//./", "//?/")) or ":" in rest:
        return True
    parts = rest.replace("/", "\\").split("\\")
    return any(part.partition(".")[0].rstrip(" ").lower() in _DEVICES for part in parts if part)


def _invalid(argument: str, path: str, problem: str, expected: str) -> ArgumentInvalidError:
    name = argument.lstrip("/")
    return ArgumentInvalidError(
        f"{name} '{path}' {problem}: give {expected}.", errors=[FieldProblem(argument, problem, expected)]
    )
