"""Slicer's user settings, as text.

Only text survives a restart with its type (a bool comes back as 'true', an empty list as None), so only text goes in.
"""

from __future__ import annotations

import qt

GROUP = "AgentBridge/"


class SlicerSettings:
    """Keys of the bridge's own group in the user settings.

    A new `QSettings` per access: it opens the same store as `slicer.app.userSettings()`, costs microseconds and sees
    what the settings dialog or another part of Slicer wrote.
    """

    def read(self, key: str) -> str | None:
        """Text stored under ``AgentBridge/<key>``; None when there is none.

        What somebody wrote into the file by hand may come as another type: a list (text with commas) is joined again.
        """
        settings = qt.QSettings()
        if not settings.contains(GROUP + key):
            return None
        value = settings.value(GROUP + key)
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list | tuple):
            return ", ".join(str(item) for item in value)
        return str(value)

    def write(self, key: str, text: str | None) -> None:
        """Store, or remove with None. On disk when this returns."""
        settings = qt.QSettings()
        if text is None:
            settings.remove(GROUP + key)
        else:
            settings.setValue(GROUP + key, text)
        settings.sync()
