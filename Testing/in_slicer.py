"""Run unit tests of ``AgentBridge/Testing/Python`` in the embedded host: ``in_slicer.py [--no-views] MODULE``.

In a real Slicer `slicer.testing.runUnitTest` does the same.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

import EmbeddedSlicer

MODULE = Path(__file__).resolve().parent.parent / "AgentBridge"


def main(arguments: list[str]) -> int:
    """Start the host, load the module, run one test module; 0 when it passed."""
    has_views = "--no-views" not in arguments
    EmbeddedSlicer.start(views=has_views, web_server=True)
    window = _main_window() if has_views else None
    EmbeddedSlicer.load_scripted_module(MODULE / "AgentBridge.py")
    EmbeddedSlicer.finish_startup()
    sys.path.append(str(MODULE / "Testing" / "Python"))
    suite = unittest.TestLoader().loadTestsFromName(arguments[-1])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if window is not None:
        window.close()
    return 0 if result.wasSuccessful() else 1


def _main_window() -> Any:
    """Make what `slicer.util.mainWindow` finds: with it there is somebody who can be asked."""
    import qt

    window = qt.QMainWindow()
    window.setObjectName("qSlicerMainWindow")
    return window


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
