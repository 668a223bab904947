"""The safety settings as one frozen value, read from text and never trusted.

Slicer's settings hold text only. A value that cannot be read falls back to the safe default and is reported in
`complaints`; it never opens a door.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from AgentBridgeLib.policy.capabilities import CAPABILITIES, MODES, Mode
from AgentBridgeLib.policy.downloads import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Value = TypeVar("Value")
IdentifierPolicy = Literal["hide", "pseudonymize", "show"]
IDENTIFIER_POLICIES: tuple[IdentifierPolicy, ...] = ("hide", "pseudonymize", "show")

MODE_PREFIX = "capabilities/"
FOLDERS_KEY = "allowed_folders"
IDENTIFIERS_KEY = "patient_identifiers"
ORIGINS_KEY = "allowed_origins"
GUARD_KEY = "guard_web_server"
WEB_SERVER_KEY = "answer_on_web_server"
QUERY_TOKEN_KEY = "token_in_query"  # noqa: S105 - the name of the setting
PATIENT_GUARD_KEY = "guard_patients"
REMOTE_NODES_KEY = "dicom_nodes"
DOWNLOADS_KEY = "download_servers"

_NODE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_NODE_URL = re.compile(r"https?://[^\s@]+")
_AUTHENTICATION = frozenset({"none", "basic", "bearer"})

KEYS: tuple[str, ...] = (
    *(MODE_PREFIX + name for name in CAPABILITIES),
    FOLDERS_KEY,
    IDENTIFIERS_KEY,
    ORIGINS_KEY,
    GUARD_KEY,
    WEB_SERVER_KEY,
    QUERY_TOKEN_KEY,
    PATIENT_GUARD_KEY,
    REMOTE_NODES_KEY,
    DOWNLOADS_KEY,
)
"""Every key that the safety settings are read from, under ``AgentBridge/``."""


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """A DICOMweb server that calls may name. Clients give the name, never an address.

    Attributes
    ----------
    url
        Base URL of the service.
    auth, user, secret
        How it is entered: ``none``, ``basic`` or ``bearer``.
    """

    name: str
    url: str
    auth: str = "none"
    user: str = ""
    secret: str = field(default="", repr=False)
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """What the person in front of Slicer has decided.

    Attributes
    ----------
    modes
        Capability to mode, complete.
    allowed_folders
        Absolute folders that files may be read from and written to.
    identifiers
        What happens to patient identifiers in everything that leaves.
    allowed_origins
        Web pages that may call (``https://host:port``).
    guards_web_server
        Whether the dangerous requests of Slicer's own web API are subject to these settings.
    answers_on_web_server
        Whether the bridge also answers on Slicer's own web server, under ``/agent``.
    takes_token_from_query
        Whether the plain door accepts the token in the address of a GET.
    guards_patients
        Whether a call that combines nodes of different patients needs the approval of the person.
    remote_nodes
        The servers that calls under ``network`` may name.
    download_servers
        Origins of web servers that files may be loaded from; see `policy.downloads`.
    complaints
        What could not be read, in words for the panel.
    """

    modes: Mapping[str, Mode]
    allowed_folders: tuple[str, ...] = ()
    identifiers: IdentifierPolicy = "hide"
    allowed_origins: tuple[str, ...] = ()
    guards_web_server: bool = True
    answers_on_web_server: bool = True
    takes_token_from_query: bool = False
    guards_patients: bool = True
    remote_nodes: tuple[RemoteNode, ...] = ()
    download_servers: tuple[str, ...] = ()
    complaints: tuple[str, ...] = field(default=(), compare=False)

    def mode(self, capability: str) -> Mode:
        """Mode of a capability; an unknown one is denied."""
        return self.modes.get(capability, "deny")


def parse_settings(
    texts: Mapping[str, str | None],
    default_folders: tuple[str, ...] = (),
    grants: Mapping[str, Mode] | None = None,
) -> SafetySettings:
    """Read the settings from their texts.

    Parameters
    ----------
    texts
        Key (of `KEYS`) to stored text; None or missing means never set.
    default_folders
        Allowed folders while the person has not chosen any.
    grants
        Modes given on the command line for this run; they win over stored ones.
    """
    reader = _Reader(texts)
    modes = {name: reader.read(MODE_PREFIX + name, _mode, row.default) for name, row in CAPABILITIES.items()}
    modes.update(grants or {})
    return SafetySettings(
        modes=MappingProxyType(modes),
        allowed_folders=reader.read(FOLDERS_KEY, _texts, default_folders),
        identifiers=reader.read(IDENTIFIERS_KEY, _identifiers, "hide"),
        allowed_origins=reader.read(ORIGINS_KEY, _texts, ()),
        guards_web_server=reader.read(GUARD_KEY, _boolean, True),
        answers_on_web_server=reader.read(WEB_SERVER_KEY, _boolean, True),
        takes_token_from_query=reader.read(QUERY_TOKEN_KEY, _boolean, False),
        guards_patients=reader.read(PATIENT_GUARD_KEY, _boolean, True),
        remote_nodes=reader.read(REMOTE_NODES_KEY, _remote_nodes, ()),
        download_servers=reader.read(DOWNLOADS_KEY, _origins, ()),
        complaints=tuple(reader.complaints),
    )


def parse_grant(text: str) -> tuple[str, Mode]:
    """Read ``capability=mode`` of the start command.

    Raises
    ------
    ValueError
        The capability or the mode does not exist; the message lists those that do.
    """
    name, _, mode = text.partition("=")
    if name not in CAPABILITIES:
        raise ValueError(f"'{name}' is no capability; there are: {', '.join(CAPABILITIES)}")
    if mode not in MODES:
        raise ValueError(f"'{mode}' is no mode for {name}; there are: {', '.join(MODES)}")
    return name, mode


class _Reader:
    """Reads values and notes what was unreadable."""

    def __init__(self, texts: Mapping[str, str | None]) -> None:
        self._texts = texts
        self.complaints: list[str] = []

    def read(self, key: str, parse: Callable[[str], Value], default: Value) -> Value:
        text = self._texts.get(key)
        if text is None:
            return default
        try:
            return parse(text)
        except (ValueError, TypeError):
            self.complaints.append(
                f"The setting AgentBridge/{key} is unreadable; its safe default is used instead."
            )
            return default


def _mode(text: str) -> Mode:
    if text not in MODES:
        raise ValueError(text)
    return text


def _identifiers(text: str) -> IdentifierPolicy:
    if text not in IDENTIFIER_POLICIES:
        raise ValueError(text)
    return text


def _texts(text: str) -> tuple[str, ...]:
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError(text)
    return tuple(value)


def _origins(text: str) -> tuple[str, ...]:
    return tuple(origin_of(entry) for entry in _texts(text))


def _remote_nodes(text: str) -> tuple[RemoteNode, ...]:
    value = json.loads(text)
    if not isinstance(value, list):
        raise TypeError(text)
    nodes = tuple(_remote_node(entry) for entry in value)
    if len({node.name for node in nodes}) != len(nodes):
        raise ValueError(text)
    return nodes


def _remote_node(value: object) -> RemoteNode:
    if not isinstance(value, dict):
        raise TypeError(value)
    node = RemoteNode(**value)
    if not all(isinstance(text, str) for text in (node.name, node.url, node.auth, node.user, node.secret)):
        raise TypeError(value)
    if (
        not (_NODE_NAME.fullmatch(node.name) and _NODE_URL.fullmatch(node.url))
        or node.auth not in _AUTHENTICATION
    ):
        raise ValueError(value)
    return node


def write_remote_nodes(nodes: Iterable[RemoteNode]) -> str:
    """Give the text that is stored for remote nodes."""
    return json.dumps([asdict(node) for node in nodes], ensure_ascii=False)


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"
