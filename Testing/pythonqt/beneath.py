"""Puts real PythonQt and CTK beneath the embedded host, in place of PySide6 and its facade.

`qt` and `ctk` are PythonQt's own then. What the host itself takes from PySide6 is little: PythonQt's classes stand in
for it, and the emulated CTK classes give way to the real ones.
"""

# ruff: noqa: ANN001, ANN002, ANN202, ANN204, E402, I001  stand-ins; and PythonQt is there only after the start

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import sys
import types
from pathlib import Path

LIBRARY = Path(os.environ["AGENTBRIDGE_PYTHONQT"])
LEVELS = {
    "Trace": 4,
    "Debug": 8,
    "Info": 0x10,
    "Warning": 0x20,
    "Error": 0x40,
    "Critical": 0x80,
    "Fatal": 0x100,
}
EMULATED = {
    "ctkDICOMDatabase": "EmbeddedSlicer.dicom.database",
    "ctkDICOMIndexer": "EmbeddedSlicer.dicom.indexer",
}

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_library = ctypes.PyDLL(str(LIBRARY), ctypes.RTLD_GLOBAL)
_library.embedding_start()

import __main__
import PythonQt

parts = __main__.ctk_parts


def _namespace(name, *kits):
    made = types.ModuleType(name)
    for kit in kits:
        vars(made).update({key: getattr(kit, key) for key in dir(kit) if not key.startswith("_")})
    sys.modules[name] = made
    return made


class _Loader:
    def load(self, file):
        return parts.loadUi(file.fileName())


class _Log:
    """The real model, with what the host calls to fill it."""

    def append_entry(self, level, origin, text):
        parts.log(LEVELS[level], origin, str(text))

    def __getattr__(self, name):
        return getattr(parts.errorLogModel(), name)


class _LogHandler(logging.Handler):
    def __init__(self, model):
        super().__init__()
        self._model = model

    def emit(self, record):
        level = {logging.WARNING: "Warning", logging.ERROR: "Error", logging.CRITICAL: "Critical"}
        self._model.append_entry(level.get(record.levelno, "Info"), "Python", self.format(record))


def _ctk_attribute(name):
    if name not in EMULATED:
        raise AttributeError(name)
    return importlib.import_module(EMULATED[name]).facade


KITS = [PythonQt.QtCore, PythonQt.QtGui, PythonQt.QtNetwork, PythonQt.QtUiTools]
qt = _namespace("qt", *KITS)
qt.QUiLoader = _Loader
qt.SIGNAL = qt.SLOT = str
_namespace("ctk", PythonQt.CTKWidgets).__getattr__ = _ctk_attribute
side = _namespace("PySide6")
side.__file__ = str(LIBRARY)
for _kit in ("QtCore", "QtGui", "QtWidgets", "QtNetwork", "QtUiTools"):
    setattr(side, _kit, _namespace(f"PySide6.{_kit}", *KITS))
side.QtCore.SignalInstance = type(None)

import EmbeddedSlicer.event_loop

_facade = _namespace("EmbeddedSlicer.pythonqt.facade")
_facade.make_facade = lambda native, _extras=None: native
_log = _namespace("EmbeddedSlicer.application.error_log")
_log.ErrorLogModel, _log.LogHandler, _log.install_qt_messages = _Log, _LogHandler, lambda _model: None
importlib.import_module("EmbeddedSlicer.application").error_log = _log
_namespace("EmbeddedSlicer.ctk_widgets.settings_dialog").SettingsDialog = lambda _settings: (
    parts.settingsDialog()
)
EmbeddedSlicer.event_loop._loop = lambda _hold_lock: _library.embedding_exec
