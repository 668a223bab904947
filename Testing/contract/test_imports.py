"""Imports point down, and the pure rooms work where there is no Slicer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LIBRARY = CHECKOUT / "AgentBridge" / "AgentBridgeLib"
PURE_ROOMS = ["model", "registry", "policy", "jobs", "dispatch", "routing", "mcp", "transport"]
ROOMS = {*PURE_ROOMS, "host", "operations", "gui"}
FILES = {"errors.py", "composition.py", "__init__.py"}

REFUSE_SLICER = """
import importlib, sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"slicer", "vtk", "vtkmodules", "qt", "ctk", "PySide6"}:
            raise ImportError(f"{name} is not for pure rooms")

sys.meta_path.insert(0, Refusing())
for module in sys.argv[1:]:
    importlib.import_module(module)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter with the library on its path."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "AgentBridge")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def modules_of(room: str) -> list[str]:
    """Dotted names of all modules of a room."""
    paths = sorted((LIBRARY / room).rglob("*.py"))
    return [".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts) for path in paths]


def test_import_contracts_hold():
    """house: layers, pure rooms, operations without Qt, one building, no cycles."""
    result = python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize("room", [room for room in PURE_ROOMS if (LIBRARY / room).is_dir()])
def test_pure_rooms_import_without_slicer_vtk_and_qt(room):
    """house: what does not need Slicer is tested without it."""
    result = python(
        "-c", REFUSE_SLICER, "AgentBridgeLib.errors", "AgentBridgeLib.host.ports", *modules_of(room)
    )
    assert result.returncode == 0, result.stderr


def test_the_library_has_the_declared_rooms_and_no_others():
    """house: a new room must be declared."""
    present = {path.name for path in LIBRARY.iterdir() if path.name != "__pycache__"}
    assert present <= ROOMS | FILES


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_package_files_stay_empty(path):
    """house: import from the module that defines the name."""
    assert path.read_text(encoding="utf-8").strip() == ""
