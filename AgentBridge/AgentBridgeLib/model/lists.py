"""Lists in a query: ``region=0,10,0,10,0,5``."""

from __future__ import annotations

from pydantic import BeforeValidator


def _split(value: object) -> object:
    """Split text at its commas; leave anything else to the type that follows."""
    if isinstance(value, str):
        return [part.strip() for part in value.strip().removeprefix("[").removesuffix("]").split(",")]
    return value


COMMA_LIST = BeforeValidator(_split)
"""Put it into the annotation of a list or tuple that may stand in a query."""
