"""Child processes: they run freely, whatever holds Slicer's main thread, and talk in lines.

`QProcess.finished` has one or two arguments depending on the Qt version, so slots take none and read the process.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import qt
import slicer

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.host.qtcompat import guarded, run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_LINE_BYTES = 256 * 1024
MOST_ERROR_BYTES = 8 * 1024
START_TIMEOUT_MS = 10_000
END_TIMEOUT_MS = 2_000

_PYTHON_NAME = re.compile(r"python(slicer)?[0-9.]*w?(\.exe)?", re.IGNORECASE)


class LineSplitter:
    """Makes lines of bytes that come in pieces.

    A line longer than 256 KiB is cut there and its rest dropped: a child must not fill Slicer's memory.
    """

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """Take a piece; give the lines it completes, without their ends."""
        *whole, rest = data.split(b"\n")
        lines = []
        for piece in whole:
            self._append(piece)
            lines.append(self._finish_line())
        self._append(rest)
        return lines

    def finish(self) -> list[str]:
        """Give what stands behind the last line end, if anything."""
        return [self._finish_line()] if self._rest else []

    def _append(self, piece: bytes) -> None:
        room = MOST_LINE_BYTES - len(self._rest)
        self._rest += piece[:room]

    def _finish_line(self) -> str:
        line = self._rest.decode("utf-8", errors="replace").removesuffix("\r")
        self._rest.clear()
        return line


class ChildProcess:
    """One running child; implements `ports.RunningProcess`.

    Parameters
    ----------
    on_line, on_end
        See `ports.ProcessRunner.run_python`.
    on_gone
        Called after `on_end`, so that the runner lets go.
    """

    def __init__(
        self,
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
        on_gone: Callable[[ChildProcess], None],
    ) -> None:
        self._on_line = on_line
        self._on_end = on_end
        self._on_gone = on_gone
        self._lines = LineSplitter()
        self._errors = bytearray()
        self._exit_code: int | None = None
        self._process = qt.QProcess()
        self._process.readyReadStandardOutput.connect(guarded(self._on_output))
        self._process.readyReadStandardError.connect(guarded(self._on_error_output))
        self._process.finished.connect(guarded(self._on_finished))

    def start(self, program: str, arguments: list[str]) -> bool:
        """Start it and wait until it runs; says whether it does."""
        self._process.start(program, arguments)
        if not self._process.waitForStarted(START_TIMEOUT_MS):
            self._process.deleteLater()
            return False
        self._process.closeWriteChannel()
        return True

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when it was killed or crashed."""
        return self._exit_code

    @property
    def errors(self) -> str:
        """The last part of what it wrote to standard error (at most 8 KiB)."""
        return self._errors.decode("utf-8", errors="replace")

    def kill(self) -> None:
        """End it at once. Safe to repeat."""
        if self._exit_code is None:
            self._process.kill()

    def kill_and_wait(self) -> None:
        """End it at once and wait until it is gone, at shutdown."""
        self.kill()
        if self._exit_code is None:
            self._process.waitForFinished(END_TIMEOUT_MS)

    def _on_output(self) -> None:
        self._deliver(self._lines.feed(self._process.readAllStandardOutput().data()))

    def _on_error_output(self) -> None:
        self._errors += self._process.readAllStandardError().data()
        del self._errors[:-MOST_ERROR_BYTES]

    def _deliver(self, lines: list[str]) -> None:
        for line in lines:
            run_guarded(partial(self._on_line, line))

    def _on_finished(self) -> None:
        if self._exit_code is not None:
            return
        code = int(self._process.exitCode())
        crashed = self._process.exitStatus() == qt.QProcess.CrashExit
        self._on_error_output()
        self._on_output()
        self._deliver(self._lines.finish())
        self._exit_code = -(abs(code) or 1) if crashed else code
        self._process.deleteLater()
        run_guarded(self._on_end)
        self._on_gone(self)


class SlicerProcesses:
    """Starts children with Slicer's own Python; implements `ports.ProcessRunner`."""

    def __init__(self) -> None:
        self._running: list[ChildProcess] = []

    def run_python(
        self,
        script: str,
        arguments: Sequence[str],
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> ChildProcess:
        """Run a Python script with Slicer's own interpreter, with its packages.

        The child's standard input is closed, its output unbuffered UTF-8.

        Parameters
        ----------
        script
            Path of the script.
        arguments
            Passed to it as they are.
        on_line
            Gets each line of standard output.
        on_end
            Comes once, after the last line.

        Raises
        ------
        FeatureMissingError
            The interpreter was not found or did not start.
        """
        program = find_python()
        child = ChildProcess(on_line, on_end, self._running.remove)
        self._running.append(child)
        # -X utf8 and -u instead of environment variables: the child's own children keep Slicer's environment.
        if not child.start(program, ["-u", "-X", "utf8", str(script), *map(str, arguments)]):
            self._running.remove(child)
            raise FeatureMissingError(f"Python did not start: {program}. Check Slicer's installation.")
        return child

    def close(self) -> None:
        """End all children."""
        for child in tuple(self._running):
            child.kill_and_wait()


def find_python() -> str:
    """Find the interpreter for child processes.

    Inside Slicer `sys.executable` is empty or the application itself; its launcher puts PythonSlicer on the path
    (`slicer.util.executePythonModule` relies on that), and it lies in ``bin`` of the installation.

    Raises
    ------
    FeatureMissingError
        There is none.
    """
    if sys.executable and _PYTHON_NAME.fullmatch(Path(sys.executable).name):
        return sys.executable
    found = shutil.which("PythonSlicer")
    if found:
        return found
    name = "PythonSlicer.exe" if os.name == "nt" else "PythonSlicer"
    beside = Path(str(slicer.app.slicerHome)) / "bin" / name
    if beside.is_file():
        return str(beside)
    raise FeatureMissingError("PythonSlicer was not found on the path or in Slicer's bin folder.")
