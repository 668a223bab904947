"""The module panel: install, start, connect, answer requests, stop.

Works before the required packages are there, so nothing of the library that needs them is imported here.
"""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.connection_section import ConnectionSection
from AgentBridgeLib.gui.packages_section import PackagesSection
from AgentBridgeLib.gui.requests_section import RequestsSection
from AgentBridgeLib.host.qtcompat import guarded


class Panel:
    """All sections, one below the other.

    Parameters
    ----------
    logic
        `AgentBridgeLogic`.
    """

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self.widget = qt.QWidget()
        self.widget.setObjectName("AgentBridgePanel")
        layout = qt.QVBoxLayout(self.widget)
        self.packages = PackagesSection(logic, self.refresh)
        self.connection = ConnectionSection(logic, self.refresh)
        self.requests = RequestsSection(logic)
        for section in (self.packages, self.connection, self.requests):
            layout.addWidget(section.widget)
        layout.addWidget(self._make_stop_all())
        layout.addStretch(1)
        self.refresh()

    def refresh(self) -> None:
        """Show the present state."""
        self.packages.refresh()
        self.connection.refresh()
        self.requests.refresh()
        bridge = self._logic.bridge
        is_stopped = bridge is not None and bridge.safety.is_stopped
        self._stop_all.setEnabled(bridge is not None)
        self._stop_all.setText(_("Resume") if is_stopped else _("Stop all"))

    def close(self) -> None:
        """Let go of the bridge; the widgets may be gone already."""
        self.requests.close()

    def _make_stop_all(self) -> Any:
        self._stop_all = qt.QPushButton(_("Stop all"))
        self._stop_all.setObjectName("AgentBridgeStopAll")
        self._stop_all.setToolTip(_("Cancel every job and deny every call until you press Resume."))
        self._stop_all.clicked.connect(guarded(self._on_stop_all))
        return self._stop_all

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
