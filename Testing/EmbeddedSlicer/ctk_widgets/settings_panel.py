"""`ctk.ctkSettingsPanel`: properties of widgets tied to keys of the settings.

Follows CTK `Libs/Widgets/ctkSettingsPanel.cpp`. Only `registerProperty` and the slots are visible to Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6 import QtCore, QtWidgets

from EmbeddedSlicer.pythonqt.facade import make_facade


@dataclass
class _Entry:
    """A registered property."""

    widget: Any
    name: str
    default: Any
    previous: Any
    label: str
    settings: Any


class ctkSettingsPanel(QtWidgets.QWidget):
    """The native part."""

    settingChanged = QtCore.Signal(str, object)
    OptionNone, OptionRequireRestart = 0, 1

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._settings: Any = None
        self._entries: dict[str, _Entry] = {}

    def _get_settings(self) -> Any:
        return self._settings

    def _set_settings(self, settings: Any) -> None:
        self._settings = settings
        self.reloadSettings()

    settings = QtCore.Property("QVariant", _get_settings, _set_settings)

    def registerProperty(
        self,
        key: str,
        widget: Any,
        name: str,
        signal: str,
        label: str = "",
        _options: int = 0,
        settings: Any = None,
        /,
    ) -> None:
        """Tie a property of a widget to a key; `signal` tells when it changes. Keep the widget referenced."""
        value = widget.property(name)
        self._entries[key] = _Entry(widget, name, value, value, label, settings)
        self._read(key)
        getattr(widget, signal.lstrip("12").partition("(")[0]).connect(lambda *_: self._write(key))
        self._write(key)

    def reloadSettings(self) -> None:
        """Read all properties from the settings; what is not there yet is written."""
        for key in self._entries:
            if not self._read(key):
                self._write(key)

    def applySettings(self) -> None:
        """Make the present values those that resetSettings() comes back to."""
        for entry in self._entries.values():
            entry.previous = entry.widget.property(entry.name)

    def resetSettings(self) -> None:
        """Go back to the values of the last applySettings()."""
        for entry in self._entries.values():
            entry.widget.setProperty(entry.name, entry.previous)

    def restoreDefaultSettings(self) -> None:
        """Go back to the values at registration."""
        for entry in self._entries.values():
            entry.widget.setProperty(entry.name, entry.default)

    def _store(self, key: str) -> Any:
        return self._entries[key].settings or self._settings

    def _read(self, key: str) -> bool:
        store, entry = self._store(key), self._entries[key]
        if store is None or not store.contains(key):
            return False
        entry.widget.setProperty(entry.name, store.value(key))
        entry.previous = entry.widget.property(entry.name)
        return True

    def _write(self, key: str) -> None:
        store, entry = self._store(key), self._entries[key]
        if store is None:
            return
        before, value = store.value(key), entry.widget.property(entry.name)
        store.setValue(key, value)
        if store.value(key) != before:
            self.settingChanged.emit(key, value)


facade = make_facade(ctkSettingsPanel)
