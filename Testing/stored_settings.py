"""Write a setting before a host starts, as the person does in the panel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
from EmbeddedSlicer import start
start(settings_folder=sys.argv[1], views=False, web_server=False)
import slicer
settings = slicer.app.userSettings()
settings.setValue("AgentBridge/" + sys.argv[2], sys.argv[3])
settings.sync()
"""


def write_setting(home: Path, key: str, text: str) -> None:
    """Store ``AgentBridge/<key>`` for the host that is about to start with this home."""
    folder = Path(__file__).resolve().parent
    subprocess.run([sys.executable, "-c", _SCRIPT, str(home), key, text], check=True, cwd=folder, timeout=60)
