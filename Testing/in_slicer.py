"""Run unit tests of ``AgentBridge/Testing/Python`` in the embedded host: ``in_slicer.py [--no-views] MODULE``.

In a real Slicer `slicer.testing.runUnitTest` does the same.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

import EmbeddedSlicer

MODULE = Path(__file__).resolve().parent.parent / "AgentBridge"


def main(arguments: list[str]) -> int:
    """Start the host, load the module, run one test module; 0 when it passed."""
    EmbeddedSlicer.start(views="--no-views" not in arguments, web_server=True)
    EmbeddedSlicer.load_scripted_module(MODULE / "AgentBridge.py")
    EmbeddedSlicer.finish_startup()
    sys.path.append(str(MODULE / "Testing" / "Python"))
    suite = unittest.TestLoader().loadTestsFromName(arguments[-1])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
