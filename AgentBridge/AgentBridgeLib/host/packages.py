"""The runtime packages that Slicer does not bundle, and their installation on request.

Imported before any of them is there, so this file needs the standard library and Slicer only.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import slicer.util

REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"
REQUESTER = "AgentBridge"


def required() -> list[str]:
    """Give the requirements, such as ``pydantic>=2.7``."""
    lines = [line.partition("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line]


def missing() -> list[str]:
    """Give the requirements that are not met, or met by too old a package; empty when the bridge can start."""
    return [line for line in required() if not _is_met(line)]


def install() -> None:
    """Install what is missing, with Slicer's own installer and without any question.

    Spins the event loop; call it only from a button, or from a script that asked for it.

    Raises
    ------
    RuntimeError
        The installation failed; pip's output is in Slicer's log.
    """
    try:
        from slicer.packaging import load_requirements, pip_ensure  # noqa: PLC0415 - Slicer 5.12 and later
    except ImportError:
        slicer.util.pip_install(["-r", str(REQUIREMENTS)])
    else:
        # A question would open even without a main window, invisible and modal: Slicer would hang.
        requirements = load_requirements(str(REQUIREMENTS))
        pip_ensure(
            requirements, requester=REQUESTER, prompt_install=False, prompt_restart=False, show_progress=False
        )
    importlib.invalidate_caches()
    if missing():
        raise RuntimeError(f"still missing after the installation: {', '.join(missing())}")


def _is_met(requirement: str) -> bool:
    """Compare with what is installed. Requirements have the form ``name>=1.2``; a test keeps them so."""
    name, _, lowest = requirement.partition(">=")
    if importlib.util.find_spec(name.replace("-", "_")) is None:
        return False
    try:
        return _release(importlib.metadata.version(name)) >= _release(lowest)
    except importlib.metadata.PackageNotFoundError:
        return False


def _release(version: str) -> tuple[int, ...]:
    """Give the leading numbers of a version, ``2.14.3rc1`` as (2, 14, 3)."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()
