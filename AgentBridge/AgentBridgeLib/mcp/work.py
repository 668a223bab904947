"""What answers a request: a result at once, or a generator that says what it waits for.

A generator runs on Slicer's one thread. It yields steps; whoever drives it (`running.py` for an open request,
`tasks.py` for a task) carries them out and sends the outcome back in. Closing it is the cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from AgentBridgeLib.mcp.vocabulary import TASKS_EXTENSION, Json

Wake = Callable[[Any], None]
Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on when something happens.

    `start` is called with a function; calling that function sends its argument into the generator, now or in a
    later turn of the event loop. What `start` returns is called when nobody waits any more; None when there
    is nothing to do.
    """

    start: Callable[[Wake], Undo | None]


@dataclass(frozen=True, slots=True)
class Progress:
    """Tell how far it is; dropped when the client did not ask for it."""

    done: float
    total: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """Tell something at a level of syslog (RFC 5424)."""

    level: str
    data: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the client (elicitation, sampling, roots): key to request. The answers come back under the same keys.

    `unless` is started like `Wait.start`: when it wakes first the questions are withdrawn, and no answers come back.
    """

    requests: Mapping[str, Json]
    unless: Callable[[Wake], Undo | None] | None = None


@dataclass(frozen=True, slots=True)
class CloseStream:
    """End the open stream; the client comes back with `Last-Event-ID`."""


Step = Wait | Progress | Log | Ask | CloseStream
Work = Generator[Step, Any, Json]
"""Ends with the `result` member of the answer."""


class InputRequiredError(Exception):
    """2026-07-28: the client has to repeat the call with answers.

    Parameters
    ----------
    requests
        Key to request.
    state
        What the next call needs to know; it travels signed through the client.
    """

    def __init__(self, requests: Mapping[str, Json], state: object = None) -> None:
        super().__init__("input required")
        self.requests = dict(requests)
        self.state = state


class WorkCanceledError(Exception):
    """The work was ended by somebody; a task says so, an open call becomes an error of the tool."""


@dataclass(slots=True)
class Request:
    """What a method may know about the request it serves.

    Attributes
    ----------
    is_modern
        2026-07-28, else a version with a handshake.
    capabilities
        What the client declared.
    client
        Name that the client gives itself.
    door
        How the request came in.
    progress_token
        None when the client wants no progress.
    log_level
        None when the client wants no log messages.
    responses
        2026-07-28: answers to what an earlier call asked; None in a first call.
    state
        2026-07-28: what that call wanted to know again, verified.
    is_task
        Whether the work runs as a task, so that no request waits for it.
    request_id
        Of the HTTP request, for audit and errors; empty where there is none.
    """

    is_modern: bool
    capabilities: Json
    client: str = "unnamed client"
    door: str = "listener"
    progress_token: str | int | float | None = None
    log_level: str | None = None
    responses: Json | None = None
    state: Any = None
    is_task: bool = False
    request_id: str = ""
    number: object = field(default=None)

    @property
    def has_tasks(self) -> bool:
        """Whether the client declares the tasks extension, with this very request."""
        extensions = self.capabilities.get("extensions")
        return self.is_modern and isinstance(extensions, dict) and TASKS_EXTENSION in extensions

    @property
    def has_elicitation(self) -> bool:
        """Whether the person can be asked by a form in the client."""
        declared = self.capabilities.get("elicitation")
        return isinstance(declared, dict) and (not declared or "form" in declared)


def text_result(text: str, **more: object) -> Json:
    """Give a result of one text."""
    return {"content": [{"type": "text", "text": text}], **more}
