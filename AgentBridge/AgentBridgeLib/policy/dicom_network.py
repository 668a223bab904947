"""What the person has decided about DICOM over the network: which servers are named, and whether others may send."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Literal, get_args

from AgentBridgeLib.policy.setting_texts import SettingError, choice, from_json, number, words

if TYPE_CHECKING:
    from collections.abc import Iterable

Authentication = Literal["none", "basic", "bearer"]
LONGEST_TIMEOUT_S = 600
TAKEN_NAME = "local"
"""Means Slicer's own DICOM database wherever a node may be named."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_URL = re.compile(r"https?://[^\s@]+")


@dataclass(frozen=True, slots=True)
class RemoteNode:
    """A DICOMweb server that calls may name. Clients give the name, never an address.

    Attributes
    ----------
    url
        Base URL of the service.
    auth, user, secret
        How it is entered.
    timeout_s
        How long to wait for an answer, 0.1 to 600.
    """

    name: str
    url: str
    auth: Authentication = "none"
    user: str = ""
    secret: str = field(default="", repr=False)
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class ListenerPermission:
    """That Slicer's DICOM listener may be started.

    Attributes
    ----------
    port
        Where it listens; None takes the port of Slicer's DICOM module.
    """

    port: int | None = None


def read_remote_nodes(text: str) -> tuple[RemoteNode, ...]:
    """Read the named servers from a JSON list of objects.

    Raises
    ------
    SettingError
        One of them makes no sense, or two have the same name.
    """
    value = from_json(text)
    if not isinstance(value, list):
        raise SettingError("it must be a list of servers")
    nodes = tuple(_remote_node(entry) for entry in value)
    if len({node.name for node in nodes}) != len(nodes):
        raise SettingError("two servers have the same name")
    return nodes


def write_remote_nodes(nodes: Iterable[RemoteNode]) -> str:
    """Give the text that is stored for named servers."""
    return json.dumps([asdict(node) for node in nodes], ensure_ascii=False)


def read_listener(text: str) -> ListenerPermission:
    """Read the permission to listen: ``{"port": 11112}``, or ``{}`` for the port of Slicer's DICOM module.

    Raises
    ------
    SettingError
        It is something else.
    """
    value = from_json(text)
    if not isinstance(value, dict) or not set(value) <= {"port"}:
        raise SettingError('it must be written like {"port": 11112}')
    port = value.get("port")
    if port is None:
        return ListenerPermission()
    if not isinstance(port, int):
        raise SettingError("port must be a whole number")
    return ListenerPermission(int(number(port, "port", 1, 65535)))


def write_listener(permission: ListenerPermission) -> str:
    """Give the text that is stored for the permission to listen."""
    return json.dumps({} if permission.port is None else {"port": permission.port})


def _remote_node(value: object) -> RemoteNode:
    known = {one.name for one in fields(RemoteNode)}
    if not isinstance(value, dict) or not {"name", "url"} <= set(value) <= known:
        raise SettingError(f"each server must have name and url, and may have {', '.join(sorted(known))}")
    node = RemoteNode(
        words(value["name"], "a server's name", 100),
        words(value["url"], "a server's url", 2000),
        choice(words(value.get("auth", "none"), "auth", 100), get_args(Authentication)),
        words(value.get("user", ""), "user", 200),
        words(value.get("secret", ""), "secret", 8000),
        number(value.get("timeout_s", 30.0), "timeout_s", 0.1, LONGEST_TIMEOUT_S),
    )
    if not _NAME.fullmatch(node.name) or node.name == TAKEN_NAME:
        raise SettingError("a server's name must be of letters, digits, dots and dashes, and not local")
    if not _URL.fullmatch(node.url):
        raise SettingError(f"the url of {node.name} must begin with https:// or http:// and hold no user")
    return node
