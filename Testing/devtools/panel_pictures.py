"""Takes pictures of the panel in a real window, in a light and in a dark palette.

Needs an X server: ``xvfb-run python3 Testing/devtools/panel_pictures.py FOLDER``. Writes one picture of the whole
panel and one of each section per palette. The calls that are shown are really made, over the dispatcher.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SECTIONS = ("Connection", "Requests", "Jobs", "Activity", "Safety")
WIDTH_PX = 380


def main(folder: Path) -> int:
    """Write all pictures."""
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
    home = tempfile.mkdtemp()
    os.environ["AGENTBRIDGE_HOME"] = home
    os.environ["HOME"] = home
    sys.path[:0] = [str(CHECKOUT / "AgentBridge"), str(CHECKOUT / "Testing")]
    import EmbeddedSlicer

    EmbeddedSlicer.start(settings_folder=home, views=False)
    import qt

    qt.QApplication.setStyle("Fusion")
    window = _main_window(qt)
    EmbeddedSlicer.load_scripted_module(CHECKOUT / "AgentBridge" / "AgentBridge.py")
    widget = _panel()
    window.setCentralWidget(_scrolled(qt, widget))
    window.show()
    _prepare(widget.self().panel, widget.self().logic)
    folder.mkdir(parents=True, exist_ok=True)
    for name, palette in (("light", _light(qt)), ("dark", _dark(qt))):
        qt.QApplication.setPalette(palette)
        _take(widget.self().panel, window, folder, name)
    widget.self().logic.closeShared()
    return 0


def _main_window(qt: Any) -> Any:
    window = qt.QMainWindow()
    window.setObjectName("qSlicerMainWindow")
    window.resize(WIDTH_PX, 1000)
    return window


def _panel() -> Any:
    import slicer

    return slicer.modules.agentbridge.widgetRepresentation()


def _scrolled(qt: Any, widget: Any) -> Any:
    area = qt.QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
    area.setWidget(widget)
    return area


def _prepare(panel: Any, logic: Any) -> None:
    """Start the bridge and let a client work a little."""
    import slicer

    from AgentBridgeLib.dispatch.call import Call, Preference
    from AgentBridgeLib.dispatch.context import Caller

    logic.start(0)

    def call(
        operation: str, client: str = "claude-code/2.1", is_async: bool = False, **arguments: Any
    ) -> list[Any]:
        answers: list[Any] = []
        caller = Caller(client, "r", "listener")
        preference = Preference(respond_async=is_async)
        logic.bridge.dispatcher.call(Call(operation, arguments, caller, preference), answers.append)
        _settle(0.3)
        return answers

    for name, patient in (("CT chest", "Doe, Jane"), ("CT chest 2025", "Doe, Jane")):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetAttribute("DICOM.PatientName", patient)
        node.SetAttribute("DICOM.PatientID", "4711")
    call("scene.summary")
    call("nodes.list")
    call("markups.create", type="line", points_ras=[[0, 0, 0], [12, 9, 0]], name="lesion diameter")
    call("nodes.get", client="python-requests/2.32", node_id="vtkMRMLModelNode9")
    call("python.execute", client="python-requests/2.32", source="1+1")
    call("nodes.delete", is_async=True, node_id=slicer.mrmlScene.GetFirstNodeByName("CT chest 2025").GetID())
    panel.refresh()


def _take(panel: Any, window: Any, folder: Path, palette: str) -> None:
    import ctk
    import qt

    buttons = {
        name: panel.widget.findChild(ctk.ctkCollapsibleButton, f"AgentBridge{name}") for name in SECTIONS
    }
    for shown in (*SECTIONS, ""):
        for name, button in buttons.items():
            is_open = name == shown or (not shown and name in {"Connection", "Requests", "Activity"})
            button.setProperty("collapsed", not is_open)
        tree = panel.widget.findChild(qt.QTreeWidget, "AgentBridgeLog")
        rows = [tree.topLevelItem(index) for index in range(tree.property("topLevelItemCount"))]
        tree.setCurrentItem(next(row for row in rows if row.text(1) == "markups.create"))
        panel.refresh()
        window.resize(WIDTH_PX, 400)
        _settle(0.3)
        height = panel.widget.parentWidget().sizeHint().height() + 100
        window.resize(WIDTH_PX, min(height, 2400))
        _settle(0.5)
        window.statusBar().clearMessage()  # it is cut in this narrow window, not in Slicer's
        _settle(0.1)
        window.grab().save(str(folder / f"{(shown or 'panel').lower()}-{palette}.png"))


def _settle(seconds: float) -> None:
    import slicer

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        slicer.app.processEvents()


def _light(qt: Any) -> Any:
    return qt.QPalette(qt.QColor(239, 239, 239))


def _dark(qt: Any) -> Any:
    palette = qt.QPalette(qt.QColor(50, 50, 50))
    for role, shade in (
        (qt.QPalette.Window, 50),
        (qt.QPalette.Base, 35),
        (qt.QPalette.AlternateBase, 44),
        (qt.QPalette.Button, 60),
    ):
        palette.setColor(role, qt.QColor(shade, shade, shade))
    for role in (qt.QPalette.WindowText, qt.QPalette.Text, qt.QPalette.ButtonText):
        palette.setColor(role, qt.QColor(230, 230, 230))
        palette.setColor(qt.QPalette.Disabled, role, qt.QColor(120, 120, 120))
    return palette


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
