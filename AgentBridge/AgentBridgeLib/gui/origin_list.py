"""Lists of web servers by their origins: those that files come from, and those whose pages may call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from AgentBridgeLib.gui.list_editor import ListEditor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.gui.preferences import Preferences
    from AgentBridgeLib.policy.settings import SafetySettings


class OriginList:
    """One list and its editor.

    Parameters
    ----------
    name
        Prefix of the widgets' names.
    key
        Of the setting.
    hint
        What is written into the line.
    parse
        Reads the setting's text; raises ValueError for what may not be in the list.
    entries
        Gives the list in force.
    on_change
        Called after the list was written.
    """

    def __init__(
        self,
        name: str,
        key: str,
        hint: str,
        parse: Callable[[str], tuple[str, ...]],
        entries: Callable[[SafetySettings], tuple[str, ...]],
        preferences: Preferences,
        on_change: Callable[[], None],
    ) -> None:
        self._key, self._parse, self._entries = key, parse, entries
        self._preferences, self._changed = preferences, on_change
        self._editor = ListEditor(name, hint, self._add, self._remove)
        self.widget = self._editor.widget

    def refresh(self, settings: SafetySettings) -> None:
        """Show the list in force."""
        self._editor.show(self._entries(settings))

    def _add(self, line: str) -> str:
        try:
            (origin,) = self._parse(json.dumps([line]))
        except ValueError:
            return _("Write scheme and name of a web server without path, such as https://data.example")
        self._write(tuple(dict.fromkeys((*self._entries(self._preferences.read()), origin))))
        return ""

    def _remove(self, index: int) -> None:
        origins = self._entries(self._preferences.read())
        self._write((*origins[:index], *origins[index + 1 :]))

    def _write(self, origins: Sequence[str]) -> None:
        self._preferences.write(self._key, origins)
        self._changed()
