"""What was done in this session, so that the person can have it as a script. In memory only."""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.fields import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

_NODE_ID = re.compile(r"vtkMRML\w+")
_LARGEST_RESULT_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Step:
    """One call that succeeded.

    Attributes
    ----------
    arguments
        Validated; what is the default is left out, bytes too.
    sent_bytes
        Length of the binary body; None without one.
    made
        Ids of nodes in the result, by their place in it.
    """

    operation: str
    arguments: Mapping[str, Any]
    is_read_only: bool
    sent_bytes: int | None = None
    made: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)


class Journal:
    """The last steps."""

    def __init__(self, size: int = 2000) -> None:
        self._steps: deque[Step] = deque(maxlen=size)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Oldest first."""
        return tuple(self._steps)

    def note(
        self, operation: str, arguments: BaseModel, payload: bytes | Content, *, is_read_only: bool
    ) -> None:
        """Keep one call."""
        content = getattr(arguments, "content", None)
        sent = len(content.view) if isinstance(content, Bytes) else None
        excluded = {"content"} if sent is not None else None
        plain = arguments.model_dump(mode="json", exclude=excluded, exclude_defaults=True)
        made = {} if is_read_only else _node_ids(payload)
        self._steps.append(Step(operation, plain, is_read_only, sent, made))


def _node_ids(payload: bytes | Content) -> dict[str, tuple[str | int, ...]]:
    if isinstance(payload, Content) or len(payload) > _LARGEST_RESULT_BYTES:
        return {}
    found: dict[str, tuple[str | int, ...]] = {}
    for place, text in _texts(json.loads(payload), ()):
        if _NODE_ID.fullmatch(text):
            found.setdefault(text, place)
    return found


def _texts(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:  # noqa: ANN401
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, (*place, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*place, index))
