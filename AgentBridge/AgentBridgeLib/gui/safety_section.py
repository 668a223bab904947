"""What clients may do: presets, capabilities, folders, servers, patients."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.agent_choices import AgentChoices
from AgentBridgeLib.gui.capability_table import PYTHON, CapabilityTable
from AgentBridgeLib.gui.dicom_listening import DicomListening
from AgentBridgeLib.gui.exports import FileChooser
from AgentBridgeLib.gui.list_editor import ListEditor
from AgentBridgeLib.gui.origin_list import OriginList
from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.remote_nodes import RemoteNodes
from AgentBridgeLib.gui.widgets import button, check_box, column, text_label, without_signals
from AgentBridgeLib.host.qtcompat import guarded
from AgentBridgeLib.policy.capabilities import PRESETS
from AgentBridgeLib.policy.setting_texts import pages, servers
from AgentBridgeLib.policy.settings import (
    DOWNLOADS_KEY,
    FOLDERS_KEY,
    IDENTIFIER_POLICIES,
    IDENTIFIERS_KEY,
    ORIGINS_KEY,
    PATIENT_GUARD_KEY,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.gui.preferences import Preferences

_ABOVE_TITLE_PX = 8
_PRESETS = {
    "look_only": ("Look only", "Clients see the scene and take pictures. They change nothing."),
    "work_with_the_scene": (
        "Work with the scene",
        "Clients work with the scene and ask before they delete or write.",
    ),
    "everything_but_code": (
        "All but code",
        "Clients do everything without asking, except running code.",
    ),
    "developer": ("Developer", "Everything without asking; code asks."),
}
_IDENTIFIERS = {
    "hide": "Hide names, ids and dates of patients",
    "pseudonymize": "Replace them by stable pseudonyms",
    "show": "Show them to clients",
}


class SafetySection:
    """All safety settings. There may be several: one in the panel, one in Slicer's settings dialog.

    Parameters
    ----------
    body
        Widget to fill.
    on_change
        Called after a setting was written.
    """

    def __init__(self, body: Any, preferences: Preferences, on_change: Callable[[], None]) -> None:
        self._preferences, self._changed = preferences, on_change
        self.widget = body
        self._chooser = FileChooser(body)
        layout = column(body)
        self._preset_buttons = self._make_presets(layout)
        self._preset_words = text_label("", "AgentBridgePresetWords")
        paint(self._preset_words, "quiet")
        layout.addWidget(self._preset_words)
        self._table = CapabilityTable(preferences, on_change)
        layout.addWidget(self._table.widget)
        self._add_title(layout, _("Folders that clients may use"))
        browse = button(_("Browse\u2026"), "AgentBridgeFoldersBrowse", self._on_browse)
        self._folders = ListEditor(
            "AgentBridgeFolders",
            _("Path of a folder"),
            self._add_folder,
            self._remove_folder,
            browse,
            none=_("None: clients reach no file."),
        )
        layout.addWidget(self._folders.widget)
        self._add_title(layout, _("DICOM servers that clients may name"))
        self._remotes = RemoteNodes(preferences, on_change)
        layout.addWidget(self._remotes.widget)
        self._add_title(layout, _("Receiving DICOM images"))
        self._listening = DicomListening(preferences, on_change)
        layout.addWidget(self._listening.widget)
        self._add_title(layout, _("Web servers that clients may load files from"))
        self._downloads = OriginList(
            "AgentBridgeDownloads",
            DOWNLOADS_KEY,
            _("https://\u2026, or https://* for the whole internet"),
            servers,
            attrgetter("download_servers"),
            preferences,
            on_change,
        )
        layout.addWidget(self._downloads.widget)
        self._add_title(layout, _("Web pages that may call"))
        self._pages = OriginList(
            "AgentBridgePages",
            ORIGINS_KEY,
            _("https://\u2026 or http://localhost:8080"),
            pages,
            attrgetter("allowed_origins"),
            preferences,
            on_change,
        )
        layout.addWidget(self._pages.widget)
        self._add_title(layout, _("Patient identifiers in everything that leaves"))
        self._identifier_buttons = self._make_identifiers(layout)
        note = text_label(
            _(
                "Found by the DICOM attributes of the scene, also inside names and paths. What somebody typed as free "
                "text, and text burned into images, is not recognized."
            )
        )
        paint(note, "quiet")
        layout.addWidget(note)
        self._guard = check_box(
            _("Ask before mixing patients' data"), "AgentBridgePatientGuard", self._on_guard
        )
        self._guard.setToolTip(_("A step on data of different patients waits for you, whatever is allowed."))
        layout.addWidget(self._guard)
        self._add_title(layout, _("Agents (Model Context Protocol)"))
        self._agents = AgentChoices(preferences, preferences.families, on_change)
        layout.addWidget(self._agents.widget)

    def refresh(self) -> None:
        """Show the settings in force."""
        settings = self._preferences.read()
        preset = self._preferences.preset()
        for name, choice in self._preset_buttons.items():
            without_signals(choice, partial(choice.setChecked, name == preset))
            choice.setText(("\u2713 " if name == preset else "") + _(_PRESETS[name][0]))
        words = _(_PRESETS[preset][1]) if preset else _("Your own choice.")
        confirm = _("Code stays as it is until you confirm it below the list.")
        self._preset_words.setText(f"{words} {confirm}" if self._table.is_asking else words)
        self._table.refresh(settings)
        self._folders.show(settings.allowed_folders)
        self._remotes.refresh(settings)
        self._listening.refresh(settings)
        self._downloads.refresh(settings)
        self._pages.refresh(settings)
        for policy, choice in self._identifier_buttons.items():
            without_signals(choice, partial(choice.setChecked, policy == settings.identifiers))
        without_signals(self._guard, partial(self._guard.setChecked, settings.guards_patients))
        self._agents.refresh()

    def close(self) -> None:
        """Take the file window away."""
        self._chooser.close()

    def _make_presets(self, layout: Any) -> dict[str, Any]:
        grid = qt.QGridLayout()
        made = {}
        for index, (name, (title, words)) in enumerate(_PRESETS.items()):
            choice = button(_(title), f"AgentBridgePreset_{name}", partial(self._on_preset, name), _(words))
            choice.setCheckable(True)
            choice.setMinimumHeight(36)
            grid.addWidget(choice, index // 2, index % 2)
            made[name] = choice
        layout.addLayout(grid)
        return made

    def _make_identifiers(self, layout: Any) -> dict[str, Any]:
        group = qt.QWidget()
        inner = qt.QVBoxLayout(group)
        inner.setContentsMargins(0, 0, 0, 0)
        made: dict[str, Any] = {}
        for policy in IDENTIFIER_POLICIES:
            choice = qt.QRadioButton(_(_IDENTIFIERS[policy]))
            choice.setObjectName(f"AgentBridgeIdentifiers_{policy}")
            choice.clicked.connect(guarded(partial(self._on_identifiers, policy)))
            inner.addWidget(choice)
            made[policy] = choice
        layout.addWidget(group)
        return made

    def _add_title(self, layout: Any, text: str) -> None:
        title = text_label(text)
        paint(title, "", bold=True)
        layout.addSpacing(_ABOVE_TITLE_PX)
        layout.addWidget(title)

    def _on_preset(self, name: str) -> None:
        self._preferences.choose_preset(name)
        self._table.choose_for_python(PRESETS[name][PYTHON])

    def _on_identifiers(self, policy: str) -> None:
        self._write(IDENTIFIERS_KEY, policy)

    def _on_guard(self) -> None:
        self._write(PATIENT_GUARD_KEY, bool(self._guard.isChecked()))

    def _on_browse(self) -> None:
        self._chooser.folder(_("A folder that clients may use"), self._folders.take)

    def _add_folder(self, path: str) -> str:
        folder = Path(path).expanduser()
        if not folder.is_absolute() or not folder.is_dir():
            return _("There is no such folder: {path}").format(path=path)
        folders = self._preferences.read().allowed_folders
        self._write(FOLDERS_KEY, [*dict.fromkeys((*folders, str(folder)))])
        return ""

    def _remove_folder(self, index: int) -> None:
        folders = self._preferences.read().allowed_folders
        self._write(FOLDERS_KEY, [*folders[:index], *folders[index + 1 :]])

    def _write(self, key: str, value: Any) -> None:
        self._preferences.write(key, value)
        self._changed()
