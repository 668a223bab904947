"""Whether other computers may send DICOM images, and where; nothing of it is a client's to choose."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import check_box, row, text_label, without_signals
from AgentBridgeLib.host.qtcompat import guarded
from AgentBridgeLib.policy.dicom_network import ListenerPermission, write_listener
from AgentBridgeLib.policy.settings import LISTENER_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.gui.preferences import Preferences
    from AgentBridgeLib.policy.settings import SafetySettings

_PORT_OF_SLICER = 0
"""Shown instead of a port that nobody has chosen."""


class DicomListening:
    """A check box, a port, and what they mean.

    Parameters
    ----------
    on_change
        Called after the setting was written.
    """

    def __init__(self, preferences: Preferences, on_change: Callable[[], None]) -> None:
        self._preferences, self._changed = preferences, on_change
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self._allow = check_box(
            _("Clients may start the DICOM listener"), "AgentBridgeListener", self._on_chosen
        )
        layout.addWidget(self._allow)
        self._port = qt.QSpinBox()
        self._port.setObjectName("AgentBridgeListenerPort")
        self._port.setRange(_PORT_OF_SLICER, 65535)
        self._port.setSpecialValueText(_("Slicer's own"))
        self._port.setAccessibleName(_("Port of the DICOM listener"))
        self._port.setToolTip(_("0 takes the port that Slicer's DICOM module is set to."))
        self._port.setKeyboardTracking(False)  # a port is taken when it is written to its end
        self._port.valueChanged.connect(guarded(self._on_chosen))
        label = text_label(_("Port"))
        label.setBuddy(self._port)
        layout.addLayout(row(label, self._port))
        self._words = text_label(
            _(
                "It listens beyond this computer: every computer that reaches this one may send images into Slicer's "
                "database (C-STORE), unasked and without signing in. It ends with the bridge, and by Stop all."
            ),
            "AgentBridgeListenerWords",
        )
        layout.addWidget(self._words)

    def refresh(self, settings: SafetySettings) -> None:
        """Show what is allowed."""
        permission = settings.dicom_listener
        is_allowed = permission is not None
        without_signals(self._allow, partial(self._allow.setChecked, is_allowed))
        if permission is not None:
            port = permission.port or _PORT_OF_SLICER
            without_signals(self._port, partial(self._port.setValue, port))
        self._port.setEnabled(is_allowed)
        paint(self._words, "notice" if is_allowed else "quiet")

    def _on_chosen(self) -> None:
        port = int(self._port.property("value")) or None
        is_allowed = self._allow.isChecked()
        self._preferences.write(
            LISTENER_KEY, write_listener(ListenerPermission(port)) if is_allowed else None
        )
        self._changed()
