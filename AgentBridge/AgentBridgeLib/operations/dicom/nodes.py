"""Remote DICOMweb nodes: named by the person in the settings, spoken to by a child process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FieldProblem,
    FileMissingError,
    OperationFailedError,
    StorageFailedError,
)
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.policy.dicom_network import read_remote_nodes
from AgentBridgeLib.policy.setting_texts import SettingError
from AgentBridgeLib.policy.settings import REMOTE_NODES_KEY as SETTING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext, Progress, Suspend
    from AgentBridgeLib.policy.dicom_network import RemoteNode

WORKER = Path(__file__).parent / "workers" / "dicomweb.py"


def known_nodes(context: OperationContext) -> Sequence[RemoteNode]:
    """Read the nodes of the settings.

    Raises
    ------
    OperationFailedError
        The setting is unreadable.
    """
    text = context.host.settings.read(SETTING)
    if not text:
        return ()
    try:
        return read_remote_nodes(text)
    except SettingError as fault:
        raise OperationFailedError(
            f"The setting AgentBridge/{SETTING} cannot be read: {fault}. The person has to correct it; docs/dicom.md "
            "shows its form."
        ) from None


def find_node(context: OperationContext, name: str, pointer: str) -> RemoteNode:
    """Find a node by its name.

    Raises
    ------
    ArgumentInvalidError
        The person has named no such node.
    """
    nodes = known_nodes(context)
    found = next((node for node in nodes if node.name == name), None)
    if found is None:
        names = ", ".join(node.name for node in nodes) or "none"
        raise ArgumentInvalidError(
            f"There is no remote node '{name}'; the settings name: {names}. Only the person can add one.",
            errors=[FieldProblem(pointer, "is no node of the settings", names)],
        )
    return found


def speak(
    context: OperationContext, node: RemoteNode, request: dict[str, Any], purpose: str
) -> Generator[Progress | Suspend, None, dict[str, Any]]:
    """Let the child process do what `request` says, and give its result.

    The secret goes through a file that only this account can read, never through the command line.

    Raises
    ------
    OperationFailedError
        The node cannot be reached, refuses, or answers what cannot be used; `facts["reason"]` says which.
    FileMissingError
        The node does not have it.
    """
    folder = Path(context.work_folder())
    path = folder / "request.json"
    whole = {
        **request,
        "url": node.url,
        "user": node.user if node.auth == "basic" else "",
        "secret": node.secret if node.auth != "none" else "",
        "timeout_s": node.timeout_s,
    }
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(whole, file)
    except OSError as fault:
        raise StorageFailedError(f"The exchange file could not be written: {fault.strerror}.") from None
    try:
        yield from run_worker(context.host.processes, str(WORKER), [str(path)], purpose)
        result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise OperationFailedError(f"{purpose} left no result. Repeat it.") from None
    finally:
        path.unlink(missing_ok=True)
    if result.get("error") == "not_found":
        raise FileMissingError(f"The node {node.name} does not have this.")
    if "error" in result:
        raise failure(node, result["error"], result["words"])
    return result


def failure(node: RemoteNode, kind: str, words: str) -> OperationFailedError:
    """Make the error for a node that did not do what was asked."""
    return OperationFailedError(
        f"The DICOM node {node.name} failed: {words}.", facts={"node": node.name, "reason": kind}
    )
