"""Sessions of the versions with a handshake: what `initialize` said, and what is open."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.answer import Answer
    from AgentBridgeLib.mcp.vocabulary import Json

MOST_SESSIONS = 256
MOST_STREAMS = 16
"""Of one session, that can be resumed."""


class OpenCall(Protocol):
    """A request whose work goes on."""

    def cancel(self) -> None:
        """Stop and end the open answer without a result."""

    def answered(self, key: str, message: Json) -> None:
        """Take the client's answer to a question."""

    def continue_on(self, answer: Answer, after: int) -> None:
        """Go on over a new connection of the same client, with the events behind number `after`."""


@dataclass(slots=True)
class Session:
    """One client since its handshake.

    Attributes
    ----------
    asked
        Number of a question of ours to the call that waits for its answer and the key it waits under.
    calls
        Number of an open request to its call.
    streams
        Id of a stream that can be resumed to its call; the last ones, ended or not.
    """

    id: str
    version: str
    capabilities: Json
    client: str
    asked: dict[object, tuple[OpenCall, str]] = field(default_factory=dict)
    calls: dict[object, OpenCall] = field(default_factory=dict)
    streams: OrderedDict[str, OpenCall] = field(default_factory=OrderedDict)

    @property
    def has_event_ids(self) -> bool:
        """Whether events carry numbers and streams begin with an empty one (from 2025-11-25 on)."""
        return self.version >= "2025-11-25"

    def keep_stream(self, stream_id: str, call: OpenCall) -> None:
        """Let a stream be resumed (`Last-Event-ID`)."""
        self.streams[stream_id] = call
        while len(self.streams) > MOST_STREAMS:
            self.streams.popitem(last=False)

    def end(self) -> None:
        """Stop everything that is open."""
        for call in list(self.calls.values()):
            call.cancel()


class SessionTable:
    """Sessions by id; the one that was silent for longest goes when there are too many."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, version: str, capabilities: Json, client: str) -> Session:
        """Begin a session."""
        session = Session(secrets.token_hex(16), version, capabilities, client)
        self._sessions[session.id] = session
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)[1].end()
        return session

    def get(self, session_id: str) -> Session | None:
        """Find a session, and note that it is alive."""
        found = self._sessions.get(session_id)
        if found is not None:
            self._sessions.move_to_end(session_id)
        return found

    def close(self, session_id: str) -> bool:
        """End a session; False when there is none."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return False
        session.end()
        return True

    def clear(self) -> None:
        """End all."""
        for session_id in list(self._sessions):
            self.close(session_id)
