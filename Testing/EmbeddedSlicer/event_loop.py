"""The event loop, run as Slicer runs it: with Python's interpreter lock held.

PySide6's `exec()` lets go of the lock, so a Python thread runs while the loop is idle; in Slicer it does not.
Calling the same C++ function through `ctypes.PyDLL`, which keeps the lock, shows the truth.

SIGINT and SIGTERM: Python runs signal handlers between two of its instructions, and there are none while the
loop waits in C++. So the interpreter writes a byte into a socket (`signal.set_wakeup_fd`), whose notifier
enters Python.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from EmbeddedSlicer import startup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(hold_lock: bool) -> int:
    """Run until the application is told to exit; returns the exit code. See `EmbeddedSlicer.run`."""
    application = startup.host.application
    if application is None:
        message = "start the host before running it"
        raise RuntimeError(message)
    startup.finish_startup()
    if application.returnCode() != -1:  # told to exit before the loop began
        startup.shut_down()
        return _end(application, application.returnCode())
    with _signals_end(application), _noticed_errors() as errors:
        code = _loop(hold_lock)()
        failed = bool(errors) and application.testingEnabled()
    return _end(application, 1 if failed and code == 0 else code)


def _end(application: Any, code: int) -> int:
    """Clear the scene, which in Slicer goes with the application object after the loop."""
    views = application.layoutManager()
    if views is not None:
        views.close()
    application.mrmlScene().Clear(1)
    return code


def _loop(hold_lock: bool) -> Callable[[], int]:
    library = _core_library()
    if not hold_lock or library is None:
        loop: Callable[[], int] = startup.host.qt_application.exec
        return loop
    function = ctypes.PyDLL(str(library))._ZN16QCoreApplication4execEv
    function.restype = ctypes.c_int
    held: Callable[[], int] = function
    return held


def _core_library() -> Path | None:
    """Find Qt's core library; the name of the function in it is known for Linux only."""
    import PySide6

    path = Path(PySide6.__file__).parent / "Qt" / "lib" / "libQt6Core.so.6"
    return path if sys.platform.startswith("linux") and path.is_file() else None


@contextmanager
def _signals_end(application: Any) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the loop with code 0 instead of killing the process."""
    import qt

    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    notifier = qt.QSocketNotifier(reader.fileno(), qt.QSocketNotifier.Read)

    def drain(*_: object) -> None:
        reader.recv(4096)  # being in Python is enough: the interpreter now runs the handler

    def end(*_: object) -> None:
        application.exit(0)

    notifier.activated.connect(drain)
    old_descriptor = signal.set_wakeup_fd(writer.fileno())
    old_handlers = [(number, signal.signal(number, end)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in old_handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_descriptor)
        notifier.setEnabled(False)
        reader.close()
        writer.close()


@contextmanager
def _noticed_errors() -> Iterator[list[BaseException]]:
    """Collect exceptions that a slot let through; as in Slicer they fail a run with --testing at its end."""
    errors: list[BaseException] = []
    old_hook = sys.excepthook

    def hook(kind: Any, error: BaseException, trace: Any) -> None:
        errors.append(error)
        old_hook(kind, error, trace)

    sys.excepthook = hook
    try:
        yield errors
    finally:
        sys.excepthook = old_hook
