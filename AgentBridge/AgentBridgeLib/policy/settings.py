"""The safety settings as one frozen value, read from text and never trusted.

Slicer's settings hold text only. A value that cannot be read counts as the safe one, and is reported in
`complaints`. Safe is not always the default: it may have been written to close what is open by default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from AgentBridgeLib.policy.capabilities import CAPABILITIES, MODES, Mode
from AgentBridgeLib.policy.dicom_network import (
    ListenerPermission,
    RemoteNode,
    read_listener,
    read_remote_nodes,
)
from AgentBridgeLib.policy.setting_texts import (
    SettingError,
    boolean,
    choice,
    families,
    folders,
    pages,
    servers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
LISTENER_KEY = "dicom_listener"
TOOLSETS_KEY = "mcp/toolsets"
FORMS_KEY = "mcp/approve_by_form"
START_KEY = "start_with_slicer"

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
    LISTENER_KEY,
    TOOLSETS_KEY,
    FORMS_KEY,
    START_KEY,
)
"""Every key of the bridge in Slicer's settings, under ``AgentBridge/``."""


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
    dicom_listener
        That Slicer's DICOM listener may be started; None as long as the person has not allowed it.
    toolsets
        Families of operations (``segmentations``) whose tools are all listed, besides those of everyday work.
    approves_by_form
        Whether an approval may also be given in the agent's own program (elicitation). A client may answer such
        forms without showing them, so this is off until the person switches it on.
    starts_with_slicer
        Whether the bridge is started when Slicer is.
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
    dicom_listener: ListenerPermission | None = None
    toolsets: tuple[str, ...] = ()
    approves_by_form: bool = False
    starts_with_slicer: bool = False
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
    modes = {
        name: reader.read(MODE_PREFIX + name, _mode, row.default, row.when_unreadable)
        for name, row in CAPABILITIES.items()
    }
    modes.update(grants or {})
    return SafetySettings(
        modes=MappingProxyType(modes),
        allowed_folders=reader.read(FOLDERS_KEY, folders, default_folders, ()),
        identifiers=reader.read(IDENTIFIERS_KEY, _identifiers, "hide", "hide"),
        allowed_origins=reader.read(ORIGINS_KEY, pages, (), ()),
        guards_web_server=reader.read(GUARD_KEY, boolean, True, True),
        answers_on_web_server=reader.read(WEB_SERVER_KEY, boolean, True, False),
        takes_token_from_query=reader.read(QUERY_TOKEN_KEY, boolean, False, False),
        guards_patients=reader.read(PATIENT_GUARD_KEY, boolean, True, True),
        remote_nodes=reader.read(REMOTE_NODES_KEY, read_remote_nodes, (), ()),
        download_servers=reader.read(DOWNLOADS_KEY, servers, (), ()),
        dicom_listener=reader.read(LISTENER_KEY, read_listener, None, None),
        toolsets=reader.read(TOOLSETS_KEY, families, (), ()),
        approves_by_form=reader.read(FORMS_KEY, boolean, False, False),
        starts_with_slicer=reader.read(START_KEY, boolean, False, False),
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

    def read(self, key: str, parse: Callable[[str], Value], default: Value, safe: Value) -> Value:
        """Give the value; `default` when it was never set, `safe` when it cannot be read."""
        text = self._texts.get(key)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as fault:
            why = f" ({fault})" if isinstance(fault, SettingError) else ""
            self.complaints.append(
                f"The setting AgentBridge/{key} is unreadable{why}; the safe value is used instead."
            )
            return safe


def _mode(text: str) -> Mode:
    return choice(text, MODES)


def _identifiers(text: str) -> IdentifierPolicy:
    return choice(text, IDENTIFIER_POLICIES)
