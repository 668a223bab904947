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
_ID_MEMBER = re.compile(r"(?:.*_)?ids?")
_LARGEST_RESULT_BYTES = 256 << 10


Place = tuple[str | int, ...]


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
        Ids in the result (of nodes, segments, checkpoints), by their place in it.
    """

    operation: str
    arguments: Mapping[str, Any]
    is_read_only: bool
    sent_bytes: int | None = None
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
        self, operation: str, arguments: BaseModel, payload: bytes | Content, *, is_read_only: bool
    ) -> None:
        """Keep one call."""
        content = getattr(arguments, "content", None)
        sent = len(content.view) if isinstance(content, Bytes) else None
        excluded = {"content"} if sent is not None else None
        plain = arguments.model_dump(mode="json", exclude=excluded, exclude_defaults=True)
        made = {} if is_read_only else _ids_in_result(payload)
        self._steps.append(Step(operation, plain, is_read_only, sent, made))


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
