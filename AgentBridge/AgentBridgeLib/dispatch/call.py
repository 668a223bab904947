"""A call on its way in, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.content import Content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from AgentBridgeLib.dispatch.context import Caller
    from AgentBridgeLib.errors import BridgeError
    from AgentBridgeLib.model.envelopes import JobView

DEFAULT_WAIT_S = 20.0
"""How long a call may wait for its turn, and a short job for its end, when the client does not say."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What the client wishes (RFC 7240, RFC 9110 section 13, and the idempotency key).

    Attributes
    ----------
    respond_async
        Answer with a job at once.
    wait_s
        Answer within so many seconds, else with a job; None when not said.
    if_match, if_none_match
        Entity tags as they came; empty when not said.
    idempotency_key
        Same key and same call give the same answer; empty when not said.
    """

    respond_async: bool = False
    wait_s: float | None = None
    if_match: str = ""
    if_none_match: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one operation.

    Attributes
    ----------
    arguments
        As they came, not yet validated.
    is_lax
        Whether values came as text (a query string) and may be converted.
    """

    operation: str
    arguments: Mapping[str, Any]
    caller: Caller
    preference: Preference = field(default_factory=Preference)
    is_lax: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The operation ran.

    Attributes
    ----------
    payload
        JSON text in UTF-8 with the identifier policy applied, or `Content`.
    revision
        Scene revision that the answer holds for; None when it is not about the scene.
    etag
        Entity tag; empty when the answer must not be cached.
    status
        HTTP status that the operation declares for success.
    undo_problem
        Why scene.undo cannot take it back; empty when it can, or when nothing was changed.
    identifiers
        Policy by which identifiers were covered in it; who keeps it must not give it under another one. Empty where
        there are none.
    """

    payload: bytes | Content
    revision: int | None = None
    etag: str = ""
    status: int = 200
    undo_problem: str = ""
    identifiers: str = ""

    @property
    def size(self) -> int:
        """Length of the payload in bytes."""
        return self.payload.length if isinstance(self.payload, Content) else len(self.payload)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call has become a job that has not ended yet."""

    job: JobView


@dataclass(frozen=True, slots=True)
class NotModified:
    """The client has this answer already."""

    etag: str
    revision: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The call was refused or went wrong."""

    error: BridgeError
    operation: str = ""


Outcome = Done | Accepted | NotModified | Failed
