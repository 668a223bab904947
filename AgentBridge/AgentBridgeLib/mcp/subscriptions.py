"""`subscriptions/listen` of 2026-07-28: one open stream per client that wants to hear of changed lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp import messages
from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.vocabulary import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    LIST_NOTICES,
    META_SUBSCRIPTION,
    Json,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.host.ports.loop import EventLoop, ScheduledCall
    from AgentBridgeLib.mcp.answer import Answer
    from AgentBridgeLib.model.exchange import Exchange

MOST_LISTENERS = 16
KEEP_ALIVE_S = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class _Listener:
    answer: Answer
    number: object
    wanted: Json


class Subscriptions:
    """Who listens, and for what.

    Parameters
    ----------
    on_beat
        Called with every sign of life, while somebody listens.
    """

    def __init__(self, loop: EventLoop, on_beat: Callable[[], None]) -> None:
        self._loop = loop
        self._on_beat = on_beat
        self._listeners: list[_Listener] = []
        self._beat: ScheduledCall | None = None

    def listen(self, exchange: Exchange, answer: Answer, number: object, params: Json) -> None:
        """Open a stream: first what is honored of the wish, then events until the client goes.

        Raises
        ------
        RpcError
            The wish is no object, or too many listen already.
        """
        wish = params.get("notifications") or {}
        if not isinstance(wish, dict):
            raise RpcError(INVALID_PARAMS, "'notifications' must be an object.")
        if len(self._listeners) >= MOST_LISTENERS:
            raise RpcError(INTERNAL_ERROR, f"{MOST_LISTENERS} clients listen already. Close one of them.")
        honored = {name: True for name in LIST_NOTICES if wish.get(name) is True}
        listener = _Listener(answer, number, honored)
        self._listeners.append(listener)
        exchange.on_disconnect(lambda: self._drop(listener))
        params = {"_meta": {META_SUBSCRIPTION: number}, "notifications": honored}
        answer.send(messages.notification("notifications/subscriptions/acknowledged", params))
        if self._beat is None:
            self._beat = self._loop.call_later(KEEP_ALIVE_S, self._keep_alive)

    def tell(self, kind: str) -> None:
        """Tell everyone who wants to know that a list has changed."""
        for listener in list(self._listeners):
            if listener.wanted.get(kind):
                params = {"_meta": {META_SUBSCRIPTION: listener.number}}
                listener.answer.send(messages.notification(LIST_NOTICES[kind], params))

    def close(self, last: Json) -> None:
        """End all streams with a result."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.answer.finish(messages.result(listener.number, last))
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _drop(self, listener: _Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _keep_alive(self) -> None:
        self._beat = None
        for listener in list(self._listeners):
            listener.answer.write(b": still here\n\n")
        if self._listeners:
            self._on_beat()
            self._beat = self._loop.call_later(KEEP_ALIVE_S, self._keep_alive)
