"""`slicer.packaging` of Slicer 5.12 and later: checking requirements is real, installing is refused.

Follows `Base/Python/slicer/packaging.py`. A host of tests must not change its own Python environment.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import slicer
from packaging.requirements import Requirement

from EmbeddedSlicer.not_emulated import refuse


def load_requirements(path: str | Path) -> list[Any]:
    """Read a requirements file; comments and pip's own options are skipped."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pip_check(req: Any) -> bool:
    """Tell whether all requirements are met. Extras are not followed."""
    return all(_is_met(one) for one in _requirements(req))


def pip_ensure(
    requirements: Any,
    constraints: Any = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> None:
    """Return if all requirements are met; under --testing return anyway, as Slicer does; else refuse."""
    del constraints, skip_packages, prompt_restart, requester, show_progress
    if pip_check(requirements) or (skip_in_testing and slicer.app.testingEnabled()):
        return
    how = "the confirmation dialog, which hangs without a main window" if prompt_install else "pip_install"
    error = refuse(f"slicer.packaging.pip_ensure with missing packages ({how})")
    raise error


def pip_install(*_: Any, **_keywords: Any) -> None:
    """Refuse to install."""
    error = refuse("slicer.packaging.pip_install")
    raise error


def pip_uninstall(*_: Any, **_keywords: Any) -> None:
    """Refuse to uninstall."""
    error = refuse("slicer.packaging.pip_uninstall")
    raise error


def isPipInstallInProgress() -> bool:
    """Tell whether an installation runs: never here."""
    return False


def _requirements(given: Any) -> list[Any]:
    if isinstance(given, str):
        return [Requirement(part) for part in ([given] if ";" in given else given.split())]
    if isinstance(given, Requirement):
        return [given]
    return [Requirement(one) if isinstance(one, str) else one for one in given]


def _is_met(requirement: Any) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return version(requirement.name) in requirement.specifier
    except PackageNotFoundError:
        return False
