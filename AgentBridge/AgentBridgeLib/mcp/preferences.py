"""What the person has chosen for agents, in Slicer's settings; unreadable text counts as not set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TOOLSETS_KEY = "mcp/toolsets"
FORMS_KEY = "mcp/approve_by_form"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The choices.

    Attributes
    ----------
    toolsets
        Families of operations (``segmentations``) whose tools are all listed, besides those of everyday work.
    approves_by_form
        Whether an approval may also be given in the agent's own program (elicitation). A client may answer such
        forms without showing them, so this is off until the person switches it on.
    """

    toolsets: tuple[str, ...] = ()
    approves_by_form: bool = False


def read(text_of: Callable[[str], str | None]) -> Preferences:
    """Read the choices from the settings."""
    return Preferences(_texts(text_of(TOOLSETS_KEY)), text_of(FORMS_KEY) == "true")


def _texts(text: str | None) -> tuple[str, ...]:
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return ()
    if not isinstance(value, list):
        return ()
    return tuple(entry for entry in value if isinstance(entry, str))
