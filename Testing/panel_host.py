"""Slicer's main window with the panel in it, and a person before it whose hands follow standard input.

Each line of standard input is one act as JSON, such as ``["press", "AgentBridgeToggle"]``; the answer is one line that
begins with `ANSWER`. Mouse and keys go through Qt's event queue, to widgets that are visible and enabled only.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import EmbeddedSlicer
from panel_hands import Hands, MovableClock
from served_panel import READY

CHECKOUT = Path(__file__).resolve().parent.parent
MODULE = CHECKOUT / "AgentBridge" / "AgentBridge.py"
WIDTH_PX = 380


def main(arguments: list[str]) -> int:
    """Show the window and do what standard input says until it ends. Nobody has pressed Start yet."""
    home = Path(arguments[0])
    EmbeddedSlicer.start(settings_folder=home, views=False, web_server=True)
    import qt

    window = qt.QMainWindow()
    window.setObjectName("qSlicerMainWindow")
    window.resize(WIDTH_PX, 900)
    EmbeddedSlicer.load_scripted_module(MODULE)
    import slicer

    area = qt.QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(slicer.modules.agentbridge.widgetRepresentation())
    window.setCentralWidget(area)
    window.show()
    window.activateWindow()
    hands = Hands(window, _movable_clock())
    print(READY, flush=True)
    code: int = EmbeddedSlicer.run()
    hands.rest()
    return code


def _movable_clock() -> MovableClock:
    """Let the bridge that the panel starts go by a clock that can be put forward."""
    from AgentBridgeLib import composition

    clock = MovableClock()
    composition.Bridge = partial(composition.Bridge, wall_clock=clock)  # type: ignore[misc, assignment]
    return clock


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
