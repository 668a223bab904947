"""The web servers that clients may load files from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from AgentBridgeLib.gui.list_editor import ListEditor
from AgentBridgeLib.policy.downloads import AddressRefusedError, origin_of
from AgentBridgeLib.policy.settings import DOWNLOADS_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.gui.preferences import Preferences
    from AgentBridgeLib.policy.settings import SafetySettings


class DownloadServers:
    """The list and its editor.

    Parameters
    ----------
    on_change
        Called after the list was written.
    """

    def __init__(self, preferences: Preferences, on_change: Callable[[], None]) -> None:
        self._preferences, self._changed = preferences, on_change
        self._editor = ListEditor(
            "AgentBridgeDownloads",
            _("https://\u2026, or https://* for the whole internet"),
            self._add,
            self._remove,
        )
        self.widget = self._editor.widget

    def refresh(self, settings: SafetySettings) -> None:
        """Show the list in force."""
        self._editor.show(settings.download_servers)

    def _add(self, line: str) -> str:
        try:
            origin = origin_of(line)
        except AddressRefusedError:
            return _("Write scheme and name of a web server without path, such as https://data.example")
        self._write(tuple(dict.fromkeys((*self._preferences.read().download_servers, origin))))
        return ""

    def _remove(self, index: int) -> None:
        servers = self._preferences.read().download_servers
        self._write((*servers[:index], *servers[index + 1 :]))

    def _write(self, servers: Sequence[str]) -> None:
        self._preferences.write(DOWNLOADS_KEY, servers)
        self._changed()
