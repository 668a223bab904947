"""Cover identifiers where the answer is not JSON: text of reports, and DICOM files.

JSON answers are covered by dispatch, member by member. Here a data set itself says which texts to look for.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

from AgentBridgeLib.model.confidentiality import (
    COVERED_BY_NAME,
    FOUND_BY_VALUE,
    KEYWORD_OF_TAG,
    REPRESENTATIONS,
)
from AgentBridgeLib.operations.dicom.library import library, quiet, some_at_a_time
from AgentBridgeLib.policy.identifiers import Redactor

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from AgentBridgeLib.dispatch.context import OperationContext, Progress
    from AgentBridgeLib.operations.dicom.values import JsonDataset
    from AgentBridgeLib.policy.settings import IdentifierPolicy
    from AgentBridgeLib.policy.uid_pseudonyms import UidPseudonyms

_TEXTS = {"PN", "LO", "SH", "ST", "LT", "UT", "UC"}
NAMING_META = (0x00020016, 0x00020017, 0x00020018, 0x00020100, 0x00020102)
"""Elements of the file's head that may name a person or place: application entities, private information."""
MADE_BY = "AgentBridge: "
"""How the de-identification method (0012,0063) of our files begins."""
_METHOD = MADE_BY + "PS3.15 E.1-1 removed, {uids}"


def method(uids: UidPseudonyms | None) -> str:
    """Say in a file what was done to it."""
    return _METHOD.format(uids="UIDs and pixels kept" if uids is None else "UIDs replaced, pixels kept")


def hides(context: OperationContext) -> bool:
    """Tell whether identifiers must not leave. Files and free text have no pseudonyms: both policies hide there."""
    return getattr(context.settings, "identifiers", "hide") != "show"


def text_redactor(context: OperationContext, dataset: Any) -> Generator[Progress, None, Redactor]:
    """Make a redactor for the identifying texts of a data set; it hides nothing under ``show``."""
    if not hides(context):
        return Redactor("show", {}, b"")
    texts = yield from some_at_a_time(_identifying_texts(dataset), "Looking for identifiers")
    known = {text: keyword for text, keyword in texts if text}
    return Redactor("hide", known, b"")  # the key makes pseudonyms, of which there are none


def database_redactor(context: OperationContext) -> Redactor:
    """Make a redactor for what the database knows of its patients and studies; it hides nothing under ``show``.

    Meant for names of files and folders, which are often made of it.
    """
    policy: IdentifierPolicy = "hide" if hides(context) else "show"
    texts = {
        value: keyword
        for study in context.host.dicom.index.studies().values()
        for keyword, value in study.values.items()
        if value and keyword in FOUND_BY_VALUE and REPRESENTATIONS[keyword] != "UI"
    }
    return Redactor(policy, texts, b"")


def without_identifiers(dataset: Any, uids: UidPseudonyms | None = None) -> Any:
    """Take the identifying attributes out of a data set, in place: emptied, sequences and binary values removed.

    UIDs stay or get their pseudonyms, pixels stay. Private attributes go, and public ones that no dictionary knows.
    """
    with quiet():
        _clean(dataset, uids)
        if hasattr(dataset, "file_meta"):
            _clean(dataset.file_meta, uids)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = method(uids)
    return dataset


def empty_identifiers(context: OperationContext, dataset: JsonDataset) -> JsonDataset:
    """Take identifying values out of DICOM JSON, so that it stays valid: no client reads "[hidden]" as a date.

    Under ``pseudonymize`` texts stay, for dispatch to replace.
    """
    if not hides(context):
        return dataset
    keeps_texts = getattr(context.settings, "identifiers", "hide") == "pseudonymize"
    made: JsonDataset = {}
    for tag, item in dataset.items():
        kind = item.get("vr", "")
        if KEYWORD_OF_TAG.get(tag) in COVERED_BY_NAME:
            made[tag] = item if keeps_texts and kind in _TEXTS else {"vr": kind}
        elif kind == "SQ":
            made[tag] = {
                **item,
                "Value": [empty_identifiers(context, part) for part in item.get("Value", [])],
            }
        else:
            made[tag] = item
    return made


def _clean(dataset: Any, uids: UidPseudonyms | None) -> None:
    for tag in list(dataset.keys()):
        action = covering(int(tag), dataset.get_item(tag).VR)
        if action == "drop":
            del dataset[tag]
        elif action == "empty":
            dataset[tag].value = None
        elif action == "descend":
            for part in dataset[tag].value:
                _clean(part, uids)
        elif uids is not None and dataset[tag].VR == "UI" and dataset[tag].value:
            dataset[tag].value = uids.cover("\\".join(several(dataset[tag].value))).split("\\")


@functools.lru_cache(1 << 16)
def covering(tag: int, said: str | None) -> Literal["keep", "empty", "drop", "descend"]:
    """Tell what becomes of an element: `said` is the value representation in the file, None when it is not written."""
    group, number = tag >> 16, tag & 0xFFFF
    is_curve = (group & 0xFF00) == 0x5000
    is_overlay = (group & 0xFF00) == 0x6000 and number in {0x3000, 0x4000}  # its picture and comments
    if group % 2 or is_curve or is_overlay or tag in NAMING_META:
        return "drop"
    if number == 0 and group > 2:
        return "drop"  # the length of its group would be wrong
    keyword = KEYWORD_OF_TAG.get(f"{tag:08X}", "")
    if representation_of(tag, None) == "UN":
        return "drop"  # no dictionary knows it, so it may say anything
    kind = representation_of(tag, said)
    if keyword in COVERED_BY_NAME:
        is_removed = kind == "SQ" or kind[:1] == "O" or REPRESENTATIONS.get(keyword, "")[:1] == "O"
        return "drop" if is_removed else "empty"
    return "drop" if kind == "UN" else "descend" if kind == "SQ" else "keep"


@functools.lru_cache(1 << 16)
def representation_of(tag: int, said: str | None) -> str:
    """Tell the value representation without decoding the value; ``UN`` when neither file nor dictionary know it."""
    if said not in {None, "UN"}:
        return str(said)
    try:
        return str(library("pydicom.datadict").dictionary_VR(tag)).partition(" ")[0]
    except KeyError:
        return "UN"


def _identifying_texts(dataset: Any) -> Iterator[tuple[str, str]]:
    """Give texts with the keyword of their attribute; an empty one for each data set that was looked through."""
    for item in dataset:
        if item.VR == "SQ":
            for part in item.value:
                yield from _identifying_texts(part)
        elif item.keyword in FOUND_BY_VALUE and item.VR != "UI" and item.value:
            for value in several(item.value):
                yield value.strip(), item.keyword
    yield "", ""


def several(value: Any) -> list[str]:
    """Give the values of an element that may have one or several."""
    return [str(one) for one in (value if hasattr(value, "append") else [value])]


def decoded(dataset: Any) -> Any:
    """Decode all values, in place: those that were not are still in the encoding of the file they were read from."""
    with quiet():
        for element in dataset.iterall():
            _ = element.value
    return dataset
