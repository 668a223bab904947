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
from AgentBridgeLib.operations.dicom.library import quiet
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

    UIDs and pixels stay. Private attributes go.
    """
    with quiet():
        dataset.remove_private_tags()
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
    for item in list(dataset):
        keyword = KEYWORD_OF_TAG.get(f"{int(item.tag):08X}", item.keyword)
        if keyword in COVERED_BY_NAME:
            if item.VR == "SQ" or REPRESENTATIONS.get(keyword, "")[:1] == "O":
                del dataset[item.tag]
            else:
                dataset[item.tag].value = None if item.VR not in {"OB", "OW", "UN"} else b""
        elif item.VR == "SQ":
            for part in item.value:
                _clean(part)


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
