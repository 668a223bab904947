"""What the bridge needs to run programs beside Slicer: processes and command line modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class RunningProcess(Protocol):
    """A child process."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when it was killed or crashed."""

    @property
    def errors(self) -> str:
        """The last part of what it wrote to standard error (at most 8 KiB)."""

    def kill(self) -> None:
        """End it at once. Safe to repeat."""


class ProcessRunner(Protocol):
    """Child processes (QProcess): they run freely, whatever Slicer does."""

    def run_python(
        self,
        script: str,
        arguments: Sequence[str],
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> RunningProcess:
        """Run a Python script with Slicer's own interpreter (PythonSlicer), with its packages.

        `on_line` gets each line of standard output; `on_end` comes once, after the last line.

        Raises
        ------
        FeatureMissingError
            The interpreter was not found or did not start.
        """


class CliRun(Protocol):
    """One execution of a command line module."""

    @property
    def is_busy(self) -> bool:
        """Whether it goes on."""

    @property
    def has_succeeded(self) -> bool:
        """Whether it ended without errors."""

    @property
    def fraction(self) -> float:
        """How far it is, from 0 to 1."""

    @property
    def output_text(self) -> str:
        """What it printed."""

    @property
    def error_text(self) -> str:
        """What it printed as errors."""

    def close(self) -> None:
        """Cancel it if it goes on, and remove its node. Safe to repeat."""


class CliHost(Protocol):
    """Command line modules (Slicer execution model)."""

    def names(self) -> Sequence[str]:
        """Names of the modules, sorted."""

    def description(self, name: str) -> str:
        """Give the XML by which a module describes itself.

        Raises
        ------
        ArgumentInvalidError
            There is no such command line module.
        FeatureMissingError
            Its program cannot be run to describe itself.
        """

    def start(self, name: str, parameters: Mapping[str, object], on_change: Callable[[], None]) -> CliRun:
        """Run a module with nodes and values as parameters; `on_change` is called when status or progress change."""
