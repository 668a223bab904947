"""Who may come in: decided on the head of a request alone, before its body is read.

Order: address of the peer, Host, Origin, token. The right token always passes; only wrong ones are slowed down, so
nobody can lock the owner out.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from AgentBridgeLib.errors import (
    AuthRequiredError,
    AuthThrottledError,
    HostRejectedError,
    OriginRejectedError,
    PeerRejectedError,
)
from AgentBridgeLib.routing.authority import own_authority

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from AgentBridgeLib.model.exchange import RequestHead

_USUAL_PEER = "127.0.0.1"
_FAILURES = 10
_WINDOW_S = 60.0


class Gate:
    """Checks peers, hosts, origins and tokens.

    Parameters
    ----------
    token
        Gives the token in force.
    allowed_origins
        Gives the origins of web pages that may call.
    now
        Monotonic seconds.
    """

    def __init__(
        self,
        token: Callable[[], str],
        allowed_origins: Callable[[], Collection[str]],
        now: Callable[[], float],
    ) -> None:
        self._token = token
        self._allowed_origins = allowed_origins
        self._now = now
        self._failures: deque[float] = deque(maxlen=_FAILURES)
        self.failure_count = 0

    def check_peer(self, head: RequestHead) -> None:
        """Refuse other computers.

        Raises
        ------
        PeerRejectedError
            The connection does not come from this computer.
        """
        if head.peer_host != _USUAL_PEER and not ipaddress.ip_address(head.peer_host).is_loopback:
            raise PeerRejectedError(
                "Only programs on this computer may connect. Use a tunnel (SSH) from elsewhere."
            )

    def check_host(self, head: RequestHead) -> None:
        """Refuse names that are not this computer's: a web page may have been re-bound to our address.

        The name is what protects. Clients that leave the port out (dicomweb-client does) are let in; a wrong port
        belongs to somebody else's page.

        Raises
        ------
        HostRejectedError
            The Host header is not a loopback name, or has another port than ours.
        """
        if own_authority(head) is None:
            raise HostRejectedError(
                f"The Host header must be 127.0.0.1:{head.local_port} or localhost:{head.local_port}."
            )

    def listed_origin(self, head: RequestHead) -> str:
        """Give the web page's origin if it is on the allow-list; an empty text for all others and for none."""
        origin = head.headers.get("origin", "")
        is_listed = origin in self._allowed_origins() and urlsplit(origin).scheme.startswith("http")
        return origin if is_listed else ""

    def check_origin(self, head: RequestHead) -> None:
        """Refuse foreign web pages; our own and those on the allow-list may call.

        Raises
        ------
        OriginRejectedError
            The page's origin is not on the allow-list.
        """
        origin = head.headers.get("origin", "")
        if origin and origin != f"http://{own_authority(head)}" and not self.listed_origin(head):
            raise OriginRejectedError(
                "Web pages of this origin may not call. The person can list it under Safety in the AgentBridge panel."
            )

    def check_token(self, presented: str | None) -> None:
        """Compare a token in constant time.

        Raises
        ------
        AuthRequiredError
            It is missing or wrong.
        AuthThrottledError
            It is wrong, and many were wrong within the last minute.
        """
        if presented is not None and hmac.compare_digest(presented.encode(), self._token().encode()):
            return
        now = self._now()
        is_flood = len(self._failures) == _FAILURES and now - self._failures[0] < _WINDOW_S
        self._failures.append(now)
        self.failure_count += 1
        if is_flood:
            raise AuthThrottledError(
                "Too many requests with a missing or wrong token. Wait, and use the token from the AgentBridge "
                "panel or the instance file.",
                retry_after_s=_WINDOW_S - (now - self._failures[0]),
            )
        raise AuthRequiredError(
            "Send the header 'Authorization: Bearer TOKEN' with the token from the AgentBridge panel or the "
            "instance file."
        )


def bearer_token(head: RequestHead) -> str | None:
    """Read the token of the Authorization header (RFC 6750, 2.1); None when there is none."""
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
