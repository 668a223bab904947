"""Same key, same call, same answer: a client that lost an answer may ask again without doing the work twice."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.call import Done, Failed
from AgentBridgeLib.errors import IdempotencyConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.call import Outcome

KEPT_S = 24 * 3600.0
_MOST = 2000
_LARGEST_BYTES = 1024 * 1024


@dataclass(slots=True)
class _Entry:
    digest: str
    at: float
    outcome: Outcome | None = None
    waiting: list[Callable[[Outcome], None]] = field(default_factory=list)


class IdempotencyTable:
    """Answers by client and key, for 24 hours.

    Failures are not kept: nothing happened, so trying again is right.

    Parameters
    ----------
    now
        Seconds since 1970.
    identifiers
        Gives the policy for identifiers.
    """

    def __init__(self, now: Callable[[], float], identifiers: Callable[[], str]) -> None:
        self._now = now
        self._identifiers = identifiers
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()

    def claim(
        self, client: str, key: str, digest: str, answer: Callable[[Outcome], None]
    ) -> Callable[[Outcome], None] | None:
        """Claim a key for a call.

        Returns
        -------
        callable or None
            What to answer through when the call is new; None when it was answered, or will be, from the first one.

        Raises
        ------
        IdempotencyConflictError
            The key was used for another call, or its answer was made under another policy for identifiers.
        """
        self._forget_old()
        entry = self._entries.get((client, key))
        if entry is None:
            return self._begin((client, key), digest, answer)
        if entry.digest != digest:
            raise IdempotencyConflictError(
                f"The Idempotency-Key '{key}' was used for another request in the last 24 hours. Use a new key for a "
                "new request; this one was not executed."
            )
        if isinstance(entry.outcome, Done) and entry.outcome.identifiers not in {"", self._identifiers()}:
            raise IdempotencyConflictError(
                f"The request with the Idempotency-Key '{key}' was executed, but patient identifiers were treated "
                "otherwise then, so its answer is not given again. Read the scene to see what it did."
            )
        if entry.outcome is not None:
            answer(entry.outcome)
        else:
            entry.waiting.append(answer)
        return None

    def _begin(
        self, name: tuple[str, str], digest: str, answer: Callable[[Outcome], None]
    ) -> Callable[[Outcome], None]:
        entry = self._entries[name] = _Entry(digest, self._now())

        def finish(outcome: Outcome) -> None:
            if isinstance(outcome, Failed) or (isinstance(outcome, Done) and outcome.size > _LARGEST_BYTES):
                self._drop(name, entry)
            else:
                entry.outcome = outcome
            answer(outcome)
            for other in entry.waiting:
                other(outcome)
            entry.waiting.clear()

        return finish

    def _drop(self, name: tuple[str, str], entry: _Entry) -> None:
        if self._entries.get(name) is entry:
            del self._entries[name]

    def _forget_old(self) -> None:
        limit = self._now() - KEPT_S
        while self._entries:
            name, entry = next(iter(self._entries.items()))
            if entry.at > limit and len(self._entries) <= _MOST:
                return
            del self._entries[name]
