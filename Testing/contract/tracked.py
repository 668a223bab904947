"""Files that belong to the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_OURS = {"__pycache__", "node_modules"}


def tracked_files() -> list[Path]:
    """Every file that git knows or would add; outside a git checkout, every file not below a dot folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    git = (
        subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=False)
        if (CHECKOUT / ".git").exists()
        else None
    )
    if git is not None and git.returncode == 0:
        paths = [CHECKOUT / name for name in git.stdout.decode("utf-8").split("\0") if name]
        return sorted(path for path in paths if path.is_file())
    return sorted(path for path in CHECKOUT.rglob("*") if path.is_file() and _is_ours(path))


def _is_ours(path: Path) -> bool:
    folders = path.relative_to(CHECKOUT).parts[:-1]
    return not any(part in NOT_OURS or (part.startswith(".") and part != ".ci") for part in folders)
