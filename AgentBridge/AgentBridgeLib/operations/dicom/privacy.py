"""Cover identifiers where the answer is not JSON: text of reports, and DICOM files.

JSON answers are covered by dispatch, member by member. Here a data set itself says which texts to look for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.model.confidentiality import (
    COVERED_BY_NAME,
    FOUND_BY_VALUE,
    KEYWORD_OF_TAG,
    REPRESENTATIONS,
)
from AgentBridgeLib.operations.dicom.library import library, quiet
from AgentBridgeLib.policy.identifiers import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.dicom.values import JsonDataset
    from AgentBridgeLib.policy.settings import IdentifierPolicy

_TEXTS = {"PN", "LO", "SH", "ST", "LT", "UT", "UC"}
METHOD = "AgentBridge: attributes of PS3.15 table E.1-1 removed, UIDs and pixels kept"


def hides(context: OperationContext) -> bool:
    """Tell whether identifiers must not leave. Files and free text have no pseudonyms: both policies hide there."""
    return getattr(context.settings, "identifiers", "hide") != "show"


def text_redactor(context: OperationContext, dataset: Any) -> Redactor:
    """Make a redactor for the identifying texts of a data set; it hides nothing under ``show``."""
    policy: IdentifierPolicy = "hide" if hides(context) else "show"
    return Redactor(
        policy, dict(_identifying_texts(dataset)), b""
    )  # the key makes pseudonyms, of which there are none


def without_identifiers(dataset: Any) -> Any:
    """Take the identifying attributes out of a data set, in place: emptied, sequences and binary values removed.

    UIDs and pixels stay. Private attributes go, and public ones that no dictionary knows. Values that stay are not
    even decoded, which is most of the speed.
    """
    with quiet():
        _clean(dataset)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = METHOD
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


def _clean(dataset: Any) -> None:
    for tag in list(dataset.keys()):
        name = f"{int(tag):08X}"
        keyword = KEYWORD_OF_TAG.get(name, "")
        kind = REPRESENTATIONS[keyword] if keyword in COVERED_BY_NAME else _representation(dataset, tag)
        if tag.is_private or kind == "UN":
            del dataset[tag]
        elif keyword in COVERED_BY_NAME:
            if kind == "SQ" or kind[:1] == "O":
                del dataset[tag]
            else:
                dataset[tag].value = None
        elif kind == "SQ":
            for part in dataset[tag].value:
                _clean(part)


def _representation(dataset: Any, tag: Any) -> str:
    """Tell the value representation without decoding the value."""
    said = dataset.get_item(tag).VR
    if said not in {None, "UN"}:
        return str(said)
    dictionary = library("pydicom.datadict")
    try:
        return str(dictionary.dictionary_VR(tag))
    except KeyError:
        return "UL" if tag.element == 0 else "UN"  # group lengths are in no dictionary


def _identifying_texts(dataset: Any) -> Iterator[tuple[str, str]]:
    with quiet():
        for item in dataset:
            if item.VR == "SQ":
                for part in item.value:
                    yield from _identifying_texts(part)
            elif item.keyword in FOUND_BY_VALUE and item.VR != "UI" and item.value:
                several = item.value if hasattr(item.value, "append") else [item.value]
                for value in several:
                    yield str(value).strip(), item.keyword
