"""Lists in a query: ``region=0,10,0,10,0,5``."""

from __future__ import annotations

from pydantic import BeforeValidator


def _split(value: object) -> object:
    """Split text at its commas; leave anything else to the type that follows.

    A list becomes a tuple: where types are strict, a list that a validator has touched counts as Python's own, and not
    as JSON's, which would do for a tuple.
    """
    if isinstance(value, str):
        return tuple(part.strip() for part in value.strip().removeprefix("[").removesuffix("]").split(","))
    return tuple(value) if isinstance(value, list) else value


COMMA_LIST = BeforeValidator(_split)
"""Put it into the annotation of a tuple that may stand in a query."""
