"""Files that would be read along with a file: they have to lie inside the allowed folders, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.errors import AddressNotAllowedError
from AgentBridgeLib.policy.paths import resolve_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def check_inside(
    name: str,
    paths: Iterable[str],
    addresses: Sequence[str],
    folders: Sequence[str],
    resolve: Callable[[str], str],
) -> None:
    """Refuse a file that would make Slicer read others that the caller may not read.

    Parameters
    ----------
    name
        Name of the file, for the error.
    paths, addresses
        What its header, or the scene, refers to.
    folders
        Allowed folders, and files that came with it.
    resolve
        Follows links and dots.

    Raises
    ------
    PathOutsideRootsError
        It names a file outside the allowed folders.
    AddressNotAllowedError
        It would load data from the web.
    """
    for path in paths:
        resolve_inside(path, "/path", folders, resolve)
    if addresses:
        raise AddressNotAllowedError(
            f"{name} would load data from {len(addresses)} web addresses. Load a scene that has its data with it, "
            "such as an .mrb archive."
        )
