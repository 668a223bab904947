"""The capabilities with Allow, Ask and Deny, one plain sentence each; Python code needs two steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import button, column, row, text_label, without_signals
from AgentBridgeLib.host.qtcompat import guarded
from AgentBridgeLib.policy.capabilities import CAPABILITIES, MODES
from AgentBridgeLib.policy.settings import MODE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.gui.preferences import Preferences
    from AgentBridgeLib.policy.capabilities import Mode
    from AgentBridgeLib.policy.settings import SafetySettings

PYTHON = "python.execute"
_WORDS = {"allow": "Allow", "ask": "Ask", "deny": "Deny"}


class CapabilityTable:
    """One row per capability.

    Parameters
    ----------
    on_change
        Called after a mode was written.
    """

    def __init__(self, preferences: Preferences, on_change: Callable[[], None]) -> None:
        self._preferences, self._on_change = preferences, on_change
        self._wanted_for_python: Mode = "deny"
        self.widget = qt.QWidget()
        grid = qt.QGridLayout(self.widget)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        self._boxes = {name: self._row(grid, index, name) for index, name in enumerate(CAPABILITIES)}
        self._confirmation = self._make_confirmation()
        grid.addWidget(self._confirmation, len(CAPABILITIES), 0, 1, 2)
        self._granted = text_label("", "AgentBridgeGrants")
        paint(self._granted, "notice")
        grid.addWidget(self._granted, len(CAPABILITIES) + 1, 0, 1, 2)

    def refresh(self, settings: SafetySettings) -> None:
        """Show the modes in force."""
        grants = self._preferences.grants
        for name, box in self._boxes.items():
            without_signals(box, partial(box.setCurrentIndex, MODES.index(settings.mode(name))))
            box.setEnabled(name not in grants)
        listed = ", ".join(f"{name}: {mode}" for name, mode in grants.items())
        self._granted.setText(_("Set for this run by the start command: {grants}.").format(grants=listed))
        self._granted.setVisible(bool(grants))

    def _row(self, grid: Any, index: int, name: str) -> Any:
        sentence = text_label(CAPABILITIES[name].sentence)
        sentence.setToolTip(name)
        sentence.setMinimumHeight(2 * sentence.fontMetrics().lineSpacing())  # it wraps in a narrow panel
        box = qt.QComboBox()
        box.setObjectName(f"AgentBridgeMode_{name}")
        box.setAccessibleName(f"{name}: {CAPABILITIES[name].sentence}")
        for mode in MODES:
            box.addItem(_(_WORDS[mode]), mode)
        box.currentIndexChanged.connect(guarded(partial(self._on_chosen, name)))
        sentence.setBuddy(box)
        grid.addWidget(sentence, index, 0)
        grid.addWidget(box, index, 1)
        return box

    @property
    def is_asking(self) -> bool:
        """Whether the second step is open: code was chosen and is not confirmed yet."""
        return not self._confirmation.isHidden()

    def choose_for_python(self, mode: Mode) -> None:
        """Take the first step of two towards code, or write at once what opens nothing."""
        if MODES.index(mode) < MODES.index(self._preferences.read().mode(PYTHON)):
            self._wanted_for_python = mode
            self._confirmation.show()
            self._on_change()  # the boxes show again what holds
        else:
            self._write(PYTHON, mode)

    def _on_chosen(self, name: str) -> None:
        mode = MODES[int(self._boxes[name].property("currentIndex"))]
        if name == PYTHON:
            self.choose_for_python(mode)
        else:
            self._write(name, mode)

    def _write(self, name: str, mode: str) -> None:
        if name == PYTHON:
            self._confirmation.hide()
        self._preferences.write(MODE_PREFIX + name, mode)
        self._on_change()

    def _make_confirmation(self) -> Any:
        frame = qt.QFrame()
        frame.setObjectName("AgentBridgePythonConfirmation")
        frame.setFrameShape(qt.QFrame.StyledPanel)
        layout = column(frame)
        text = text_label(
            _(
                "Python code can do everything that Slicer and your account can do: read and change any file, "
                "send data anywhere, change these settings. No rule of this panel holds for it. Almost everything "
                "can be done without it."
            )
        )
        paint(text, "bad", bold=True)
        layout.addWidget(text)
        yes = button(_("I understand: let code run"), "AgentBridgePythonYes", self._on_python_yes)
        no = button(_("Keep it off"), "AgentBridgePythonNo", self._on_python_no)
        layout.addLayout(row(yes, no))
        frame.hide()
        return frame

    def _on_python_yes(self) -> None:
        self._write(PYTHON, self._wanted_for_python)

    def _on_python_no(self) -> None:
        self._confirmation.hide()
        self._on_change()
