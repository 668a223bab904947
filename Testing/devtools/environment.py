"""The virtual environment in ``.dev/``: made on demand, renewed when a pin changes, repaired after an interruption.

A stamp per requirements file says what was installed. A mark stands beside it while pip works; a mark that is
still there at the next start means that pip was interrupted, and the environment is made anew.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import time
import venv
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devtools.machine import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "requirements-host.txt"
ASSETS = "requirements-assets.txt"
TOOLS = "requirements-tools.txt"
PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]
_REPORTED = re.compile(
    r"^\s*(?:Downloading|Using cached|Processing) \S*?([^/\s]+)\.whl(?:.*?( \([\d.]+ \w+\)))?"
)


def ready(checkout: Path, *, with_tools: bool) -> Path:
    """Return the Python of an environment that has everything installed, making it if necessary."""
    files = [checkout / "Testing" / name for name in (HOST, ASSETS, *([TOOLS] if with_tools else []))]
    folder = checkout / ".dev" / f"venv-{sys.version_info.major}.{sys.version_info.minor}"
    folder.parent.mkdir(exist_ok=True)
    with _only_one(folder.with_suffix(folder.suffix + ".lock")):
        if folder.exists() and not _is_sound(folder, checkout):
            print(f"Renewing {folder.relative_to(checkout)}", flush=True)
            shutil.rmtree(folder)
        if not folder.exists():
            _create(folder, checkout)
        for file in files:
            if _stamp(folder, file).exists():
                continue
            _install(folder, file)
    return _python(folder)


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _stamp(folder: Path, requirements: Path) -> Path:
    return folder / f"installed-{requirements.stem}"


def _mark(folder: Path) -> Path:
    return folder / "unfinished"


def _fingerprint(requirements: Path) -> str:
    """Digest what an environment depends on: the pins and the interpreter that made it."""
    parts = (requirements.read_text(encoding="utf-8"), sys.version, sys.base_prefix)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _is_sound(folder: Path, checkout: Path) -> bool:
    if _mark(folder).exists() or not _python(folder).exists():
        return False
    files = [checkout / "Testing" / name for name in (HOST, ASSETS, TOOLS)]
    stamps = [(_stamp(folder, file), _fingerprint(file)) for file in files]
    return all(stamp.read_text(encoding="utf-8") == wanted for stamp, wanted in stamps if stamp.exists())


def _create(folder: Path, checkout: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            "this Python cannot make virtual environments. On Debian: apt-get install python3-venv "
            f"(or python{version}-venv)."
        )
    print(f"Making {folder.relative_to(checkout)} with Python {sys.version.split()[0]}", flush=True)
    folder.mkdir()
    _mark(folder).touch()
    venv.EnvBuilder(with_pip=True).create(folder)
    _mark(folder).unlink()


def _install(folder: Path, requirements: Path) -> None:
    _mark(folder).touch()
    wanted = sum(1 for line in requirements.read_text(encoding="utf-8").splitlines() if "==" in line)
    print(f"Installing {wanted} pinned wheels ({requirements.name})", flush=True)
    begin = time.monotonic()
    options = ["install", "--progress-bar", "off", "--only-binary", ":all:", "-r", str(requirements)]
    if requirements.name == ASSETS:
        options.append("--no-deps")
    _run_pip([str(_python(folder)), *PIP, *options], wanted)
    _stamp(folder, requirements).write_text(_fingerprint(requirements), encoding="utf-8")
    _mark(folder).unlink()
    print(f"Installed in {time.monotonic() - begin:.0f} s", flush=True)


def _run_pip(command: list[str], wanted: int) -> None:
    """Run pip and show one line per wheel; on failure show pip's own last words."""
    log: list[str] = []
    done = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in pip.stdout or ():
            log.append(line.rstrip())
            reported = _REPORTED.match(line)
            if reported and ".metadata" not in line:
                done += 1
                print(
                    f"  [{done:2}/{wanted}] {_short(reported.group(1))}{reported.group(2) or ''}", flush=True
                )
            elif line.startswith("Installing collected packages"):
                print("  unpacking …", flush=True)
    if pip.returncode:
        raise SetupError("pip could not install the pinned wheels:\n" + "\n".join(log[-20:]))


def _short(wheel: str) -> str:
    """Name and version of a wheel's file name."""
    return " ".join(wheel.split("-")[:2])


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let a second command wait until the first has made the environment (not on Windows)."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another dev.py that prepares the environment", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
