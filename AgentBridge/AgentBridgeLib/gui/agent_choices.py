"""What agents that speak the Model Context Protocol see, and whether they may show approvals themselves."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.list_editor import ListEditor
from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import check_box, text_label, without_signals
from AgentBridgeLib.mcp.profile import EVERYTHING
from AgentBridgeLib.policy.settings import FORMS_KEY, TOOLSETS_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.gui.preferences import Preferences

_FAMILY = re.compile(r"[a-z][a-z0-9_]*")


class AgentChoices:
    """Toolsets and forms.

    Parameters
    ----------
    families
        Gives the families of operations there are; none while no bridge is there to ask.
    on_change
        Called after a setting was written.
    """

    def __init__(
        self,
        preferences: Preferences,
        families: Callable[[], list[str]],
        on_change: Callable[[], None],
    ) -> None:
        self._preferences, self._families, self._changed = preferences, families, on_change
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self._toolsets = ListEditor(
            "AgentBridgeToolsets",
            _("Family, such as segmentations, or all"),
            self._add,
            self._remove,
            none=_("Everyday tools only."),
        )
        layout.addWidget(self._toolsets.widget)
        note = text_label(
            _(
                "Agents reach every operation; those of these families are listed as tools besides the everyday ones."
            )
        )
        paint(note, "quiet")
        layout.addWidget(note)
        self._forms = check_box(_("Agents' programs may ask you too"), "AgentBridgeForms", self._on_forms)
        self._forms.setToolTip(_("Some programs answer by themselves. The panel shows the same requests."))
        layout.addWidget(self._forms)

    def refresh(self) -> None:
        """Show the settings."""
        found = self._preferences.read()
        self._toolsets.show(found.toolsets)
        without_signals(self._forms, partial(self._forms.setChecked, found.approves_by_form))

    def _add(self, line: str) -> str:
        name, known = line.strip().lower(), self._families()
        if not _FAMILY.fullmatch(name) or (known and name not in (*known, EVERYTHING)):
            return _("There is no such family. There are: {families}").format(
                families=", ".join((*known, EVERYTHING)) if known else "volumes, segmentations, markups"
            )
        toolsets = self._preferences.read().toolsets
        self._write([*dict.fromkeys((*toolsets, name))])
        return ""

    def _remove(self, index: int) -> None:
        toolsets = self._preferences.read().toolsets
        self._write([*toolsets[:index], *toolsets[index + 1 :]])

    def _write(self, toolsets: list[str]) -> None:
        self._preferences.write(TOOLSETS_KEY, toolsets)
        self._changed()

    def _on_forms(self) -> None:
        self._preferences.write(FORMS_KEY, bool(self._forms.isChecked()))
        self._changed()
