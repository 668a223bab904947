"""Who is at the other end of connections that Slicer's server accepted. It listens on every interface."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

UNKNOWN_PEER = "0.0.0.0"  # noqa: S104  an address that is nobody's, so it is never taken for this computer
_LOOPBACK = "127.0.0.1"


def peer_host(connection: socket.socket) -> str:
    """Give the address at the other end; `UNKNOWN_PEER` when it has gone."""
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return UNKNOWN_PEER


def is_local(host: str) -> bool:
    """Say whether an address is this computer's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def common_peer_host(server: object) -> str:
    """Give an address for a request whose connection Slicer does not show.

    A handler cannot know which of the server's open connections it answers. When all of them come from this computer,
    so does the request; otherwise one that does not is given.
    """
    communicators = getattr(server, "requestCommunicators", None) or {}
    hosts = {_host_of(one) for one in communicators.values()} - {None}
    foreign = [host for host in hosts if host is not None and not is_local(host)]
    if foreign:
        return foreign[0]
    return _LOOPBACK if hosts else UNKNOWN_PEER


def _host_of(communicator: object) -> str | None:
    """Give the other end of one of Slicer's connections; None when it is closed or its client has gone."""
    connection = getattr(communicator, "connectionSocket", None)
    if connection is None:
        return UNKNOWN_PEER
    if connection.fileno() < 0:
        return None
    host = peer_host(connection)
    return None if host == UNKNOWN_PEER else host
