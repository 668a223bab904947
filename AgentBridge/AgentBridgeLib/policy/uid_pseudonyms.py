"""UIDs that say nothing in place of those of the data, the same ones every time, and back again.

Under ``pseudonymize`` a client sees and names studies, series and instances by these. They are UIDs of the root 2.25
(PS3.5, B.2) made by a keyed digest, so they are valid, stable as long as the key lives, and lead to nothing elsewhere.
UIDs of the standard and of coding schemes name no data and stay.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

_UID = re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d{0,63})){3,}(?![\w.])")
_PSEUDONYM = re.compile(r"(?<![\w.])2\.25\.[1-9]\d{0,38}(?![\w.])")
_SHORTEST = 10  # shorter ones are versions of programs, addresses and chapters
_PUBLIC = ("1.2.840.10008.", "2.16.840.1.113883.")  # DICOM; HL7's registry of coding schemes


def text_pseudonym(key: bytes, kind: str, text: str) -> str:
    """Make what stands in place of an identifying text: its kind and a keyed digest; case does not count."""
    digest = hmac.new(key, text.lower().encode(), hashlib.sha256).hexdigest()[:8]
    return f"{kind}-{digest}"


class UidPseudonyms:
    """Both directions. What was not given out in this session cannot be led back.

    Parameters
    ----------
    key
        Secret: the same UID gets the same pseudonym as long as it lives.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pseudonym_of: dict[str, str] = {}
        self._uid_of: dict[str, str] = {}

    def cover(self, text: str) -> str:
        """Replace every UID of data in a text; pseudonyms stay what they are."""
        return _UID.sub(self._replace, text) if "." in text else text

    def reveal(self, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """Put the UIDs back in a JSON-like value; what is no pseudonym of this session stays."""
        if isinstance(value, str):
            return _PSEUDONYM.sub(lambda found: self._uid_of.get(found[0], found[0]), value)
        if isinstance(value, dict):
            return {self.reveal(key): self.reveal(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.reveal(entry) for entry in value]
        return value

    def is_pseudonym_of(self, text: str, real: str) -> bool:
        """Tell whether a text stands for an identifying one, of whatever kind."""
        kind, dash, _ = text.rpartition("-")
        return bool(real and dash) and text == text_pseudonym(self._key, kind, real)

    def _replace(self, found: re.Match[str]) -> str:
        uid = found[0]
        if uid in self._uid_of or len(uid) < _SHORTEST or uid.startswith(_PUBLIC):
            return uid
        return self._pseudonym_of.get(uid) or self._make(uid)

    def _make(self, uid: str) -> str:
        digest = hmac.new(self._key, b"UID " + uid.encode(), hashlib.sha256).digest()
        made = f"2.25.{int.from_bytes(digest[:16], 'big')}"
        self._pseudonym_of[uid], self._uid_of[made] = made, uid
        return made
