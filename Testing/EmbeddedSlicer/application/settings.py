"""The user's settings, in a private folder.

In Slicer `userSettings()` is what a plain `QSettings()` opens (`Base/QTCore/qSlicerCoreApplication.cxx`,
userSettings), and `slicer.util.settingsValue` opens that. So the default place itself is moved: nothing reads
or writes the settings of the person's own Slicer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt


def open_user_settings(folder: str, application: Any) -> Any:
    """Make `folder` the default place of all settings in this process and open the user's."""
    qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
    qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, folder)
    qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.SystemScope, str(Path(folder) / "system"))
    application.setOrganizationName("EmbeddedSlicer")
    application.setApplicationName("Slicer")
    return qt.QSettings()


def open_revision_settings(user_settings: Any, revision: str) -> Any:
    """Open the settings that belong to one revision, a file beside the user's (`Slicer-12345.ini`)."""
    path = Path(user_settings.fileName()).with_name(f"Slicer-{revision}.ini")
    return qt.QSettings(str(path), qt.QSettings.IniFormat)
