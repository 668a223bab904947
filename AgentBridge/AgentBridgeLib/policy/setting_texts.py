"""Read values out of the texts of settings. A text is written by anybody, by hand too; none is trusted."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from AgentBridgeLib.policy.downloads import ANY_PUBLIC, origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Choice = TypeVar("Choice", bound=str)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FAMILY = re.compile(r"[a-z][a-z0-9_]*")


class SettingError(ValueError):
    """A setting cannot be used. The text says why, for the person; it never holds a secret."""


def from_json(text: str) -> object:
    """Read JSON.

    Raises
    ------
    SettingError
        It is none.
    """
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise SettingError("it is no JSON") from None
    return value


def choice(text: str, allowed: Sequence[Choice]) -> Choice:
    """Read one of some words.

    Raises
    ------
    SettingError
        It is none of them.
    """
    found = next((word for word in allowed if word == text), None)
    if found is None:
        raise SettingError(f"it must be one of: {', '.join(allowed)}")
    return found


def boolean(text: str) -> bool:
    """Read ``true`` or ``false``.

    Raises
    ------
    SettingError
        It is neither.
    """
    return choice(text, ("true", "false")) == "true"


def number(value: object, what: str, least: float, most: float) -> float:
    """Check a number that JSON gave; a text, true, or not a number is none.

    Raises
    ------
    SettingError
        It is none, or out of range.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not least <= value <= most:  # type: ignore[operator]
        raise SettingError(f"{what} must be a number from {least:g} to {most:g}")
    return float(value)  # type: ignore[arg-type]


def words(value: object, what: str, longest: int) -> str:
    """Check a text that JSON gave: one line that can be sent and shown.

    Raises
    ------
    SettingError
        It is none, or longer than `longest`.
    """
    if not isinstance(value, str) or len(value) > longest or _UNPRINTABLE.search(value):
        raise SettingError(f"{what} must be one line of text of at most {longest} characters")
    return value


def texts(text: str) -> tuple[str, ...]:
    """Read a JSON list of texts.

    Raises
    ------
    SettingError
        It is none.
    """
    value = from_json(text)
    if not isinstance(value, list):
        raise SettingError("it must be a list of texts")
    return tuple(words(entry, "each entry", 4000) for entry in value)


def folders(text: str) -> tuple[str, ...]:
    """Read a list of absolute folders; a relative one would mean wherever Slicer was started.

    Raises
    ------
    SettingError
        It is none.
    """
    found = texts(text)
    if not all(Path(folder).is_absolute() for folder in found):
        raise SettingError("each folder must be an absolute path")
    return found


def servers(text: str) -> tuple[str, ...]:
    """Read a list of web servers, as `policy.downloads` has them.

    Raises
    ------
    ValueError
        It is none.
    """
    return tuple(origin_of(entry) for entry in texts(text))


def pages(text: str) -> tuple[str, ...]:
    """Read a list of the origins of web pages; none stands for all.

    Raises
    ------
    ValueError
        It is none.
    """
    found = servers(text)
    if ANY_PUBLIC in found:
        raise SettingError("each web page must be named")
    return found


def families(text: str) -> tuple[str, ...]:
    """Read a list of families of operations, such as ``volumes``.

    Raises
    ------
    SettingError
        It is none.
    """
    found = texts(text)
    if not all(_FAMILY.fullmatch(entry) for entry in found):
        raise SettingError("each family must be a word of small letters")
    return found
