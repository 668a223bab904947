"""The connections of one door: how many there are, when they have waited long enough, and their end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import ConnectionLimitError
from AgentBridgeLib.transport.connection import Connection

if TYPE_CHECKING:
    import socket

    from AgentBridgeLib.host.ports.loop import ScheduledCall
    from AgentBridgeLib.transport.connection import ConnectionSetting

_MAX_SWEEP_S = 1.0
_RETRY_AFTER_S = 1.0


class ConnectionSet:
    """Takes sockets in, refuses what is too many, sweeps deadlines while there is anything to sweep.

    Parameters
    ----------
    setting
        Shared by all connections.
    """

    def __init__(self, setting: ConnectionSetting) -> None:
        self._setting = setting
        self._served: set[Connection] = set()
        self._refused: set[Connection] = set()
        self._sweep: ScheduledCall | None = None
        self._sweep_s = min(_MAX_SWEEP_S, setting.limits.idle_s / 4)
        self._sweep_due = 0.0

    def __len__(self) -> int:
        return len(self._served)

    def take(self, connection: socket.socket) -> Connection | None:
        """Serve a connected socket, owned from now on.

        Returns
        -------
        Connection | None
            None when there are too many, and the client was told so, or when it has gone.
        """
        limit = self._setting.limits.connections
        is_welcome = len(self._served) < limit
        if not is_welcome and len(self._refused) >= limit:
            connection.close()
            return None
        taken = self._wrap(connection)
        if taken is None:
            return None
        (self._served if is_welcome else self._refused).add(taken)
        self._ensure_sweep()
        if is_welcome:
            return taken
        taken.refuse(
            ConnectionLimitError(f"All {limit} connections are in use.", retry_after_s=_RETRY_AFTER_S)
        )
        return None

    def close_all(self) -> None:
        """Close every connection."""
        for connection in [*self._served, *self._refused]:
            connection.close()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _wrap(self, connection: socket.socket) -> Connection | None:
        with contextlib.ExitStack() as undo:
            undo.callback(connection.close)
            try:
                taken = Connection(connection, self._setting, self._forget)
            except OSError:
                return None  # it was gone before it was looked at
            undo.pop_all()
        return taken

    def _forget(self, connection: Connection) -> None:
        self._served.discard(connection)
        self._refused.discard(connection)

    def _ensure_sweep(self) -> None:
        if self._sweep is None:
            self._sweep_due = self._setting.loop.now() + self._sweep_s
            self._sweep = self._setting.loop.call_later(self._sweep_s, self._on_sweep)

    def _on_sweep(self) -> None:
        self._sweep = None
        now = self._setting.loop.now()
        late_s = now - self._sweep_due
        for connection in [*self._served, *self._refused]:
            if late_s > self._sweep_s:  # Slicer was busy, and requests may wait in the sockets
                connection.postpone_deadline(late_s)
            connection.check_deadline(now)
        if self._served or self._refused:
            self._ensure_sweep()
