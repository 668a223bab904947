"""Shipped code keeps to what PythonQt and PySide6 have in common, and to one thread."""

from __future__ import annotations

from pathlib import Path

import pytest
from idioms import find_idioms
from tracked import CHECKOUT

# A program of its own that clients start; it never runs inside Slicer.
OUTSIDE_SLICER = CHECKOUT / "AgentBridge" / "Resources" / "agentbridge_stdio.py"
SHIPPED = sorted(
    path
    for path in (CHECKOUT / "AgentBridge").rglob("*.py")
    if "Testing" not in path.relative_to(CHECKOUT).parts and path != OUTSIDE_SLICER
)

FORBIDDEN = [
    "name = label.text()",
    "index = box.currentIndex()",
    "value = spin.value()",
    "row = rows.currentRow()",
    "shown = model.sourceModel()",
    "isinstance(widget, qt.QWidget)",
    "isinstance(widget, (str, qt.QWidget))",
    'button.connect("clicked()", f)',
    "button.clicked.connect(lambda: f(1))",
    "qt.QTimer.singleShot(0, f)",
    "slicer.app.processEvents()",
    "import threading",
    "from concurrent.futures import ThreadPoolExecutor",
    "import asyncio.events",
    "import subprocess",
    "from PySide6 import QtCore",
    'qt.QLabel(text="x")',
    "faulthandler.enable()",
    "slicer.util.loadVolume(path)",
    "slicer.util.exportNode(node)",
    "slicer.util.getNode('MRHead')",
    "class Dialog(qt.QDialog):\n    def accept(self):\n        super().accept()",
    "box.exec_()",
]
ALLOWED = [
    'name = label.property("text")',
    "label.setText('x')",
    "text = item.text()  # idiom: a list item is no QObject, its getter is a method",
    "title = 'x'.title",
    'widget.inherits("QWidget")',
    "isinstance(value, str)",
    "button.clicked.connect(self.on_clicked)",
    "slicer.util.loadVolume(path, properties={})",
    "slicer.util.exportNode(node, path, properties=dict(fresh))",
    "faulthandler.enable(file=sys.__stderr__)",
    "model.copy(deep=True)",
    "class Dialog(qt.QDialog):\n    def __init__(self):\n        super().__init__()",
    "class Plain:\n    def accept(self):\n        super().accept()",
]


@pytest.mark.parametrize("source", FORBIDDEN)
def test_forbidden_idiom_is_found(source):
    """slicer: each of these fails, blocks or leaks under PythonQt or inside Slicer."""
    assert len(find_idioms(source)) == 1


@pytest.mark.parametrize("source", ALLOWED)
def test_common_idiom_is_let_through(source):
    """house: the rules do not stand in the way."""
    assert find_idioms(source) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(CHECKOUT / "AgentBridge")))
def test_shipped_code_has_no_forbidden_idiom(path: Path):
    """house: what fails in Slicer fails in CI."""
    assert find_idioms(path.read_text(encoding="utf-8")) == []
