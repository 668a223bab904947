"""Puts PythonQt beneath the embedded host in this process and its children, before the first import of either."""

# ruff: noqa: ANN001, ANN201, ANN202, ANN204  signatures of the import system

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from pathlib import Path

FIRST = ("EmbeddedSlicer", "qt", "ctk")


class Beneath:
    """Waits for the first import that needs it."""

    def find_spec(self, name, _path=None, _target=None):
        """Give what `beneath` has made; every other name is found as always."""
        if name not in FIRST or "beneath" in sys.modules:
            return None
        sys.path.append(str(Path(__file__).resolve().parent.parent))
        importlib.import_module("beneath")
        made = sys.modules.get(name)
        return None if made is None else made.__spec__ or importlib.machinery.ModuleSpec(name, _Ready(made))


class _Ready:
    def __init__(self, made):
        self._made = made

    def create_module(self, _spec):
        """Give the module that is there."""
        return self._made

    def exec_module(self, _module):
        """Nothing is left to do."""


sys.meta_path.insert(0, Beneath())
