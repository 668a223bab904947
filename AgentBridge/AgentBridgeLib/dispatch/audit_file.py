"""The audit log on disk: append-only JSON lines in a chain of digests.

* One file per run, ``audit-<start>-<process>.jsonl``, mode 0600; a file that has grown large is continued by another.
* Every line carries the digest of the line before and its own, SHA-256 over its canonical JSON without ``digest``. A
  line that was changed, removed or put between others shows, and a file of the run that is gone. Lines cut off at the
  end show as long as the run lasts. A chain that somebody with this account computes anew does not: the log is
  evidence of mistakes, not a seal against its owner.
* A disk that is full costs the log, never the call; the panel says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATTERN = "audit-*.jsonl"
FIRST = "0" * 64
"""What the first line names as its predecessor."""


class AuditFile:
    """Where the entries of this run go. The file is made with the first entry.

    Parameters
    ----------
    folder
        Private folder of the log.
    largest_bytes
        Size at which a file is continued by the next one.
    most_files
        How many files are kept, the oldest are removed.
    """

    def __init__(self, folder: str, largest_bytes: int = 4 << 20, most_files: int = 20) -> None:
        self._folder = Path(folder)
        self._largest_bytes = largest_bytes
        self._most_files = most_files
        self._prefix = f"audit-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
        self._descriptor: int | None = None
        self._size = self._files = 0
        self._previous = FIRST
        self.problem = ""
        self.path: Path | None = None

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one line; what goes wrong is kept in `problem`."""
        canonical = _canonical({**entry, "previous": self._previous})
        digest = hashlib.sha256(canonical).hexdigest()
        try:
            self._write(b'%s,"digest":"%s"}\n' % (canonical[:-1], digest.encode()))
        except OSError as error:
            self.problem = f"The audit log could not be written: {error.strerror or error}."
            return
        self._previous, self.problem = digest, ""

    def check(self) -> list[str]:
        """Check all files of this run, to the last line written; gives what is wrong, in words."""
        if self.path is None:
            return []
        faults: list[str] = []
        expected: str | None = None
        paths = sorted(self._folder.glob(f"{self._prefix}-*.jsonl"))
        if len(paths) < min(self._files, self._most_files):
            faults.append("a file of this run is gone")
        for path in paths:
            expected = FIRST if path.stem.endswith("-001") else expected
            found, expected = _follow(path, expected)
            if os.name == "posix" and path.stat().st_mode & 0o077:
                found.append("others on this computer may read it")
            faults += [f"{path.name}: {fault}" for fault in found]
        if not faults and expected != self._previous:
            faults.append(f"{self.path.name}: lines at the end were removed")
        return faults

    def close(self) -> None:
        """End the file. Safe to repeat; an entry after it begins another file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, line: bytes) -> None:
        if self._descriptor is None or self._size >= self._largest_bytes:
            self._begin()
        assert self._descriptor is not None
        written = os.write(self._descriptor, line)
        self._size += written
        if written != len(line):
            self.close()  # a line that was cut by a full disk ends its file
            raise OSError(28, "the disk is full")

    def _begin(self) -> None:
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._files += 1
        path = self._folder / f"{self._prefix}-{self._files:03d}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size, self.path = 0, path
        for old in sorted(self._folder.glob(PATTERN))[: -self._most_files]:
            old.unlink(missing_ok=True)


def verify(path: Path) -> list[str]:
    """Check the chain of one file; gives what is wrong, in words, at most one entry per line."""
    return _follow(path, None)[0]


def _follow(path: Path, expected: str | None) -> tuple[list[str], str | None]:
    """Walk along the chain of one file from the digest before it (None: unknown); gives faults and its end."""
    faults: list[str] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        entry = _read(line)
        if entry is None:
            faults.append(f"line {number} is unreadable")
            expected = None
            continue
        said = entry.pop("digest", None)
        if said != _digest(entry):
            faults.append(f"line {number} was changed")
        elif expected is not None and entry.get("previous") != expected:
            faults.append(f"before line {number} something was removed, changed or put in")
        expected = said
    return faults, expected


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def files(folder: str) -> Iterator[Path]:
    """Walk over the files of the log, oldest first."""
    yield from sorted(Path(folder).glob(PATTERN))


def process_of(path: Path) -> int:
    """Give the id of the process that wrote a file; 0 for a name that does not tell."""
    parts = path.stem.split("-")
    return int(parts[2]) if len(parts) == 4 and parts[2].isdecimal() else 0


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def _canonical(entry: Mapping[str, Any]) -> bytes:
    return _encode(dict(entry)).encode("utf-8", "replace")


def _digest(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(entry)).hexdigest()
