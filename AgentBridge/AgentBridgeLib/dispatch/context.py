"""What an operation gets to work with, and what a stepped one may yield."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.dispatch.checkpoints import Checkpoints
    from AgentBridgeLib.host.ports.host import Host
    from AgentBridgeLib.policy.settings import SafetySettings
    from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms
    from AgentBridgeLib.registry.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Progress:
    """Yielded by a stepped operation: how far it is.

    Attributes
    ----------
    fraction
        From 0 to 1; None when it cannot be told.
    message
        What is going on, for a person; no identifiers.
    """

    fraction: float | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Suspend:
    """Yielded by an operation that has nothing to do until something happens.

    `arm` is called once with a function; calling that function (once or more) lets the generator go on in a later
    turn of the event loop.
    """

    arm: Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class WaitForUser:
    """Yielded by a stepped operation that needs the person: it goes on when they press Done in the panel.

    `prompt` says what they are asked to do.
    """

    prompt: str


PANEL_DOOR = "panel"
"""Calls of the person: no socket leads here."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    client
        Name that the client gives itself (`User-Agent` or MCP client info), at most 100 characters.
    request_id
        The request's id.
    door
        ``listener``, ``webserver``, ``webserver_plain`` or ``panel``.
    accept
        Media types that the client accepts, as its header says; empty when it does not say.
    base_url
        Address of the API as the client knows it, for links; empty where there is none.
    """

    client: str
    request_id: str
    door: str
    accept: str = ""
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """Handed to every operation.

    Arguments are validated, the policy has agreed, paths are resolved and inside the allowed folders. An
    operation raises a `BridgeError` leaf for what the caller can understand; anything else is our fault.

    Attributes
    ----------
    host
        Slicer, through its ports.
    caller
        Who asks.
    job_id
        Job that this call runs as; None when it runs inline.
    settings
        The safety settings as they were when the call was decided.
    catalog
        All operations, for those that describe the bridge itself.
    checkpoints
        States of the scene to go back to; None only where a test has no use for them.
    uids
        Gives UIDs in binary answers their pseudonyms; None where the policy gives them none. Dispatch covers JSON.
    cover
        Applies the identifier policy to a text, for what is drawn. Dispatch covers what is written.
    work_folder
        Makes (once per call) a private folder for exchange files, removed when the call ends.
    """

    host: Host
    caller: Caller
    job_id: str | None
    settings: SafetySettings
    catalog: Catalog
    operation_name: str
    started_at: str
    work_folder: Callable[[], str]
    checkpoints: Checkpoints | None = None
    uids: UidPseudonyms | None = None
    cover: Callable[[str], str] = str

    def mark_made(self, nodes: Sequence[Any]) -> None:
        """Write provenance into the attributes of nodes that this call made or changed in substance."""
        for node in nodes:
            node.SetAttribute("AgentBridge.operation", self.operation_name)
            node.SetAttribute("AgentBridge.client", self.caller.client)
            node.SetAttribute("AgentBridge.time", self.started_at)
            if self.job_id:
                node.SetAttribute("AgentBridge.job", self.job_id)
