"""`slicer.testing`, after `Base/Python/slicer/testing.py`."""

from __future__ import annotations


def exitSuccess() -> None:
    """Say that a test succeeded: nothing happens, as in Slicer."""


def exitFailure(message: str = "") -> None:
    """Say that a test failed."""
    raise Exception(message)


def runUnitTest(_path: str, _name: str) -> None:
    """Refuse: the host's tests are run by pytest."""
    message = "slicer.testing.runUnitTest is not emulated on the embedded host"
    raise NotImplementedError(message)
