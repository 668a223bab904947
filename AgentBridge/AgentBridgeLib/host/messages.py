"""Recent warnings and errors of Slicer, VTK, ITK, Qt and Python, from the application's own message log.

Slicer's handlers put all of them into `slicer.app.errorLogModel()` (CTK `ctkErrorLogAbstractModel`), so no second set
of observers is needed. The model grows without end; only what is new since the last look is read.

Slicer groups messages (`setLogEntryGrouping`): one of the same level and origin that comes within a second is appended
to the text of the last row. So the row that was the last one is looked at again.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

import slicer

from AgentBridgeLib.host.ports.application import LogEntry

MOST_ENTRIES = 1000
MOST_ROWS_PER_LOOK = 10_000
MOST_CHARACTERS = 4000

# ctkErrorLogAbstractModel::ColumnsIds; the full description has a role of its own, read by logEntryDescription.
_TIME, _LEVEL, _ORIGIN = 0, 2, 3
_TIME_FORMAT = "%d.%m.%Y %H:%M:%S"
_LEVELS = {"Warning": "warning", "Error": "error", "Critical": "error", "Fatal": "error"}


class MessageLog:
    """The last warnings and errors, numbered in the order in which they were found."""

    def __init__(self) -> None:
        self._entries: deque[LogEntry] = deque(maxlen=MOST_ENTRIES)
        self._rows_seen = 0
        self._last_row = ("", "")
        self._number = 0

    def entries(self) -> list[LogEntry]:
        """Give the last 1,000, oldest first."""
        model = slicer.app.errorLogModel()
        if model is None:
            return []
        count = model.logEntryCount()
        first = self._first_new_row(model, count)
        if first:
            self._take(model, first - 1, self._growth(model, first - 1))
        for row in range(max(first, count - MOST_ROWS_PER_LOOK), count):
            self._take(model, row, model.logEntryDescription(row))
        if count:
            self._last_row = (_text(model, count - 1, _TIME), model.logEntryDescription(count - 1))
        self._rows_seen = count
        return list(self._entries)

    def _first_new_row(self, model: Any, count: int) -> int:
        """Find the row after the last one known; somebody may have cleared the log, or old rows were dropped."""
        time, text = self._last_row
        for row in range(min(count, self._rows_seen) - 1, -1, -1):
            if _text(model, row, _TIME) == time and model.logEntryDescription(row).startswith(text):
                return row + 1
        return 0

    def _growth(self, model: Any, row: int) -> str:
        """Give what was appended to the last row known."""
        return str(model.logEntryDescription(row))[len(self._last_row[1]) :]

    def _take(self, model: Any, row: int, text: str) -> None:
        level = _LEVELS.get(_text(model, row, _LEVEL))
        if level is None or not text.strip():
            return
        self._number += 1
        self._entries.append(
            LogEntry(
                number=self._number,
                time=iso_time(_text(model, row, _TIME)),
                level=level,
                origin=_text(model, row, _ORIGIN),
                text=text.strip()[:MOST_CHARACTERS],
            ),
        )


def _text(model: Any, row: int, column: int) -> str:
    # The model is a filter that follows the error log window; its source has every row.
    value = model.property("sourceModel").index(row, column).data()
    return value if isinstance(value, str) else ""


def iso_time(local_time: str) -> str:
    """Turn the log's local time into ISO 8601 in UTC; empty when it is no time."""
    try:
        moment = datetime.strptime(local_time, _TIME_FORMAT).astimezone()
    except ValueError:
        return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
