"""Fetch a file from a web server that the person has named, through a child process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import (
    AddressNotAllowedError,
    FileMissingError,
    OperationFailedError,
    StorageFailedError,
)
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.policy.downloads import AddressRefusedError, check_address

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from AgentBridgeLib.dispatch.context import OperationContext, Progress, Suspend

WORKER = Path(__file__).resolve().parent / "workers" / "download.py"
MOST_BYTES = 4 << 30
TIMEOUT_S = 30.0


def fetch(
    context: OperationContext,
    url: str,
    origins: Iterable[str],
    folder: str,
    *,
    name: str = "",
    sha256: str = "",
) -> Generator[Progress | Suspend, None, Path]:
    """Load a file into a folder and give its path; nothing is left there when it fails or is canceled.

    Parameters
    ----------
    url
        Address of the file.
    origins
        Servers that may be asked, also after a redirect; see `policy.downloads`.
    folder
        Where it goes.
    name
        Name of the file; without, the server or the address says it.
    sha256
        Sum that it must have, in hexadecimal.

    Raises
    ------
    AddressNotAllowedError
        Its server, or one that it redirects to, is not in the list.
    FileMissingError
        The server has no such file.
    StorageFailedError
        The disk is full.
    OperationFailedError
        The server cannot be reached, is not trusted, or sends something else.
    """
    servers = tuple(origins)
    try:
        check_address(url, servers)
    except AddressRefusedError as fault:
        raise _refused(str(fault)) from None
    exchange = Path(context.work_folder())
    request = {
        "url": url,
        "origins": servers,
        "folder": folder,
        "name": name,
        "sha256": sha256,
        "most_bytes": min(MOST_BYTES, shutil.disk_usage(folder).free),
        "timeout_s": TIMEOUT_S,
    }
    (exchange / "request.json").write_text(json.dumps(request), encoding="utf-8")
    try:
        yield from run_worker(
            context.host.processes, str(WORKER), [str(exchange / "request.json")], "The download"
        )
    finally:
        for part in Path(folder).glob("*.part"):  # of a child that was killed
            part.unlink(missing_ok=True)
    try:
        result: dict[str, Any] = json.loads((exchange / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise OperationFailedError("The download left no result. Repeat it.") from None
    if "kind" in result:
        raise _failure(result["kind"], result["words"])
    return Path(result["path"])


def _failure(kind: str, words: str) -> Exception:
    if kind == "refused":
        return _refused(words)
    if kind == "missing":
        return FileMissingError(f"Nothing was loaded: {words}.")
    if kind == "storage":
        return StorageFailedError(f"Nothing was loaded: {words}.")
    return OperationFailedError(f"Nothing was loaded: {words}.", facts={"reason": kind})


def _refused(words: str) -> AddressNotAllowedError:
    return AddressNotAllowedError(
        f"Nothing was loaded: {words}. Only the person can add a server, under Safety in the AgentBridge panel."
    )
