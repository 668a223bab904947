"""What became of the jobs of other runs, read from the audit log when somebody asks for one.

Jobs live in memory. After a crash a client still holds their ids; the log knows which of them were accepted and which
of those had ended, so the client learns whether its work is lost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch import audit_file
from AgentBridgeLib.errors import BridgeError, JobExpiredError, JobLostError, JobUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOST_FILES = 5
"""How many files are looked through, newest first; each has at most some megabytes."""


class EarlierRuns:
    """The audit log of all runs.

    Parameters
    ----------
    folder
        Where the files of the log lie.
    is_alive
        Whether the process with an id runs.
    """

    def __init__(self, folder: str, is_alive: Callable[[int], bool]) -> None:
        self._folder = folder
        self._is_alive = is_alive

    def fate(self, job_id: str) -> BridgeError | None:
        """Tell why a job that this run does not know cannot be given; None if no run knows it."""
        for path in reversed(list(audit_file.files(self._folder))[-MOST_FILES:]):
            entries = list(_lines_of(path, job_id))
            if entries:
                return self._tell(job_id, entries[-1], audit_file.process_of(path))
        return None

    def _tell(self, job_id: str, entry: dict[str, Any], process_id: int) -> BridgeError:
        what, when = f"The job '{job_id}' ({entry.get('operation')})", entry.get("time")
        if entry.get("outcome") != "accepted":
            return JobExpiredError(
                f"{what} ended {when} with '{entry.get('outcome')}', in another run of Slicer; its result is not kept "
                "here. Run it again if needed."
            )
        if self._is_alive(process_id):
            return JobUnknownError(
                f"{what} belongs to another Slicer that runs, process {process_id}. Ask that one."
            )
        return JobLostError(
            f"{what}, accepted {when}, had not ended when its Slicer did: its work is lost. Look at the scene, and "
            "run it again if needed."
        )


def _lines_of(path: Path, job_id: str) -> Iterator[dict[str, Any]]:
    """Give what a file says of a job, in order."""
    wanted = job_id.encode("utf-8", "surrogatepass")
    try:
        lines = path.read_bytes().splitlines()
    except OSError:  # removed meanwhile by another run
        return
    for line in lines:
        entry = _read(line) if wanted in line else {}
        if entry.get("job_id") == job_id:
            yield entry


def _read(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:  # the last line of a run that was cut short
        return {}
    return entry if isinstance(entry, dict) else {}
