"""`requestState`: what a call wants to know again when the client repeats it.

It travels through the client, so it comes back as hostile input: signed with a key of this process, bound to the
call it was made for, short-lived. What may happen only once is refused a second time by whoever acts on it: an
approval that was decided is no longer there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.vocabulary import INVALID_PARAMS, Json

if TYPE_CHECKING:
    from collections.abc import Callable

LIFETIME_S = 600.0


class StateSeal:
    """Signs and verifies.

    Parameters
    ----------
    now
        Monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)

    def sign(self, state: object, subject: str) -> str:
        """Make the text that the client gives back; `subject` is what it is bound to."""
        content = json.dumps([state, subject, self._now() + LIFETIME_S], separators=(",", ":"))
        body = base64.urlsafe_b64encode(content.encode())
        return f"{body.decode()}.{self._mac(body)}"

    def verify(self, text: object, subject: str) -> object:
        """Give the state back.

        Raises
        ------
        RpcError
            It was changed, made for another call, or is too old.
        """
        body, _, mac = text.rpartition(".") if isinstance(text, str) else ("", "", "")
        if not hmac.compare_digest(mac.encode(), self._mac(body.encode()).encode()):
            raise RpcError(INVALID_PARAMS, "requestState was changed, or was not made by this server.")
        state, bound_to, expires = json.loads(base64.urlsafe_b64decode(body))
        if bound_to != subject:
            raise RpcError(INVALID_PARAMS, "requestState was made for another call.")
        if expires < self._now():
            raise RpcError(INVALID_PARAMS, "requestState is too old. Repeat the call without it.")
        return state

    def _mac(self, body: bytes) -> str:
        return hmac.new(self._key, body, hashlib.sha256).hexdigest()


def subject(method: str, params: Json, client: str) -> str:
    """Tell what a state is bound to: who asks, the method, what it is about, a digest of its arguments."""
    arguments = json.dumps(params.get("arguments") or {}, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(arguments.encode("utf-8", "replace")).hexdigest()
    return json.dumps([client, method, params.get("name") or params.get("uri"), digest])
