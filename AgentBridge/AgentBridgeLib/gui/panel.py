"""The module panel: install, start, connect, answer requests, watch, undo, decide what is allowed, stop.

Works before the required packages are there, so nothing of the library that needs them is imported here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import ctk
import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.connection_section import ConnectionSection
from AgentBridgeLib.gui.packages_section import PackagesSection
from AgentBridgeLib.gui.palette import PaletteWatch, paint
from AgentBridgeLib.gui.preferences import Preferences
from AgentBridgeLib.gui.requests_section import RequestsSection
from AgentBridgeLib.gui.safety_section import SafetySection
from AgentBridgeLib.gui.status_line import StatusLine
from AgentBridgeLib.gui.widgets import button
from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

_SOON_MS = 150
_TICK_MS = 1000
_LATE_SECTIONS = {"Jobs": "jobs_section", "Activity": "activity_section"}
"""They need the required packages, so they are made when those are there."""


class Panel:
    """All sections, one below the other, and *Stop all* above them.

    Parameters
    ----------
    logic
        `AgentBridgeLogic`.
    ui
        The widget of ``Resources/UI/AgentBridge.ui``.
    attends
        Whether a person sits before it; without a main window nobody does, and nobody is asked.
    """

    def __init__(self, logic: Any, ui: Any, *, attends: bool = True) -> None:
        self._logic = logic
        self.widget = ui
        self.preferences = Preferences(logic)
        self._bridge: Any = None
        self._is_safety_old = False
        self._leave: list[Callable[[], None]] = []
        self._late: dict[str, Any] = {}
        self._bodies: dict[str, Any] = {}
        self._timer = self._make_timer()
        self._palette = PaletteWatch(ui, self._on_time)
        self.status = StatusLine()
        self._state = self._find(qt.QLabel, "State")
        self._notices = self._find(qt.QLabel, "Notices")
        self._notices.setTextFormat(qt.Qt.PlainText)
        self._repair = self._make_repair()
        self._stop_all = self._find(qt.QPushButton, "StopAll")
        self._stop_all.setMinimumHeight(34)
        self._stop_all.clicked.connect(guarded(self._on_stop_all))
        self.packages = PackagesSection(
            self._find(qt.QGroupBox, "Packages"), self._body("Packages"), logic, self.refresh
        )
        self.connection = ConnectionSection(self._body("Connection"), logic, self.preferences, self.refresh)
        self.requests = RequestsSection(self._body("Requests"), logic, self._show_count, attends=attends)
        self.safety = SafetySection(self._body("Safety"), self.preferences, self.refresh)
        for name in ("Jobs", "Activity", "Safety"):
            self._frame(name).setProperty("collapsed", name == "Safety")
        self.refresh()

    def section(self, name: str) -> Any:
        """Give the section ``Jobs`` or ``Activity``; None before the required packages are there."""
        return self._late.get(name)

    def refresh(self) -> None:
        """Show the present state, all of it."""
        self._palette.look()
        self._make_late_sections()
        self._attend()
        self.packages.refresh()
        self.connection.refresh()
        self.requests.refresh()
        self.safety.refresh()
        for section in self._late.values():
            section.refresh()
        self._show_head()
        self._wind_up()

    def close(self) -> None:
        """Let go of the bridge; the widgets may be gone already."""
        self._detach()
        self.requests.close()
        self.status.close()
        self._palette.close()
        try:
            self._timer.stop()
            self.safety.close()
            if "Activity" in self._late:
                self._late["Activity"].close()
        except (ValueError, RuntimeError):  # PythonQt and PySide6 say so when Qt has deleted it
            return

    def _find(self, kind: Any, name: str) -> Any:
        return self.widget.findChild(kind, f"AgentBridge{name}")

    def _body(self, name: str) -> Any:
        """Give the widget that a section fills: one child, so that its folding and what it hides do not mix."""
        if name not in self._bodies:
            frame = self._find(qt.QGroupBox, name) if name == "Packages" else self._frame(name)
            layout = qt.QVBoxLayout(frame)
            layout.setContentsMargins(0, 0, 0, 0)
            self._bodies[name] = qt.QWidget()
            layout.addWidget(self._bodies[name])
        return self._bodies[name]

    def _frame(self, name: str) -> Any:
        return self._find(ctk.ctkCollapsibleButton, name)

    def _make_timer(self) -> Any:
        timer = qt.QTimer(self.widget)
        timer.setSingleShot(True)
        timer.timeout.connect(guarded(self._on_time))
        return timer

    def _make_repair(self) -> Any:
        repair = button(
            _("Use the safe values"),
            "AgentBridgeRepair",
            self._on_repair,
            _("Remove the settings that cannot be read."),
        )
        layout = self.widget.layout()
        layout.insertWidget(layout.indexOf(self._notices) + 1, repair)
        return repair

    def _make_late_sections(self) -> None:
        is_ready = not self._logic.missingPackages()
        for name, module in _LATE_SECTIONS.items():
            self._frame(name).setVisible(is_ready)
            if is_ready and name not in self._late:
                found = importlib.import_module(f"AgentBridgeLib.gui.{module}")
                self._late[name] = getattr(found, f"{name}Section")(self._body(name), self._logic)

    def _attend(self) -> None:
        bridge = self._logic.bridge
        if bridge is self._bridge:
            return
        self._detach()
        self._bridge = bridge
        if bridge is not None:
            self._leave = [bridge.events.listen(self._on_news), bridge.audit.listen(self._on_event)]

    def _detach(self) -> None:
        for leave in self._leave:
            leave()
        self._leave, self._bridge = [], None

    def _on_news(self, event: Any) -> None:
        self._is_safety_old |= event.kind == "policy.changed"
        self._on_event(event)

    def _on_event(self, _event: object) -> None:
        """Something happened; look at it soon, once for many."""
        if not self._timer.isActive() or int(self._timer.property("remainingTime")) > _SOON_MS:
            self._timer.start(_SOON_MS)

    def _on_time(self) -> None:
        self._show_head()
        self.requests.tick()
        if self.widget.isVisible():
            for section in self._late.values():
                section.refresh()
            self.connection.refresh()
        if self._is_safety_old:
            self._is_safety_old = False
            self.safety.refresh()
        self._wind_up()

    def _wind_up(self) -> None:
        """Come again in a second while a clock runs on the panel; else sleep until something happens."""
        jobs = self._late.get("Jobs")
        if self.requests.count or (jobs is not None and jobs.is_busy):
            self._timer.start(_TICK_MS)

    def _show_count(self, count: int) -> None:
        title = _("Requests waiting for you")
        self._frame("Requests").setProperty("text", f"{title} ({count})" if count else title)
        if count:
            self._frame("Requests").setProperty("collapsed", False)
        self._show_head()

    def _show_head(self) -> None:
        bridge, url = self._logic.bridge, self._logic.url
        is_stopped = bridge is not None and bridge.safety.is_stopped
        waiting = self.requests.count
        word, role = (_("\u25cf Listening"), "good") if url else (_("\u25cb Stopped"), "quiet")
        if waiting:
            word, role = _("\u25cf Listening \u2013 {count} waiting for you").format(count=waiting), "notice"
        if is_stopped:
            word, role = _("\u25a0 All stopped: every call is denied until you press Resume"), "bad"
        if self.connection.problem:
            word, role = self.connection.problem, "bad"
        self._state.setText(word)
        paint(self._state, role, bold=True)
        self._stop_all.setEnabled(bridge is not None)
        self._stop_all.setText(_("&Resume") if is_stopped else _("Stop a&ll"))
        paint(self._stop_all, "good" if is_stopped else "bad", bold=bridge is not None)
        self._stop_all.setToolTip(
            _("Let calls in again.")
            if is_stopped
            else _("Cancel every job and deny every call until you press Resume.")
        )
        self.status.show(is_listening=bool(url), is_stopped=is_stopped, waiting=waiting)
        self._show_notices(bridge)

    def _show_notices(self, bridge: Any) -> None:
        settings = self.preferences.read()
        said = [_(text) for text in settings.complaints]
        mode = settings.mode("python.execute")
        if mode == "allow":
            said.insert(0, _("Python code runs without asking. Clients can do everything that you can do."))
        elif mode == "ask":
            said.insert(0, _("Python code runs when you approve it. It can do everything that you can do."))
        if bridge is not None and bridge.audit.file is not None and bridge.audit.file.problem:
            said.append(bridge.audit.file.problem)
        if bridge is not None and bridge.is_receiving:
            text = _("The DICOM listener runs on port {port}: other computers can send images to this one.")
            said.append(text.format(port=bridge.host.dicom.listener.port))
        self._notices.setText("\n".join(said))
        self._notices.setVisible(bool(said))
        paint(self._notices, "bad", bold=True)
        self._repair.setVisible(bool(settings.complaints))

    def _on_repair(self) -> None:
        self.preferences.repair()
        self.refresh()

    def _on_stop_all(self) -> None:
        bridge = self._logic.bridge
        if bridge is None:
            return
        if bridge.safety.is_stopped:
            bridge.safety.resume()
        else:
            bridge.safety.stop()
            bridge.jobs.cancel_all()
        self.refresh()
