"""What is written from the tree: tables and diagrams of the documentation, and the lists of the CMake file.

Slicer's macro installs what these lists name and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools import capability_table, error_table, job_diagram

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = "MODULE_PYTHON_SCRIPTS"
RESOURCES = "MODULE_PYTHON_RESOURCES"


def shipped_scripts(module: Path) -> list[str]:
    """Every Python file that is installed, relative to the module's folder."""
    return ["AgentBridge.py", *_files(module / "AgentBridgeLib", module, "*.py")]


def shipped_resources(module: Path) -> list[str]:
    """Every other file that is installed, relative to the module's folder."""
    inside = [path for path in _files(module / "AgentBridgeLib", module, "*") if not path.endswith(".py")]
    return [*_files(module / "Resources", module, "*"), *inside]


def _files(folder: Path, base: Path, pattern: str) -> list[str]:
    found = (path for path in folder.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return sorted(
        (path.relative_to(base).as_posix() for path in found), key=lambda name: (name.lower(), name)
    )


def rewrite(checkout: Path) -> int:
    """Bring everything that is written from the tree up to date, and name what changed."""
    pages = {
        checkout / "AgentBridge" / "CMakeLists.txt": render_cmake(checkout),
        checkout / "docs" / "errors.md": error_table.render(checkout),
        checkout / capability_table.PAGE: capability_table.render(checkout),
        checkout.joinpath(*job_diagram.PAGE): job_diagram.render(checkout),
    }
    for path, text in pages.items():
        is_same = path.is_file() and path.read_text(encoding="utf-8") == text
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.relative_to(checkout)}: {'up to date' if is_same else 'rewritten'}", flush=True)
    return 0


def render_cmake(checkout: Path) -> str:
    """Return the module's CMake file with both lists equal to the tree."""
    module = checkout / "AgentBridge"
    cmake = (module / "CMakeLists.txt").read_text(encoding="utf-8")
    cmake = with_list(cmake, SCRIPTS, shipped_scripts(module))
    return with_list(cmake, RESOURCES, shipped_resources(module))


def with_list(cmake: str, variable: str, files: list[str]) -> str:
    """Return the CMake text with the entries of one ``set(variable …)`` replaced."""
    head, begin, rest = cmake.partition(f"set({variable}\n")
    _, end, tail = rest.partition("  )")
    if not begin or not end:
        raise ValueError(f"CMakeLists.txt has no set({variable} …)")
    return head + begin + "".join(f"  {name}\n" for name in files) + end + tail


def listed(cmake: str, variable: str) -> list[str]:
    """Read the entries of one ``set(variable …)`` list of CMake text."""
    _, begin, rest = cmake.partition(f"set({variable}\n")
    if not begin:
        raise ValueError(f"CMakeLists.txt has no set({variable} …)")
    lines = (line.strip() for line in rest.partition(")")[0].splitlines())
    return [line for line in lines if line and not line.startswith("#")]
