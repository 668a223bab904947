"""Pages of a list that may change between two requests.

A cursor says after which item to go on, and for which list. It is opaque: clients send it back unchanged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class PageBounds:
    """Which part of a list one page is.

    Attributes
    ----------
    start, stop
        Half-open range of positions in the list.
    next_cursor
        What to ask with for the next page; None on the last.
    """

    start: int
    stop: int
    next_cursor: str | None


def page_bounds(
    count: int, key_at: Callable[[int], str], *, limit: int, cursor: str | None, question: str
) -> PageBounds:
    """Find the page that `cursor` asks for.

    Goes on after the last item of the page before, even if earlier items came or went meanwhile. If that very item
    is gone, it goes on at its former position.

    Parameters
    ----------
    count
        How many items the list has now.
    key_at
        Gives the stable id of the item at a position.
    limit
        How many items at the most.
    cursor
        From the page before; None for the first.
    question
        Text that is the same for all pages of one list: its name and its filters.

    Raises
    ------
    ArgumentInvalidError
        The cursor was not made by this list, or was made with other filters.
    """
    start = 0 if cursor is None else _position_after(count, key_at, cursor, question)
    stop = min(start + limit, count)
    return PageBounds(start, stop, _make(key_at(stop - 1), stop, question) if 0 < stop < count else None)


def _make(last_key: str, position: int, question: str) -> str:
    text = json.dumps([position, _digest(last_key), _digest(question)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position_after(count: int, key_at: Callable[[int], str], cursor: str, question: str) -> int:
    position, key_digest, question_digest = _read(cursor)
    if question_digest != _digest(question):
        raise _refusal("belongs to another list or to other filters")
    if position <= count and _digest(key_at(position - 1)) == key_digest:
        return position
    found = (at + 1 for at in range(count) if _digest(key_at(at)) == key_digest)
    return next(found, min(position, count))


def _read(cursor: str) -> tuple[int, str, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position, key_digest, question_digest = json.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _refusal("is none that this list gave") from None
    if (
        type(position) is not int
        or position < 1
        or type(key_digest) is not str
        or type(question_digest) is not str
    ):
        raise _refusal("is none that this list gave")
    return position, key_digest, question_digest


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _refusal(problem: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`cursor` {problem}. Ask without it for the first page.",
        errors=[FieldProblem("/cursor", problem, "`next_cursor` of the page before, unchanged")],
    )
