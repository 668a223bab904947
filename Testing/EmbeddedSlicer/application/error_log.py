"""`slicer.app.errorLogModel()`: the messages of the application.

Follows CTK `Libs/Core/ctkErrorLogAbstractModel.h`, as far as Python can see it: properties, Q_INVOKABLE
methods, slots, signals and what QSortFilterProxyModel has. `logEntryData()` and `addEntry()` without a
context are not visible.
"""

from __future__ import annotations

import logging
from typing import Any

import qt
from PySide6 import QtCore, QtGui

from EmbeddedSlicer.not_emulated import refuse
from EmbeddedSlicer.pythonqt.facade import make_facade

#: Columns, `ctkErrorLogAbstractModel::ColumnsIds`.
TIME, THREAD, LEVEL, ORIGIN, DESCRIPTION = range(5)
#: `ctkErrorLogAbstractModel::DescriptionTextRole`
DESCRIPTION_TEXT_ROLE = int(QtCore.Qt.ItemDataRole.UserRole) + 1
#: `ctkErrorLogLevel::LogLevel` by name.
LEVELS = {
    "Unknown": 0x1,
    "Status": 0x2,
    "Trace": 0x4,
    "Debug": 0x8,
    "Info": 0x10,
    "Warning": 0x20,
    "Error": 0x40,
    "Critical": 0x80,
    "Fatal": 0x100,
}
TIME_FORMAT = "dd.MM.yyyy hh:mm:ss"
GROUPING_MS = 1000
#: Bounded, unlike in Slicer: a host of tests may run for long.
MOST_ENTRIES = 10_000


class _NativeErrorLogModel(QtCore.QSortFilterProxyModel):
    entryAdded = QtCore.Signal(int)
    logLevelFilterChanged = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self._items = QtGui.QStandardItemModel(0, 5)
        self._items.setHorizontalHeaderLabels(["Time", "Thread ID", "Level", "Origin", "Description"])
        self.setSourceModel(self._items)
        self.setFilterKeyColumn(LEVEL)
        self._adding = False

    filePath = QtCore.Property(str, lambda _: "")
    fileLoggingEnabled = QtCore.Property(bool, lambda _: False)
    logEntryGrouping = QtCore.Property(bool, lambda _: True)  # as qSlicerApplication sets it
    asynchronousLogging = QtCore.Property(bool, lambda _: False)

    def logEntryCount(self) -> int:
        """Count all entries, filtered ones included."""
        return self._items.rowCount()

    def logEntryDescription(self, row: int, /) -> str:
        """Give the whole text of an entry; "" for a row that is not there."""
        found = self._items.index(row, DESCRIPTION).data(DESCRIPTION_TEXT_ROLE)
        return found if isinstance(found, str) else ""

    def clear(self) -> None:
        """Remove all entries."""
        self._items.removeRows(0, self._items.rowCount())

    def append_entry(self, level: str, origin: str, text: str) -> None:
        """Add an entry with the present time; as in CTK, an entry that it causes is lost."""
        if self._adding:
            return
        self._adding = True
        try:
            self._append(level, origin, text)
        finally:
            self._adding = False
        self.entryAdded.emit(LEVELS[level])

    def _append(self, level: str, origin: str, text: str) -> None:
        if self._join_last(level, origin, text):
            return
        if self._items.rowCount() >= MOST_ENTRIES:
            self._items.removeRows(0, MOST_ENTRIES // 10)
        moment = QtCore.QDateTime.currentDateTime().toString(TIME_FORMAT)
        shown = text if len(text) <= 160 else text[:160] + "..."
        items = [QtGui.QStandardItem(part) for part in (moment, "0", level, origin, shown)]
        items[DESCRIPTION].setData(text, DESCRIPTION_TEXT_ROLE)
        self._items.appendRow(items)

    def _join_last(self, level: str, origin: str, text: str) -> bool:
        """Append to the last row what follows within a second with the same level and origin; says whether."""
        last = self._items.rowCount() - 1
        known = [self._items.index(last, column).data() for column in (LEVEL, ORIGIN)]
        began = QtCore.QTime.fromString(str(self._items.index(last, TIME).data())[11:], TIME_FORMAT[11:])
        if known != [level, origin] or began.msecsTo(QtCore.QTime.currentTime()) > GROUPING_MS:
            return False
        item = self._items.item(last, DESCRIPTION)
        item.setData(f"{item.data(DESCRIPTION_TEXT_ROLE)}\n{text}", DESCRIPTION_TEXT_ROLE)
        return True


def _missing(name: str) -> Any:
    def read(_: object) -> Any:
        raise refuse(f"ctkErrorLogModel.{name}")

    return property(read)


_NOT_EMULATED = ("msgHandlerNames", "msgHandler", "terminalOutputs", "filterEntry", "postEntry", "addEntry")
ErrorLogModel: Any = make_facade(_NativeErrorLogModel, {name: _missing(name) for name in _NOT_EMULATED})


class LogHandler(logging.Handler):
    """Carries Python's own log into the model, with origin "Python"."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def emit(self, record: logging.LogRecord) -> None:
        """Add one record."""
        self._model.append_entry(_level(record.levelno), "Python", self.format(record))


def _level(number: int) -> str:
    names = ((logging.CRITICAL, "Critical"), (logging.ERROR, "Error"), (logging.WARNING, "Warning"))
    low = ((logging.INFO, "Info"), (logging.DEBUG, "Debug"))
    return next((name for least, name in names + low if number >= least), "Trace")


def install_qt_messages(model: Any) -> None:
    """Carry Qt's own messages into the model, as `ctkErrorLogQtMessageHandler` does."""
    levels = {
        qt.QtMsgType.QtDebugMsg: "Debug",
        qt.QtMsgType.QtInfoMsg: "Info",
        qt.QtMsgType.QtWarningMsg: "Warning",
        qt.QtMsgType.QtCriticalMsg: "Critical",
        qt.QtMsgType.QtFatalMsg: "Fatal",
    }

    def on_message(kind: Any, _context: Any, text: str) -> None:
        model.append_entry(levels[kind], "Qt", text)

    qt.qInstallMessageHandler(on_message)
