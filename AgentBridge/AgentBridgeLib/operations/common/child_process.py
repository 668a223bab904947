"""Wait for a child process inside an operation, with its progress, and never leave it behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import OperationFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from AgentBridgeLib.host.ports.programs import ProcessRunner

_PROGRESS = re.compile(r"<filter-progress>([0-9.]+)</filter-progress>")


def run_worker(
    processes: ProcessRunner, script: str, arguments: Sequence[str], purpose: str
) -> Generator[Progress | Suspend, None, None]:
    """Run a Python script as a child and wait for its end. If the caller is closed meanwhile, the child is killed.

    Parameters
    ----------
    processes
        Starts it.
    script, arguments
        What to run.
    purpose
        What it does, for progress and errors: ``The median filter``.

    Raises
    ------
    OperationFailedError
        The child ended with an error or was killed from outside.
    FeatureMissingError
        It could not be started.
    """
    watch = _Watch()
    child = processes.run_python(script, list(arguments), watch.on_line, watch.on_end)
    try:
        while not watch.has_ended:
            yield Suspend(watch.arm)
            yield Progress(watch.fraction, f"{purpose} works in a process of its own")
    finally:
        child.kill()
    if child.exit_code != 0:
        how = (
            "was killed or crashed"
            if (child.exit_code or 0) < 0
            else f"ended with exit code {child.exit_code}"
        )
        raise OperationFailedError(
            f"{purpose} {how}; the scene is as it was. If memory was short, close other data or use a smaller volume, "
            "then repeat. GET /agent/v1/log may say more.",
            facts={"exit_code": child.exit_code},
        )


class _Watch:
    """What the child has said so far, and whom to wake when it says more."""

    def __init__(self) -> None:
        self.fraction: float | None = None
        self.has_ended = False
        self._has_news = False
        self._wake: Callable[[], None] | None = None

    def arm(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        if self._has_news:
            self._tell()

    def on_line(self, line: str) -> None:
        found = _PROGRESS.search(line)
        if found:
            self.fraction = min(1.0, float(found.group(1)))
            self._tell()

    def on_end(self) -> None:
        self.has_ended = True
        self._tell()

    def _tell(self) -> None:
        self._has_news = True
        wake, self._wake = self._wake, None
        if wake is not None:
            self._has_news = False
            wake()
