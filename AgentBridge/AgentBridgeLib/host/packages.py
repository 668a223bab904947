"""The runtime packages that Slicer does not bundle, and their installation on request.

Imported before any of them is there, so this file needs the standard library and Slicer only.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import slicer.util

REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"
REQUESTER = "AgentBridge"


def required() -> list[str]:
    """Give the requirements, such as ``pydantic>=2.7``."""
    lines = [line.partition("#")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line]


def missing() -> list[str]:
    """Give the requirements whose package cannot be imported; empty when the bridge can start."""
    return [line for line in required() if importlib.util.find_spec(_import_name(line)) is None]


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


def _import_name(requirement: str) -> str:
    for separator in "<>=!~[; ":
        requirement = requirement.partition(separator)[0]
    return requirement.strip().replace("-", "_")
