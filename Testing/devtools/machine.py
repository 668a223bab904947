"""Whether this machine can run the embedded host, and if not, why, in words."""

from __future__ import annotations

import importlib.util
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUPPORTED = {("Linux", "x86_64"), ("Darwin", "arm64"), ("Windows", "AMD64")}
OLDEST_GLIBC = (2, 34)


class SetupError(Exception):
    """Something is missing that a person has to provide; the text says what and how."""


def refuse_unsupported() -> None:
    """Raise `SetupError` on a machine for which the pinned wheels do not exist."""
    here = (platform.system(), platform.machine())
    if here not in SUPPORTED:
        raise SetupError(
            f"there is no slicer-core wheel for {here[0]} on {here[1]}. The embedded host runs on Linux x86_64, "
            "macOS arm64 and Windows x64; on this machine use AgentBridge inside Slicer itself."
        )
    if here[0] == "Linux":
        _refuse_old_libc(*platform.libc_ver())


def _refuse_old_libc(name: str, version: str) -> None:
    if name != "glibc":
        raise SetupError(f"the wheels need the GNU C library, and this system has {name or 'another one'}.")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        wanted = ".".join(map(str, OLDEST_GLIBC))
        raise SetupError(
            f"the wheels need glibc {wanted} or later, and this system has {version}. "
            "Debian 12, Ubuntu 22.04 and RHEL 9 are new enough."
        )


def refuse_without_libraries(testing: Path) -> None:
    """Raise `SetupError` naming the system libraries that rendering and Qt would miss, with their Debian packages."""
    missing = _missing_libraries(testing / "EmbeddedSlicer" / "requirements_check.py")
    if missing:
        lines = "\n".join(f"  {library:<24} Debian package {package}" for library, package in missing)
        packages = " ".join(sorted({package for _, package in missing}))
        raise SetupError(f"system libraries are missing:\n{lines}\nInstall them: apt-get install {packages}")


def _missing_libraries(check: Path) -> list[tuple[str, str]]:
    if sys.platform != "linux" or not check.is_file():
        return []
    specification = importlib.util.spec_from_file_location("requirements_check", check)
    if specification is None or specification.loader is None:
        raise ImportError(f"{check} cannot be loaded")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return list(module.missing_libraries())
