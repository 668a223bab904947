"""Keep patient identifiers out of what leaves.

The host tells which identifying texts are in the scene (patient name, patient id, dates, UIDs). Wherever one of
them appears in an answer, as a whole or inside a node name, a path or a message, it is hidden or replaced.
Texts shorter than three characters are hidden only where they stand alone: replacing "M" everywhere would
destroy the answer and hide nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from AgentBridgeLib.policy.settings import IdentifierPolicy

HIDDEN = "[hidden]"
_SHORTEST_INSIDE = 3


class Redactor:
    """Applies one policy to one set of identifying texts.

    Parameters
    ----------
    policy
        ``hide``, ``pseudonymize`` or ``show``.
    identifiers
        Identifying text to its kind, such as ``PatientName``.
    key
        Secret of this scene: the same text gets the same pseudonym as long as the key lives.
    """

    def __init__(self, policy: IdentifierPolicy, identifiers: Mapping[str, str], key: bytes) -> None:
        self._key = key
        self._policy = policy
        texts = {variant: kind for text, kind in identifiers.items() for variant in variants(text) if variant}
        self._whole = {} if policy == "show" else texts
        inside = sorted(
            (text for text in self._whole if len(text) >= _SHORTEST_INSIDE), key=len, reverse=True
        )
        self._pattern = re.compile("|".join(map(re.escape, inside)), re.IGNORECASE) if inside else None
        self._lower = {text.lower(): kind for text, kind in self._whole.items()}

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to hide at all."""
        return bool(self._whole)

    def text(self, value: str) -> str:
        """Hide identifiers in one text."""
        if not self._whole:
            return value
        if value in self._whole:
            return self._replace(value)
        if self._pattern is None:
            return value
        return self._pattern.sub(lambda match: self._replace(match[0]), value)

    def apply(self, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """Hide identifiers in a JSON-like value: every text, keys included."""
        if not self._whole:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(key) if isinstance(key, str) else key: self.apply(entry)
                for key, entry in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.apply(entry) for entry in value]
        return value

    def _replace(self, text: str) -> str:
        if self._policy == "hide":
            return HIDDEN
        kind = self._lower.get(text.lower(), "Identifier")
        digest = hmac.new(self._key, text.lower().encode(), hashlib.sha256).hexdigest()[:8]
        return f"{kind}-{digest}"


def variants(text: str) -> set[str]:
    """Give the forms in which an identifying text turns up in names and paths.

    A DICOM person name ``DOE^JANE`` becomes ``DOE JANE`` in node names, ``DOE_JANE`` in file names, and its parts
    are identifying by themselves.
    """
    text = text.strip()
    forms = {text}
    if "^" in text:
        parts = [part for part in re.split(r"[\^=]", text) if part]
        forms |= {" ".join(parts), "_".join(parts), "-".join(parts), ", ".join(parts), "".join(parts)}
        forms |= {part for part in parts if len(part) >= _SHORTEST_INSIDE}
    forms.add(re.sub(r"[^\w.-]+", "_", text))
    return {form for form in forms if form}
