"""How an identifying text is written where nobody means to write it down: in names of nodes, files and folders."""

from __future__ import annotations

import re
import string
import unicodedata
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import quote

from AgentBridgeLib.model.confidentiality import REPRESENTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST_INSIDE = 3
_SHORTEST_ID = 6
_JOINTS = (" ", "_", "-", ", ", ",", ".", "", "^")
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_PLAIN = str.maketrans(
    {pair[0]: pair[1:] for pair in ("ßss", "øo", "Øo", "æae", "Æae", "łl", "Łl", "đd", "Đd")}
)
_TWO_LETTERS = str.maketrans(
    {
        pair[0]: pair[1:]
        for pair in ("äae", "öoe", "üue", "Äae", "Öoe", "Üue", "ßss", "øoe", "Øoe", "åaa", "Åaa")
    }
)


def is_found_inside(text: str) -> bool:
    """Tell whether a text is looked for inside others; shorter ones count only where they stand alone.

    Replacing "M" everywhere would destroy the answer and hide nothing. Two Chinese characters are a name.
    """
    is_wide = all(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) >= _SHORTEST_INSIDE - is_wide


def parts(text: str, kind: str = "") -> set[str]:
    """Give the components of a person's name that identify by themselves, of every script that it is written in."""
    if not _is_name(text, kind):
        return set()
    return {part for part in re.split(r"[\^=,\s]+", text) if is_found_inside(part)}


def variants(text: str, kind: str = "") -> set[str]:
    """Give the forms in which an identifying text turns up in names and paths.

    A DICOM person name ``DOE^JANE`` becomes ``DOE JANE``, ``JANE DOE`` or ``DOE, JANE`` in node names, ``DOE_JANE`` in
    file names, and its parts are identifying by themselves; ``MÜLLER`` is written ``Muller`` and ``Mueller``. A date
    ``19700131`` is written ``1970-01-31``, ``31 Jan 1970`` and so on.
    """
    text = text.strip()
    if REPRESENTATIONS.get(kind) == "UI":
        return {text}
    forms = {text, re.sub(r"[^\w.-]+", "_", text), *parts(text, kind), *_dates(text)}
    if _is_name(text, kind):
        forms.update(chain.from_iterable(_orders(group) for group in text.split("=")))
    bare = re.sub(r"[\W_]+", "", text)
    if len(bare) >= _SHORTEST_ID:
        forms.add(bare)
    return {written for form in forms for written in spellings(form)} - {""}


def spellings(text: str) -> set[str]:
    """Give a text with its accents in the two encodings of Unicode, without them, and as addresses have it."""
    forms = {text, *(text.replace("'", other) for other in ("", "\u2019", "_"))}
    for form in () if text.isascii() else tuple(forms):
        bare = unicodedata.normalize("NFKD", form.translate(_PLAIN))
        forms |= {unicodedata.normalize(kind, form) for kind in ("NFC", "NFD")}
        forms |= {
            "".join(letter for letter in bare if not unicodedata.combining(letter)),
            unicodedata.normalize("NFC", form).translate(_TWO_LETTERS),
        }
    cases = (text, text.lower(), text.upper(), string.capwords(text))
    return forms | {quote(form, safe="") for form in (cases if not text.isascii() else (text,))}


def _is_name(text: str, kind: str) -> bool:
    return "^" in text or REPRESENTATIONS.get(kind) == "PN"


def _orders(group: str) -> Iterator[str]:
    """Walk over the orders in which the parts of a name stand, and how they are joined."""
    names = [part.strip() for part in re.split(r"\^" if "^" in group else r"[,\s]+", group) if part.strip()]
    for order in (names, names[::-1], names[:2], names[1::-1]):
        yield from (joint.join(order) for joint in _JOINTS)


def _dates(text: str) -> set[str]:
    match = _DATE.match(text)
    if match is None or not "1800" <= match[1] <= "2199" or not "01" <= match[2] <= "12":
        return set()
    year, month, day = match.groups()
    bare_month, bare_day, name = str(int(month)), str(int(day)), _MONTHS[int(month) - 1]
    named = {
        text
        for spelled in (name, name[:3])
        for one in (day, bare_day)
        for text in (*(joint.join((one, spelled, year)) for joint in " -."), f"{spelled} {one}, {year}")
    }
    return named | {
        *(joint.join((year, month, day)) for joint in "-/._"),
        *(joint.join((day, month, year)) for joint in "-/._"),
        *(joint.join((month, day, year)) for joint in "-/"),
        *(joint.join((bare_day, bare_month, year)) for joint in "-/."),
        *(joint.join((bare_month, bare_day, year)) for joint in "-/"),
    }
