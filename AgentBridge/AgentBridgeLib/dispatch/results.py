"""Results of jobs until they are dropped: small ones in memory, large ones in files of the bridge's own folder."""

from __future__ import annotations

import mmap
import os
import pathlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import JobExpiredError, StorageFailedError
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.file_ranges import FileRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.call import Done

IN_MEMORY_BYTES = 64 << 10


class ResultStore:
    """Answers by job.

    Parameters
    ----------
    folder
        Gives the private folder for large results; asked when the first one comes.
    """

    def __init__(self, folder: Callable[[], str]) -> None:
        self._folder = folder
        self._answers: dict[str, Done] = {}
        self._files: dict[str, pathlib.Path] = {}

    def put(self, job_id: str, done: Done) -> None:
        """Keep an answer as it is now: views of voxels are copied, since the voxels may change.

        Raises
        ------
        StorageFailedError
            A large result could not be written.
        """
        if isinstance(done.payload, Content) and not _cannot_change(done.payload):
            done = replace(done, payload=self._fix(job_id, done.payload))
        self._answers[job_id] = done

    def delivered(self, job_id: str) -> None:
        """Forget a large answer that the client has got without asking for the job."""
        done = self._answers.get(job_id)
        if done is not None and isinstance(done.payload, Content) and done.payload.length > IN_MEMORY_BYTES:
            self.drop(job_id)

    def settle(self, job_id: str) -> None:
        """Move a large answer out of memory, unless it was delivered meanwhile; without disk space it stays there."""
        done = self._answers.get(job_id)
        if done is not None and isinstance(done.payload, Content) and job_id not in self._files:
            with suppress(StorageFailedError):
                self._answers[job_id] = replace(done, payload=self._fix(job_id, done.payload))

    def get(self, job_id: str) -> Done:
        """Give the answer.

        Raises
        ------
        JobExpiredError
            It was dropped.
        """
        if job_id not in self._answers:
            raise JobExpiredError(f"The result of job '{job_id}' is no longer kept. Run it again if needed.")
        return self._answers[job_id]

    def drop(self, job_id: str) -> None:
        """Forget an answer and its file. Safe to repeat."""
        self._answers.pop(job_id, None)
        path = self._files.pop(job_id, None)
        if path is not None:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Forget everything."""
        for job_id in list(self._answers):
            self.drop(job_id)

    def _fix(self, job_id: str, content: Content) -> Content:
        if content.length <= IN_MEMORY_BYTES:
            return replace(content, parts=[bytes(part) for part in content.parts])
        path = pathlib.Path(self._folder()) / f"result-{job_id}"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w+b") as file:
                for part in content.parts:
                    file.writelines(part.blocks() if isinstance(part, FileRange) else (part,))
                file.flush()
                view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as fault:
            path.unlink(missing_ok=True)
            raise StorageFailedError(
                f"The result ({content.length} bytes) could not be kept: {fault.strerror}. Free disk space and repeat."
            ) from None
        self._files[job_id] = path
        return replace(content, parts=[view])


def _cannot_change(content: Content) -> bool:
    """Whether all parts are bytes, views of bytes, or in files that nobody changes."""
    return all(
        isinstance(part.obj if isinstance(part, memoryview) else part, (bytes, FileRange))
        for part in content.parts
    )
