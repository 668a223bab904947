"""What the person has chosen for agents, in Slicer's settings; unreadable text counts as not set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from AgentBridgeLib.policy.settings import FORMS_KEY, TOOLSETS_KEY, parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable


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
    found = parse_settings({key: text_of(key) for key in (TOOLSETS_KEY, FORMS_KEY)})
    return Preferences(found.toolsets, found.approves_by_form)
