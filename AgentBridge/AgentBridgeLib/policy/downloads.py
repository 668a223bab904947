"""From which web servers files may be loaded: pure rules over the list in the settings.

An entry is the origin of one server (``https://data.example``, ``http://10.0.0.5:8042``), or ``https://*``: any server
of the public internet. A server that the person named may lie anywhere, in the hospital's network too; through
``https://*`` neither this computer nor a private network can be reached, whatever a name resolves to.

The child process that downloads uses this module too, so it needs the standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY_PUBLIC = "https://*"
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_SAFE = "/%:@!$&'()*+,;=~-._?"


class AddressRefusedError(ValueError):
    """Nothing may be loaded from this address; the text says why, for the client."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address that may be asked.

    Attributes
    ----------
    scheme, host, port
        Of the server; the host in lower case.
    target
        Path and query as they are sent.
    must_be_public
        Whether only addresses of the public internet will do: the server was not named itself.
    """

    scheme: str
    host: str
    port: int
    target: str
    must_be_public: bool

    @property
    def origin(self) -> str:
        """Scheme, host, and port unless it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def origin_of(text: str) -> str:
    """Give an entry of the list in its one form.

    Raises
    ------
    AddressRefusedError
        It is neither the origin of a web server nor ``https://*``.
    """
    if text.strip().rstrip("/") == ANY_PUBLIC:
        return ANY_PUBLIC
    address = _split(text.strip())
    if address.target != "/":
        raise AddressRefusedError("an entry is an origin such as https://data.example, without path")
    return address.origin


def check_address(url: str, origins: Iterable[str]) -> WebAddress:
    """Read an address and prove that its server is one of the list.

    Parameters
    ----------
    url
        As the client, or a redirect, gave it.
    origins
        Entries as `origin_of` gives them.

    Raises
    ------
    AddressRefusedError
        It is no web address, or its server is not in the list.
    """
    address = _split(url)
    listed = set(origins)
    if address.origin in listed:
        return address
    if ANY_PUBLIC in listed and address.scheme == "https":
        return WebAddress(address.scheme, address.host, address.port, address.target, must_be_public=True)
    raise AddressRefusedError(
        f"{address.origin} is none of the servers that files may come from "
        f"({', '.join(sorted(listed)) or 'none is named'})"
    )


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the public internet; translated ones count as what they lead to."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if inner is None and parsed in ipaddress.ip_network("64:ff9b::/96"):
        inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
    plain = inner or parsed
    return plain.is_global and not plain.is_multicast


def _split(url: str) -> WebAddress:
    if len(url) > 8192 or any(ord(character) < 33 or ord(character) == 127 for character in url):
        raise AddressRefusedError("it has spaces or control characters, or is longer than 8192 characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefusedError("it is no address") from None
    if parts.scheme not in _PORTS:
        raise AddressRefusedError("only https:// and http:// addresses can be loaded")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise AddressRefusedError("it must not hold a name or password")
    host = (parts.hostname or "").lower().rstrip(".")
    if not _HOST.fullmatch(host):
        raise AddressRefusedError("it has no server")
    target = quote(parts.path or "/", safe=_SAFE) + (
        f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    )
    return WebAddress(parts.scheme, host, port or _PORTS[parts.scheme], target, must_be_public=False)
