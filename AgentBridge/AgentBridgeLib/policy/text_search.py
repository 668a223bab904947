"""One regular expression for thousands of texts, as a tree of their beginnings.

A plain alternation tries every text at every place. In the tree texts share their beginnings, so that nearly every
place is left after one letter: the time to search does not grow with the number of texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Tree = dict[str, "Tree"]
END = ""
"""Stands in a tree where a text ends."""

_LONGEST_SHORT = 4
_LETTER = r"[^\W\d_]"
_BEGIN = rf"(?:(?<!{_LETTER})|(?-i:(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])))"
_END = rf"(?:(?!{_LETTER})|(?-i:(?<=[a-z])(?=[A-Z])))"

_DEEPEST = 40
"""Below so many branchings the rest is written as a plain alternation: `re` nests no deeper than Python's stack."""


def pattern_of(texts: Iterable[str], kept: str = "") -> re.Pattern[str] | None:
    """Make a pattern that finds any of the texts, in any case, the longest one at each place; None without texts.

    A text of digits is found only where no further digit touches it, a word of up to four letters only where it is no
    part of another; a capital after a small letter begins a word. What fits the expression `kept` is found as a whole,
    as the group of that name, whatever is in it.
    """
    numbers: Tree = {}
    words: Tree = {}
    others: Tree = {}
    for text in texts:
        _insert(numbers if text.isdigit() else words if _is_short_word(text) else others, text)
    branches = []
    if others:
        branches.append(_expression(others))
    if words:
        branches.append(f"{_BEGIN}(?:{_expression(words)}){_END}")
    if numbers:
        branches.append(rf"(?<!\d)(?:{_expression(numbers)})(?!\d)")
    return (
        re.compile("|".join([f"(?P<kept>{kept})"] * bool(kept) + branches), re.IGNORECASE)
        if branches
        else None
    )


def _is_short_word(text: str) -> bool:
    """Whether a text is a word of few letters, of a script that has small and capital ones."""
    return len(text) <= _LONGEST_SHORT and text.isalpha() and text.upper() != text.lower()


def _insert(tree: Tree, text: str) -> None:
    for letter in text:
        tree = tree.setdefault(letter, {})
    tree[END] = {}


def _expression(tree: Tree, depth: int = 0) -> str:
    """Write a tree as an expression that prefers longer texts."""
    if depth >= _DEEPEST:
        endings = sorted(_endings(tree), key=len, reverse=True)
        return f"(?:{'|'.join(re.escape(ending) for ending in endings)})"
    branches = [_branch(letter, below, depth) for letter, below in sorted(tree.items()) if letter != END]
    inner = branches[0] if len(branches) == 1 and END not in tree else f"(?:{'|'.join(branches)})"
    return f"{inner}?" if END in tree else inner


def _branch(letter: str, below: Tree, depth: int) -> str:
    """Write one branch; what does not fork is one literal."""
    literal = letter
    while len(below) == 1 and END not in below:
        ((further, below),) = below.items()
        literal += further
    return re.escape(literal) + (_expression(below, depth + 1) if len(below) > (END in below) else "")


def _endings(tree: Tree) -> list[str]:
    """Give every text of a tree."""
    found, open_places = [], [("", tree)]
    while open_places:
        text, place = open_places.pop()
        found += [text] if END in place else []
        open_places += [(text + letter, below) for letter, below in place.items() if letter != END]
    return found
