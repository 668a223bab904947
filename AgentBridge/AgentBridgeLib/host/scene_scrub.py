"""Take identifying texts out of a saved scene: names of files, the scene's XML, and the heads and texts of its data.

Works on the folder that Slicer wrote, so the open scene is not touched. Numbers are left alone: a patient id of digits
must not change a coordinate that happens to have the same ones. What cannot be taken out is found at the end, and then
nothing is saved.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, unescape

from AgentBridgeLib.errors import StorageFailedError
from AgentBridgeLib.model.confidentiality import COVERED_BY_NAME, FOUND_BY_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

TABLES = (".tsv", ".csv", ".fcsv", ".ctbl")
TEXTS = (".txt", ".xml", ".cxml", ".vp")
HEADS = (".nrrd", ".nhdr")
_ATTRIBUTE = re.compile(r'(\s)([\w:.-]+)="([^"]*)"')
_NUMBERS = re.compile(r"[\d\s.,;:|eE+-]*")
_FILE_ATTRIBUTE = re.compile(r"fileName|fileListMember\d+")
_ALWAYS_TEXT = frozenset({"name", "description", "text"})
_ENTITIES = {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_DECODED = {entity: character for character, entity in _ENTITIES.items()}
# `DICOM.PatientAge:042Y;` of nodes, `DICOM.PatientAge^042Y|` of the subject hierarchy
_DICOM_ATTRIBUTE = re.compile(r"(DICOM\.(\w+)[:^])[^;|]*")
_SHORTEST_CHECKED = 4  # words 5: shorter ones are parts of others


@dataclass(frozen=True, slots=True)
class Scrubber:
    """How texts are cleaned.

    Attributes
    ----------
    clean
        Replaces identifying texts inside a text.
    forms
        All forms of the identifying texts, to find what is left.
    """

    clean: Callable[[str], str]
    forms: Sequence[str]

    def value(self, text: str) -> str:
        """Clean a cell; a number only if it is an identifying text as a whole."""
        bare = text.strip(' "')
        return text if _NUMBERS.fullmatch(bare) and bare not in self.forms else self.clean(text)


def scrub_folder(folder: Path, scrubber: Scrubber) -> None:
    """Clean every file of a saved scene, in place.

    Raises
    ------
    StorageFailedError
        Something identifying is left.
    """
    renamed = _rename(folder, scrubber)
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        lower = path.name.lower()
        if lower.endswith(".mrml"):
            _rewrite(path, lambda text: _clean_scene(text, scrubber, renamed))
        elif lower.endswith(".json"):
            _rewrite(path, lambda text: _clean_json(text, scrubber))
        elif lower.endswith(TABLES):
            _rewrite(path, lambda text: _clean_table(text, scrubber))
        elif lower.endswith(TEXTS):
            _rewrite(path, scrubber.clean)
        elif lower.endswith(HEADS):
            _clean_head(path, scrubber)
    _check(folder, scrubber)


def _rename(folder: Path, scrubber: Scrubber) -> dict[str, str]:
    """Give files clean names; old name to new name, as the scene file knows them (below the folder)."""
    renamed = {}
    for path in sorted(folder.rglob("*"), reverse=True):
        name = scrubber.clean(unquote(path.name)).replace("/", "_")
        if path.is_dir() or name == unquote(path.name):
            continue
        stem, dot, ending = name.partition(".")
        target, number = path.with_name(name), 1
        while target.exists():
            number += 1
            target = path.with_name(f"{stem}_{number}{dot}{ending}")
        path.rename(target)
        renamed[path.relative_to(folder).as_posix()] = target.relative_to(folder).as_posix()
    return renamed


def _clean_scene(text: str, scrubber: Scrubber, renamed: dict[str, str]) -> str:
    def clean(match: re.Match[str]) -> str:
        space, name, raw = match.groups()
        value = unescape(raw, _DECODED)
        if _FILE_ATTRIBUTE.fullmatch(name):
            path = unquote(value)
            new = renamed.get(path)
            changed = quote(new) if new else (value if scrubber.clean(path) == path else scrubber.clean(path))
        elif "vtkMRML" in value or (name not in _ALWAYS_TEXT and _NUMBERS.fullmatch(value)):
            return match[0]
        else:
            changed = scrubber.clean(value)
            if name == "attributes":
                changed = _DICOM_ATTRIBUTE.sub(_without_value, changed)
        return match[0] if changed == value else f'{space}{name}="{escape(changed, _ENTITIES)}"'

    return _ATTRIBUTE.sub(clean, text)


def _without_value(match: re.Match[str]) -> str:
    """Take away what is covered by its name alone: ages, weights and codes are no texts to look for."""
    is_named = match[2] in COVERED_BY_NAME and match[2] not in FOUND_BY_VALUE
    return f"{match[1]}removed" if is_named else match[0]


def _clean_json(text: str, scrubber: Scrubber) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        return scrubber.clean(text)
    return json.dumps(_clean_value(document, scrubber), ensure_ascii=False, indent=1)


def _clean_value(value: Any, scrubber: Scrubber) -> Any:
    if isinstance(value, str):
        return scrubber.clean(value)
    if isinstance(value, dict):
        return {key: _clean_value(entry, scrubber) for key, entry in value.items()}
    return [_clean_value(entry, scrubber) for entry in value] if isinstance(value, list) else value


def _clean_table(text: str, scrubber: Scrubber) -> str:
    pieces = re.split(r"([\t,\n\r])", text)
    return "".join(scrubber.value(piece) for piece in pieces)


def _clean_head(path: Path, scrubber: Scrubber) -> None:
    """Clean the comments and the key/value pairs of an NRRD header (`key:=value`); fields are geometry."""
    data = path.read_bytes()
    head, blank, rest = data.partition(b"\n\n")
    lines = head.decode("utf-8", errors="surrogateescape").split("\n")
    cleaned = [
        scrubber.clean(line) if ":=" in line or line.startswith(("#", "content:")) else line for line in lines
    ]
    if cleaned != lines:
        path.write_bytes("\n".join(cleaned).encode("utf-8", errors="surrogateescape") + blank + rest)


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_bytes().decode("utf-8", errors="surrogateescape")
    after = change(before)
    if after != before:
        path.write_bytes(after.encode("utf-8", errors="surrogateescape"))


def _check(folder: Path, scrubber: Scrubber) -> None:
    """Look for what is left, in everything that is text."""
    forms = [
        form.lower()
        for form in scrubber.forms
        if len(form) >= _SHORTEST_CHECKED + form.isalpha() and not _NUMBERS.fullmatch(form)
    ]
    for path in folder.rglob("*"):
        found = [form for form in forms if form in path.name.lower()]
        if path.is_file():
            text = _text_of(path).lower()
            found += [form for form in forms if form in text]
        if found:
            raise StorageFailedError(
                f"{len(found)} identifying texts could not be taken out of the scene's {path.suffix} files. "
                "Nothing was saved."
            )


def _text_of(path: Path) -> str:
    lower, data = path.name.lower(), path.read_bytes()
    if lower.endswith(HEADS):
        data = data.partition(b"\n\n")[0]
    elif not lower.endswith((".mrml", ".json", *TABLES, *TEXTS)):
        return ""
    return data.decode("utf-8", errors="replace")
