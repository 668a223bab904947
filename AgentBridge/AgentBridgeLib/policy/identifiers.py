"""Keep patient identifiers out of what leaves.

Two rules, both for every answer, error, event, job, log and audit line:

* By value. The host tells which identifying texts are in the scene (patient name, patient id, dates, UIDs). Wherever
  one of them appears, as a whole or inside a node name, a path or a message, it is hidden or replaced. Texts shorter
  than three characters are hidden only where they stand alone. A text of digits counts only where no further digit
  touches it, a short word only where it is no part of another: Max is not in "maximum". Names of members that the
  product itself has, and ids of nodes, stay what they are.
* By name. The value of a member that is named like an attribute of DICOM PS3.15 table E.1-1 (keyword, keyword after
  ``DICOM.``, tag, or keyword in snake case) is covered, whatever it is.

What a person typed as free text without it being in any DICOM attribute cannot be recognized.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.base import FIELD_NAMES
from AgentBridgeLib.model.confidentiality import COVERED_BY_NAME, KEYWORD_OF_TAG, REPRESENTATIONS
from AgentBridgeLib.policy.spellings import is_found_inside, parts, spellings, variants
from AgentBridgeLib.policy.text_search import pattern_of
from AgentBridgeLib.policy.uid_pseudonyms import text_pseudonym

if TYPE_CHECKING:
    from collections.abc import Mapping

    from AgentBridgeLib.policy.settings import IdentifierPolicy
    from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

HIDDEN = "[hidden]"
_KEPT = r"vtkMRML[A-Za-z]+Node\d*|(?<![0-9A-Za-z])(?:[0-9a-f]{16}|[0-9a-f]{64})(?![0-9A-Za-z])"
"""Ids of nodes, of jobs, and digests: letters and digits of which some may spell a short name by chance."""
_BYTES = re.compile(r"data:[\w/+.-]*;base64,")
_MEMBER = re.compile(rb'"([\w.]+)":')


def _snake(keyword: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", keyword).lower()


def _member_names() -> dict[str, str]:
    names = {f"DICOM.{keyword}": keyword for keyword in COVERED_BY_NAME}
    names |= {keyword: keyword for keyword in COVERED_BY_NAME}
    names |= {tag: keyword for tag, keyword in KEYWORD_OF_TAG.items() if keyword in COVERED_BY_NAME}
    # "time" and "date" alone are words of every answer; `patient_name` is not.
    names |= {_snake(keyword): keyword for keyword in COVERED_BY_NAME if "_" in _snake(keyword)}
    return names


MEMBER_NAMES: Mapping[str, str] = _member_names()
"""Name of a member to the keyword of the attribute that it shows."""

_MEMBER_BYTES = frozenset(name.encode() for name in MEMBER_NAMES)


class Redactor:
    """Applies one policy to one set of identifying texts.

    Parameters
    ----------
    policy
        ``hide``, ``pseudonymize`` or ``show``.
    identifiers
        Identifying text to its kind, such as ``PatientName``.
    key
        Secret: the same text gets the same pseudonym as long as the key lives.
    uids
        Gives UIDs their pseudonyms, wherever they stand; without, they are texts like others.
    """

    def __init__(
        self,
        policy: IdentifierPolicy,
        identifiers: Mapping[str, str],
        key: bytes,
        uids: UidPseudonyms | None = None,
    ) -> None:
        self._key = key
        self._uids = uids
        if uids is not None:
            identifiers = _without_uids(identifiers)
        self._policy = policy
        self._identifiers = identifiers
        self._with_handles: Redactor | None = None
        self._known = {} if policy == "show" else _known_forms(identifiers)
        self._pattern = pattern_of((form for form in self._known if is_found_inside(form)), _KEPT)

    def with_handles(self) -> Redactor:
        """Give one that leaves UIDs as they are: in answers about DICOM data they are what further calls name."""
        if self._uids is not None:
            return self  # their pseudonyms are handles too
        if self._with_handles is None:
            self._with_handles = Redactor(self._policy, _without_uids(self._identifiers), self._key)
        return self._with_handles

    @property
    def is_needed(self) -> bool:
        """Whether there may be any text to hide."""
        return bool(self._known) or self._uids is not None

    def is_needed_for(self, text: bytes) -> bool:
        """Whether JSON text may hold something to hide."""
        if self.is_needed:
            return True
        return self._policy != "show" and not _MEMBER_BYTES.isdisjoint(_MEMBER.findall(text))

    def text(self, value: str) -> str:
        """Hide identifiers in one text."""
        covered = self._covered(value)
        return covered if self._uids is None else self._uids.cover(covered)

    def _covered(self, value: str) -> str:
        if not self._known:
            return value
        whole = self._known.get(value.strip().lower())
        if whole is not None:
            return self._replace(*whole)
        if self._pattern is None:
            return value
        return self._pattern.sub(self._replace_match, value)

    def apply(self, value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        """Hide identifiers in a JSON-like value: every text, keys included, and members named as identifying."""
        if self._policy == "show":
            return value
        if isinstance(value, str):
            return value if _BYTES.match(value) else self.text(value)
        if isinstance(value, dict):
            return dict(self._member(key, entry) for key, entry in value.items())
        if isinstance(value, (list, tuple)):
            return [self.apply(entry) for entry in value]
        return value

    def _member(self, key: object, value: object) -> tuple[object, object]:
        if not isinstance(key, str):
            return key, self.apply(value)
        keyword = MEMBER_NAMES.get(key)
        if keyword is not None:
            return key, self._cover(keyword, value)
        if key == "InlineBinary":  # bytes as base64 (PS3.18, F.2.2)
            return key, value
        return key if key in FIELD_NAMES else self.text(key), self.apply(value)

    def _cover(self, keyword: str, value: object) -> object:
        """Replace every scalar, so that the shape (also that of DICOM JSON) stays."""
        if isinstance(value, dict):
            return {
                key: entry if key == "vr" else self._cover(keyword, entry) for key, entry in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._cover(keyword, entry) for entry in value]
        if value is None or value == "" or isinstance(value, bool):
            return value
        text = str(value)
        return self._replace(*self._known.get(text.strip().lower(), (keyword, text)))

    def _replace_match(self, match: re.Match[str]) -> str:
        found = self._known.get(match[0].lower())
        if found is None and match.lastgroup == "kept":
            return match[0]
        # Letters that only Unicode's rules of case take for equal (a long s) have a lower case of their own.
        return self._replace(*(found or ("Identifier", match[0])))

    def _replace(self, kind: str, text: str) -> str:
        if self._policy == "hide":
            return HIDDEN
        return text_pseudonym(self._key, kind, text)


def _without_uids(identifiers: Mapping[str, str]) -> dict[str, str]:
    return {text: kind for text, kind in identifiers.items() if REPRESENTATIONS.get(kind) != "UI"}


def _known_forms(identifiers: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Every form in lower case, to the kind and to the text that the pseudonym is made from.

    Forms of the whole text share its pseudonym. A part of a name has its own: two people may share it.
    """
    known: dict[str, tuple[str, str]] = {}
    for text, kind in identifiers.items():
        whole = text.strip()
        names = {form.lower(): part for part in parts(whole, kind) for form in spellings(part)}
        for form, part in names.items():
            known.setdefault(form, (kind, part))
        for form in variants(whole, kind):
            if form.lower() not in names:
                known[form.lower()] = (kind, whole)
    return known
