"""Covers identifiers in what the bridge itself writes to Slicer's log, tracebacks included."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.policy.identifiers import Redactor

_ROOTS = ("AgentBridge", "AgentBridgeLib")
_PLAIN = logging.Formatter()


class LogCover(logging.Filter):
    """A filter on every logger of the bridge; a record is formatted, covered and passed on.

    Parameters
    ----------
    redactor
        Gives the redactor to apply; asked for each record.
    """

    def __init__(self, redactor: Callable[[], Redactor]) -> None:
        super().__init__()
        self._redactor = redactor
        self._loggers: list[logging.Logger] = []

    def install(self) -> None:
        """Attend every logger of the bridge that there is: filters of a logger do not reach its children."""
        self.remove()
        names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _ROOTS]
        self._loggers = [logging.getLogger(name) for name in {*names, *_ROOTS}]
        for logger in self._loggers:
            logger.addFilter(self)

    def remove(self) -> None:
        """Leave the loggers. Safe to repeat."""
        for logger in self._loggers:
            logger.removeFilter(self)
        self._loggers.clear()

    def filter(self, record: logging.LogRecord) -> bool:
        """Cover one record, in place."""
        cover = self._redactor()
        record.msg, record.args = cover.text(record.getMessage()), None
        if record.exc_info and cover.is_needed:
            record.exc_text = cover.text(_PLAIN.formatException(record.exc_info))
            record.exc_info = None
        return True
