"""The hands of the person before the panel; see `panel_host`."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from served_panel import ANSWER


class MovableClock:
    """The wall clock, which a test puts forward instead of waiting, or stops."""

    ahead_s = 0.0
    stands_at_s: float | None = None

    def __call__(self) -> float:
        """Tell the time."""
        return (time.time() if self.stands_at_s is None else self.stands_at_s) + self.ahead_s


class Hands:
    """Does what standard input says, one act after the other."""

    def __init__(self, window: Any, clock: MovableClock) -> None:
        import qt

        self._window, self._clock = window, clock
        self._rest = b""
        self._held_at: Any = None
        self._notifier = qt.QSocketNotifier(sys.stdin.fileno(), qt.QSocketNotifier.Read)
        self._notifier.activated.connect(self._on_input)

    def rest(self) -> None:
        """Stop reading."""
        self._notifier.setEnabled(False)

    def _on_input(self, *_: object) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self.rest()
            import slicer

            slicer.app.exit(0)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            print(ANSWER + json.dumps(self._do(*json.loads(line))), flush=True)

    def _do(self, act: str, *arguments: Any) -> dict[str, Any]:
        try:
            return {"value": getattr(self, act)(*arguments)}
        except Exception as fault:  # noqa: BLE001 - it belongs into the test's report
            return {"fault": f"{type(fault).__name__}: {fault}"}

    def _find(self, name: str) -> Any:
        from PySide6.QtWidgets import QWidget

        found = list(self._window.findChildren(QWidget, name))
        if not found:
            raise LookupError(f"there is no {name}")
        return next((widget for widget in found if widget.isVisible()), found[-1])

    def _usable(self, name: str) -> Any:
        found = self._find(name)
        if not (found.isVisible() and found.isEnabled()):
            raise LookupError(
                f"{name} cannot be used: visible {found.isVisible()}, enabled {found.isEnabled()}"
            )
        return found

    def press(self, name: str) -> None:
        """Press a button with the mouse; a check box or radio button where its mark is."""
        from PySide6.QtCore import QPoint, Qt
        from PySide6.QtTest import QTest

        widget = self._usable(name)
        QTest.mouseClick(
            widget,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            QPoint(10, widget.property("height") // 2),
        )

    def hold(self, name: str) -> None:
        """Put the mouse button down on a button, and keep it down until `release`."""
        from PySide6.QtCore import QPoint

        widget = self._usable(name)
        self._held_at = widget.mapTo(self._window, QPoint(10, widget.property("height") // 2))
        self._mouse("mousePress")

    def release(self) -> None:
        """Let the mouse button go where it was put down, whatever is there now."""
        self._mouse("mouseRelease")

    def click_there(self) -> None:
        """Press and release where the mouse button was put down last, whatever is there now."""
        self._mouse("mousePress")
        self._mouse("mouseRelease")

    def _mouse(self, act: str) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        keys = Qt.KeyboardModifier.NoModifier
        getattr(QTest, act)(self._window.windowHandle(), Qt.MouseButton.LeftButton, keys, self._held_at)

    def forward(self, seconds: float) -> None:
        """Put the bridge's clock forward; no timer comes by that."""
        self._clock.ahead_s += seconds

    def stand(self, stands: bool) -> None:
        """Stop the bridge's clock, or let it go on."""
        self._clock.stands_at_s = time.time() if stands else None

    def at_once(self, *acts: list[Any]) -> None:
        """Do several acts with nothing between them, as when Slicer was busy meanwhile."""
        for act, *arguments in acts:
            getattr(self, act)(*arguments)

    def write(self, name: str, text: str) -> None:
        """Replace what stands in a line, key by key."""
        from PySide6.QtTest import QTest

        line = self._usable(name)
        line.clear()
        QTest.keyClicks(line, text)

    def type_number(self, name: str, number: int) -> None:
        """Write a number into a field, key by key, and end with Return."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        field = self._usable(name)
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, str(number))
        QTest.keyClick(field, Qt.Key.Key_Return)

    def is_checked(self, name: str) -> bool:
        """Tell whether a box has its mark."""
        return bool(self._find(name).isChecked())

    def choose(self, name: str, index: int) -> None:
        """Choose an entry of a list or box."""
        widget = self._usable(name)
        widget.setCurrentRow(index) if hasattr(widget, "setCurrentRow") else widget.setCurrentIndex(index)

    def key(self, key: str, modifier: str = "NoModifier") -> str:
        """Press a key where the focus is; gives where it is then."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        target = self._window.focusWidget() or self._window
        QTest.keyClick(target, getattr(Qt.Key, f"Key_{key}"), getattr(Qt.KeyboardModifier, modifier))
        return self.focus()

    def key_soon(self, key: str, modifier: str = "NoModifier") -> None:
        """Press a key after this act has ended; for one that opens a menu, which waits in a loop of its own."""
        from PySide6.QtCore import QTimer

        QTimer.singleShot(0, self._window, lambda: self.key(key, modifier))

    def menu(self) -> list[str]:
        """Read the entries of the menu that is open."""
        from PySide6.QtWidgets import QApplication

        shown = QApplication.activePopupWidget()
        return [] if shown is None else [str(action.property("text")) for action in shown.actions()]

    def key_in_menu(self, *keys: str) -> None:
        """Press keys in the menu that is open."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        for key in keys:
            QTest.keyClick(QApplication.activePopupWidget(), getattr(Qt.Key, f"Key_{key}"))

    def clipboard(self) -> str:
        """Read what is on the clipboard."""
        import qt

        return str(qt.QApplication.clipboard().text())

    def mnemonics(self) -> list[list[str]]:
        """Name the keys of all buttons, boxes and labels in the panel, hidden ones too: letter and widget."""
        from PySide6.QtWidgets import QAbstractButton, QLabel

        panel = self._find("AgentBridgePanel")
        found = []
        for kind in (QAbstractButton, QLabel):
            for widget in panel.findChildren(kind):
                has_key = kind is QAbstractButton or widget.buddy() is not None
                text = str(widget.property("text")).replace("&&", "") if has_key else ""
                found += [
                    [text[at + 1].upper(), _name(widget)] for at, sign in enumerate(text[:-1]) if sign == "&"
                ]
        return found

    def focus(self, name: str = "") -> str:
        """Give the name of the widget with the focus; with a name, put the focus there first."""
        if name:
            self._usable(name).setFocus()
        found = self._window.focusWidget()
        return "" if found is None else _name(found)

    def read(self, name: str) -> str:
        """Read the text of a widget."""
        return str(self._find(name).property("text"))

    def words(self, name: str) -> str:
        """Read all texts that are visible in a widget."""
        from PySide6.QtWidgets import QLabel

        labels = self._find(name).findChildren(QLabel)
        return "\n".join(str(label.property("text")) for label in labels if label.isVisible())

    def rows(self) -> list[list[str]]:
        """Read the rows of the activity."""
        tree = self._find("AgentBridgeLog")
        items = [tree.topLevelItem(index) for index in range(tree.property("topLevelItemCount"))]
        return [[item.text(column) for column in (1, 2)] for item in items]

    def select(self, row: int) -> None:
        """Click into a row of the activity."""
        tree = self._usable("AgentBridgeLog")
        tree.setCurrentItem(tree.topLevelItem(row))

    def copy(self, client: str) -> str:
        """Choose from the menu of *Copy connection*; gives what is on the clipboard."""
        import qt

        actions = self._usable("AgentBridgeCopy").menu().actions()
        next(action for action in actions if action.property("text").replace("&", "") == client).trigger()
        return str(qt.QApplication.clipboard().text())

    def save(self, button: str, path: str) -> None:
        """Press an export button and choose a file in the window that comes."""
        self.press(button)
        dialog = self._usable("AgentBridgeFileChooser")
        dialog.setDirectory(str(Path(path).parent))
        dialog.selectFile(path)
        dialog.accept()

    def unfold(self, *names: str) -> None:
        """Open these sections and close the others."""
        for name in ("Connection", "Requests", "Jobs", "Activity", "Safety"):
            self._find(f"AgentBridge{name}").setProperty("collapsed", name not in names)

    def widths(self, width: int) -> dict[str, list[int]]:
        """Make the window narrow; gives begin, end and least width of every visible widget that sticks out.

        The scroll bar beside the panel takes its part.
        """
        import slicer
        from PySide6.QtCore import QPoint
        from PySide6.QtWidgets import QWidget

        self._window.resize(width, 900)
        slicer.app.processEvents()
        panel = self._find("AgentBridgePanel")
        room = self._window.centralWidget().viewport().property("width")
        found = {}
        for widget in panel.findChildren(QWidget):
            if not widget.isVisible() or not _name(widget).startswith("AgentBridge"):
                continue
            begin = widget.mapTo(self._window, QPoint(0, 0)).x()
            wide, least = widget.property("width"), widget.minimumSizeHint().width()
            if begin < 0 or begin + wide > room or least > wide:
                found[_name(widget)] = [begin, begin + wide, least]
        return found

    def dialogs(self) -> list[str]:
        """Name the windows that hold all others up."""
        import qt

        return [_name(widget) for widget in qt.QApplication.topLevelWidgets() if widget.isModal()]


def _name(widget: Any) -> str:
    return str(widget.property("objectName"))
