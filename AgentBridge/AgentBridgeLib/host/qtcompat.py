"""The one wrapper around every Qt slot.

In Slicer an exception that leaves a slot is only printed, but it makes `--testing` runs fail at their end, and a
`SystemExit` ends the application. So everything that Qt calls goes through here, and nothing comes out.

A guarded slot takes no arguments of the signal: PythonQt hands a variadic slot all of them, PySide6 none, so code
that runs on both reads the state of the sender instead.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

_logger = logging.getLogger(__name__)


def report_incident(place: str, error: BaseException) -> str:
    """Write a fault of the bridge to the log and name it.

    Parameters
    ----------
    place
        Where it was caught, in words.
    error
        What was caught.

    Returns
    -------
    str
        The incident id. A client gets it instead of the text of the exception.
    """
    incident = secrets.token_hex(4)
    _logger.error("AgentBridge incident %s in %s", incident, place, exc_info=error)
    return incident


def attempt(function: Callable[[], Result], otherwise: Callable[[BaseException], Result]) -> Result:
    """Call and let nothing out, `SystemExit` and `KeyboardInterrupt` included.

    Parameters
    ----------
    function
        What is called.
    otherwise
        Makes the result from what was raised.
    """
    try:
        return function()
    except BaseException as error:  # noqa: BLE001  the one place between Python and what calls it
        return otherwise(error)


def run_guarded(callback: Callable[[], None]) -> None:
    """Call, and log what it raises."""

    def log(error: BaseException) -> None:
        report_incident(getattr(callback, "__qualname__", type(callback).__name__), error)

    attempt(callback, log)


def guarded(callback: Callable[[], None]) -> Callable[..., None]:
    """Make a slot of a callable without arguments; connect the result, and keep it for disconnecting."""

    def slot(*_: object) -> None:
        run_guarded(callback)

    return slot
