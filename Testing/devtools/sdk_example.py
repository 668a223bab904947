"""The example server of the official MCP SDK, out of its source distribution, for the benchmark to compare with.

It is not part of the SDK's wheel, and not part of this repository.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from devtools.machine import SetupError

PACKAGE = "mcp_everything_server"
FOLDER = "examples/servers/everything-server"


def example_folder(checkout: Path) -> Path:
    """Where the package of the example lies, for ``PYTHONPATH``."""
    return checkout / ".dev" / f"mcp-example-{_pinned(checkout)}"


def ensure_example(checkout: Path, python: Path) -> Path:
    """Return `example_folder`, filled by a download if necessary; the version is the pinned one of the SDK."""
    target = example_folder(checkout)
    if (target / PACKAGE).is_dir():
        return target
    version = _pinned(checkout)
    target.parent.mkdir(parents=True, exist_ok=True)
    print(f"Downloading the source of mcp {version} for its example server (2 MB)", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        options = [
            "--no-deps",
            "--progress-bar",
            "off",
            "--no-binary",
            "mcp",
            "-d",
            folder,
            f"mcp=={version}",
        ]
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "download", *options]
        run = subprocess.run(pip, capture_output=True, text=True, check=False)
        if run.returncode:
            raise SetupError(f"the source of mcp {version} could not be downloaded:\n{run.stderr.strip()}")
        unpacked = Path(folder) / "package"
        with tarfile.open(next(Path(folder).glob("mcp-*.tar.gz"))) as archive:
            archive.extractall(unpacked, filter="data")
        (unpacked / f"mcp-{version}" / FOLDER).replace(target)
    return target


def _pinned(checkout: Path) -> str:
    pins = (checkout / "Testing" / "requirements-tools.txt").read_text(encoding="utf-8")
    found = re.search(r"^mcp==(\S+)", pins, re.MULTILINE)
    if found is None:
        raise SetupError("requirements-tools.txt pins no version of mcp.")
    return found[1]
