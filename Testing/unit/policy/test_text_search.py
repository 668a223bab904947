"""Many texts are found by one expression, exactly as each by itself would be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from AgentBridgeLib.policy.text_search import pattern_of

WORDS = some.lists(some.text("ab12.^ ", min_size=1, max_size=6), min_size=1, max_size=12)


def found_one_by_one(texts, place):
    """Where the longest of the texts stands, from left to right, each tried at each place."""
    spans, at = [], 0
    while at < len(place):
        fitting = [text for text in texts if place.lower().startswith(text, at) and is_free(text, place, at)]
        longest = max(map(len, fitting), default=0)
        spans += [(at, at + longest)] if longest else []
        at += longest or 1
    return spans


def is_free(text, place, at):
    """Digits count only where no further digit touches them, short words only where they are whole words."""
    if text.isdigit():
        return not re.search(r"\d", place[max(0, at - 1) : at] + place[at + len(text) :][:1])
    if len(text) > 4 or not text.isalpha():
        return True
    end = at + len(text)
    return begins_word(place, at) and (
        not place[end : end + 1].isalpha() or (place[end - 1].islower() and place[end].isupper())
    )


def begins_word(place, at):
    """After what is no letter, at a capital after a small letter, and at one before it (CTMax)."""
    if not place[max(0, at - 1) : at].isalpha():
        return True
    is_capital = place[at].isupper()
    return is_capital and (place[at - 1].islower() or place[at + 1 : at + 2].islower())


@given(WORDS, some.text("aAbB12.^ ", max_size=40))
def test_finds_what_trying_each_text_finds(texts, place):
    """house: faster, not other; digits and the rest are tried apart"""
    words = [text for text in texts if text.isalpha() and len(text) <= 4] or ["a"]
    numbers = [text for text in texts if text.isdigit()] or ["1"]
    others = [text for text in texts if text not in (*words, *numbers)] or ["."]
    for kind in (words, numbers, others):
        spans = [match.span() for match in pattern_of(kind).finditer(place)]
        assert spans == found_one_by_one(set(kind), place)


@given(WORDS, some.text("aAbB12.^ ", max_size=40))
def test_nothing_that_one_text_finds_is_left_over(texts, place):
    """house: what leaves holds no identifier, however they overlap"""
    rest = pattern_of(texts).sub("\n", place)
    for text in set(texts):
        assert not any(
            is_free(text, rest, at) for at in range(len(rest)) if rest.lower().startswith(text, at)
        )


def test_without_texts_there_is_no_pattern():
    """house"""
    assert pattern_of([]) is None


@pytest.mark.parametrize("count", [100, 3000])
def test_texts_that_each_continue_the_one_before_do_not_exhaust_the_stack(count):
    """house: attributes of a file are chosen by whoever wrote it"""
    texts = ["a" * length for length in range(1, count)]
    pattern = pattern_of(texts)
    assert pattern.fullmatch("A" * (count - 1))
