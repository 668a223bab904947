"""Slicer's text form of a terminology entry, as the tag TerminologyEntry of a segment has it.

Seven parts with ``~`` between them: context, category, type, type modifier, region context, region, region modifier;
a code is ``scheme^value^meaning``. Source: `vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry`.
"""

from __future__ import annotations

from pydantic import ValidationError

from AgentBridgeLib.model.segmentations import Code, Terminology

_PARTS = 7


def to_text(terminology: Terminology) -> str:
    """Write an entry."""
    return "~".join(
        (
            terminology.context or "",
            _code_text(terminology.category),
            _code_text(terminology.type),
            _code_text(terminology.type_modifier),
            terminology.region_context or "",
            _code_text(terminology.region),
            _code_text(terminology.region_modifier),
        )
    )


def from_text(text: str) -> Terminology | None:
    """Read an entry; None when category or type are missing or the text is something else."""
    parts = text.split("~")
    if len(parts) != _PARTS:
        return None
    try:
        return Terminology.model_validate(
            {
                "context": parts[0] or None,
                "category": _code(parts[1]),
                "type": _code(parts[2]),
                "type_modifier": _code(parts[3]),
                "region_context": parts[4] or None,
                "region": _code(parts[5]),
                "region_modifier": _code(parts[6]),
            }
        )
    except ValidationError:
        return None


def _code_text(code: Code | None) -> str:
    return "^^" if code is None else f"{code.scheme}^{code.value}^{code.meaning}"


def _code(text: str) -> Code | None:
    if not text.strip("^"):
        return None
    scheme, value, meaning = (*text.split("^"), "", "", "")[:3]
    return Code(scheme=scheme, value=value, meaning=meaning)
