"""Tests on real PythonQt and CTK, the ones that a line of Slicer has, built here against Qt 5.15.

The embedded host's facade is only as strict as somebody has thought of. This builds PythonQt from its own sources, and
the few classes of CTK that the panel uses, and runs tests of the embedded host on them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from devtools.machine import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCES = {"PYTHONQT": "MeVisLab/pythonqt", "CTK": "commontk/CTK"}
#: Line of Slicer to the commits that its CTK (`CMakeExternals/PythonQt.cmake`) and its SuperBuild name.
LINES = {
    "5.10": ("f4769f190ae5468b82502a75a74752a3a4326c4d", "dd4caeae7e979cf441e44ee85d3b0780120d113d"),
    "5.12": ("9992368e937cc6cfaf5b1fb274ddc7b72ec73d4c", "5056664a20a3d0a393bb6d91f040525581e0dcdf"),
}
NEEDS = "apt-get install g++ make git python3-dev qtbase5-dev qtbase5-private-dev qttools5-dev"
TESTS = ("Testing/unit/gui", "Testing/unit/host", "Testing/contract/test_in_slicer.py",
         "Testing/interaction/test_webserver_attachment.py", "Testing/interaction/test_transport_connections.py",
         "Testing/interaction/test_transport_event_loop.py")  # fmt: skip


def run(checkout: Path, python: Path, arguments: Sequence[str]) -> int:
    """Build for one line of Slicer, and run pytest on it; without further arguments, on what touches Qt."""
    line = next((argument for argument in arguments if argument in LINES), max(LINES))
    rest = [argument for argument in arguments if argument not in LINES]
    library = build(checkout, python, line)
    testing = checkout / "Testing"
    paths = [testing / "pythonqt" / "hook", testing, checkout / "AgentBridge"]
    environment = {
        **os.environ,
        "AGENTBRIDGE_PYTHONQT": str(library),
        "QT_PLUGIN_PATH": _qmake("QT_INSTALL_PLUGINS"),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    names_tests = any((checkout / argument.partition("::")[0]).exists() for argument in rest)
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *rest, *([] if names_tests else TESTS)]
    return subprocess.run(command, cwd=checkout, env=environment, check=False).returncode


def build(checkout: Path, python: Path, line: str) -> Path:
    """Give the library for a line of Slicer; built once, in a few minutes."""
    folder = checkout / ".dev" / f"pythonqt-{line}"
    library = folder / "libembedding.so"
    if shutil.which("make") is None or shutil.which("g++") is None:
        raise SetupError(f"PythonQt is built with g++ and make: {NEEDS}")
    trees = {name: _source(checkout, name, commit) for name, commit in zip(SOURCES, LINES[line], strict=True)}
    folder.mkdir(parents=True, exist_ok=True)
    given = {
        **trees,
        "PYTHON_HEADERS": _python_headers(python),
        "QT_HEADERS": _qmake("QT_INSTALL_HEADERS"),
        "QT_LIBRARIES": _qmake("QT_INSTALL_LIBS"),
        "QT_TOOLS": _qmake("QT_HOST_BINS"),
        "QT_VERSION": _qmake("QT_VERSION"),
    }
    makefile = checkout / "Testing" / "pythonqt" / "Makefile"
    values = [f"{name}={value}" for name, value in given.items()]
    subprocess.run(["make", "--silent", "--jobs=2", "-f", str(makefile), *values], cwd=folder, check=True)
    return library


def _source(checkout: Path, name: str, commit: str) -> Path:
    """Give a source tree at a commit; fetched once. AGENTBRIDGE_<NAME>_GIT names another place to fetch from."""
    folder = checkout / ".dev" / f"{name.lower()}-{commit[:9]}"
    if (folder / ".git" / "FETCH_HEAD").is_file() and any(folder.glob("*.md")):
        return folder
    place = os.environ.get(f"AGENTBRIDGE_{name}_GIT", f"https://github.com/{SOURCES[name]}.git")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    for step in (["fetch", "--quiet", "--depth=1", place, commit], ["checkout", "--quiet", "FETCH_HEAD"]):
        subprocess.run(["git", "-C", str(folder), *step], check=True)
    return folder


def _python_headers(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_paths()['include'])"
    said = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout
    return Path(said.strip())


def _qmake(name: str) -> str:
    """Ask Qt where something lies. QMAKE names the program where it is not on the path."""
    program = os.environ.get("QMAKE") or shutil.which("qmake")
    if program is None:
        raise SetupError(f"PythonQt is built against Qt 5.15: {NEEDS}")
    said = subprocess.run([program, "-query", name], check=True, capture_output=True, text=True).stdout
    return said.strip()
