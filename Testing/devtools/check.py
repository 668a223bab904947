"""Everything that is checked without running the bridge."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def run(checkout: Path, python: Path, *, fix: bool) -> int:
    """Run every check, also after one has failed, and return 1 if any did."""
    failed = [
        name for name, command in _commands(python.parent, fix=fix) if not _passes(checkout, name, command)
    ]
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed", flush=True)
    return 1 if failed else 0


def _commands(programs: Path, *, fix: bool) -> list[tuple[str, list[str]]]:
    return [
        ("format", [str(programs / "ruff"), "format", *([] if fix else ["--check"]), "."]),
        ("lint", [str(programs / "ruff"), "check", *(["--fix"] if fix else []), "."]),
        ("types", [str(programs / "mypy")]),
        ("imports", [str(programs / "lint-imports")]),
    ]


def _passes(checkout: Path, name: str, command: list[str]) -> bool:
    begin = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(checkout / "AgentBridge")}
    result = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    verdict = "ok" if result.returncode == 0 else "FAILED"
    print(f"{name:8} {verdict:6} {time.monotonic() - begin:5.1f} s", flush=True)
    if result.returncode:
        print(result.stdout + result.stderr, flush=True)
    return result.returncode == 0
