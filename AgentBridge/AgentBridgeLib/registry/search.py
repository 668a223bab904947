"""Find operations by the words of a person who knows the task and not the names.

A word counts by where it stands and by how few operations have it. It may stand in another form (*smoothing* finds
*smooth*, *registration* finds *register*). Words that an operation should be found by and that its documentation does
not have are its `keywords`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import BaseModel

    from AgentBridgeLib.registry.operation import Operation

_WORD = re.compile(r"[a-z0-9²³]+")
_SAY_NOTHING = frozenset(
    _WORD.findall(
        "a an and any are as at be but by can could do does for from give have how i in into is it its me my of on or "
        "our out please so some than that the their them then there these this those to two up want we what where "
        "which will with would you your"
    )
)
_IN_NAME = 6.0
_IN_KEYWORDS = 5.0
_IN_SUMMARY = 3.0
_IN_ARGUMENTS = 1.5
_IN_REST = 1.0
_SHORTEST_STEM = 4
_ALIKE = 0.75
_OTHER_FORM = 0.8
_LEAST_OF_BEST = 0.3
_ANY = 1e-9
_SECTION = re.compile(r"\n\n(?:Raises|Notes)\n-+\n")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave.

    Attributes
    ----------
    operations
        Best first; in the order of the catalogue when nothing was asked.
    unknown
        Words of the query that no operation has.
    """

    operations: list[Operation]
    unknown: list[str]


class OperationSearch:
    """Searches operations.

    Parameters
    ----------
    operations
        Where to look.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = list(operations)
        self._places: dict[str, dict[str, float]] = {}
        for operation in self._operations:
            for text, weight in _texts(operation):
                for word in _words(text):
                    holders = self._places.setdefault(word, {})
                    holders[operation.name] = max(holders.get(operation.name, 0.0), weight)

    def find(self, query: str, is_wanted: Callable[[Operation], bool] = lambda _: True) -> Found:
        """Find the operations that fit the words of `query` best; all when it has no words.

        Parameters
        ----------
        query
            Words in any order; those that say nothing, such as *the*, do not count.
        is_wanted
            Leaves operations out.
        """
        words = list(dict.fromkeys(_words(query)))
        wanted = [operation for operation in self._operations if is_wanted(operation)]
        if not words:
            return Found(wanted, [])
        matches = {word: self._weights(word) for word in words}
        scores = [
            (sum(weights.get(operation.name, 0.0) for weights in matches.values()), operation)
            for operation in wanted
        ]
        least = max(_LEAST_OF_BEST * max((score for score, _ in scores), default=0.0), _ANY)
        best = sorted((row for row in scores if row[0] >= least), key=lambda row: row[0], reverse=True)
        return Found([operation for _, operation in best], [word for word in words if not matches[word]])

    def _weights(self, word: str) -> dict[str, float]:
        """Give the operations that have a word, with what it counts in each."""
        places: dict[str, float] = {}
        for known, holders in self._places.items():
            likeness = _likeness(word, known)
            if likeness:
                for name, weight in holders.items():
                    places[name] = max(places.get(name, 0.0), weight * likeness)
        rarity = math.log(1.0 + len(self._operations) / max(len(places), 1))
        return {name: weight * rarity for name, weight in places.items()}


def _texts(operation: Operation) -> Iterator[tuple[str, float]]:
    yield operation.name, _IN_NAME
    yield operation.mark.keywords, _IN_KEYWORDS
    yield operation.summary, _IN_SUMMARY
    yield from ((text, _IN_ARGUMENTS) for text in _argument_texts(operation.arguments))
    yield _SECTION.split(operation.description)[0], _IN_REST


def _argument_texts(model: type[BaseModel]) -> Iterable[str]:
    for name, field in model.model_fields.items():
        yield f"{field.alias or name} {field.description or ''} {_choices(field.annotation)}"


def _choices(annotation: Any) -> str:  # noqa: ANN401 - an annotation has any shape
    """Give the words that an argument may be."""
    inner = getattr(annotation, "__args__", ())
    return " ".join(entry if isinstance(entry, str) else _choices(entry) for entry in inner)


def _words(text: str) -> list[str]:
    words = _WORD.findall(text.lower().replace("_", " "))
    return [_singular(word) for word in words if word not in _SAY_NOTHING]


def _singular(word: str) -> str:
    if len(word) > _SHORTEST_STEM and word.endswith("ies"):
        return f"{word[:-3]}y"
    is_plural = len(word) >= _SHORTEST_STEM and word.endswith("s") and not word.endswith(("ss", "is", "us"))
    return word[:-1] if is_plural else word


def _likeness(word: str, known: str) -> float:
    """Say how far a word is another form of a known one: 1 for the same, 0 for another word."""
    if word == known:
        return 1.0
    if word[:_SHORTEST_STEM] != known[:_SHORTEST_STEM] or len(word) < _SHORTEST_STEM:
        return 0.0
    shorter = min(len(word), len(known))
    common = next((at for at in range(shorter) if word[at] != known[at]), shorter)
    return _OTHER_FORM if common >= max(_SHORTEST_STEM, _ALIKE * shorter) else 0.0
