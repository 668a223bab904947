"""What was done in this session, so that the person can have it as a script. In memory only."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import Bytes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from pydantic import BaseModel

_NODE_ID = re.compile(r"vtkMRML\w+")
_ID_MEMBER = re.compile(r"(?:.*_)?ids?")
_LARGEST_RESULT_BYTES = 256 << 10
_SLICE_BYTES = 4 << 20
HASHED_BYTES = 64 << 20
"""How much of what a client sent is hashed: all of it would take longer than to receive it."""

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SentBytes:
    """By what bytes that came with a call are known again. They themselves are not kept: they may be a patient's.

    Attributes
    ----------
    sha256
        Of the first `HASHED_BYTES`, in hexadecimal digits.
    """

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Step:
    """One call that succeeded.

    Attributes
    ----------
    arguments
        Validated; what is the default is left out, bytes too.
    sent
        By what the binary body is known again; None without one.
    checkpoint_id
        The checkpoint that was made by itself before it; None without one.
    made
        Ids in the result (of nodes, segments, checkpoints), by their place in it.
    """

    operation: str
    arguments: Mapping[str, Any]
    is_read_only: bool
    sent: SentBytes | None = None
    checkpoint_id: str | None = None
    made: Mapping[str, Place] = field(default_factory=dict)


class Journal:
    """The last steps."""

    def __init__(self, size: int = 2000) -> None:
        self._steps: deque[Step] = deque(maxlen=size)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Oldest first."""
        return tuple(self._steps)

    def note(
        self,
        operation: str,
        arguments: BaseModel,
        payload: bytes | Content,
        *,
        is_read_only: bool,
        sent: SentBytes | None = None,
        checkpoint_id: str | None = None,
    ) -> None:
        """Keep one call; `sent` stands for the bytes in its arguments, `checkpoint_id` for what was made for it."""
        excluded = {"content"} if sent is not None else None
        plain = arguments.model_dump(mode="json", exclude=excluded, exclude_defaults=True)
        made = {} if is_read_only else _ids_in_result(payload)
        self._steps.append(Step(operation, plain, is_read_only, sent, checkpoint_id, made))


def recognize(arguments: BaseModel) -> Generator[None, None, SentBytes | None]:
    """Find out by what the bytes of a call are known again, in steps of some milliseconds; before it changes them."""
    content = getattr(arguments, "content", None)
    if not isinstance(content, Bytes):
        return None
    total, head = hashlib.sha256(), content.view[:HASHED_BYTES]
    for begin in range(0, len(head), _SLICE_BYTES):
        total.update(head[begin : begin + _SLICE_BYTES])
        yield
    return SentBytes(len(content.view), total.hexdigest())


def recognize_at_once(arguments: BaseModel) -> SentBytes | None:
    """Do as `recognize`, in one step; for calls that are done in one."""
    steps = recognize(arguments)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        found: SentBytes | None = end.value
        return found


def ids_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:  # noqa: ANN401
    """Find ids by the members that hold them (`id`, `node_id`, `segment_ids`); those of nodes under any member.

    Parameters
    ----------
    value
        JSON.
    place
        Where the value itself is.

    Yields
    ------
    tuple
        Member names and indices that lead to the id, and the id.
    """
    if isinstance(value, str):
        members = (part for part in place[-2:] if isinstance(part, str))
        if _NODE_ID.fullmatch(value) or any(_ID_MEMBER.fullmatch(member) for member in members):
            yield place, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from ids_in(entry, (*place, key))
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from ids_in(entry, (*place, index))


def _ids_in_result(payload: bytes | Content) -> dict[str, Place]:
    if isinstance(payload, Content) or len(payload) > _LARGEST_RESULT_BYTES:
        return {}
    found: dict[str, Place] = {}
    for place, text in ids_in(json.loads(payload)):
        found.setdefault(text, place)
    return found
