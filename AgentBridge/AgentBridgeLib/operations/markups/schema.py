"""What a Markups JSON file looks like, as JSON Schema (draft 7).

Written for this project from the description of the format (version 1.0.3) in Slicer's developer documentation; it
accepts and refuses the same files as Slicer's own schema, which Slicer does not install (docs/adr/0018), except that
`selectedColor` and `activeColor` must be lists, which that one forgot to say.
Members that are not named here are allowed, so files of later versions 1.x pass.
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft7Validator

from AgentBridgeLib.errors import DataInvalidError, FieldProblem

SCHEMA_NAME = r"markups-schema-v1\.[0-9]+\.[0-9]+\.json#*$"
MOST_PROBLEMS = 20
MOST_BYTES = 64 << 20


def _numbers(count: int, **limits: float) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "number", **limits},
        "minItems": count,
        "maxItems": count,
    }


_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "number"}
_NOT_NEGATIVE = {"type": "number", "minimum": 0}
_CODE = {"type": "array", "items": _TEXT, "minItems": 3, "maxItems": 3}
_COLOR = _numbers(3, minimum=0, maximum=1)
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}

_GLYPHS = [
    *("Vertex2D", "Dash2D", "Cross2D", "ThickCross2D", "Triangle2D", "Square2D", "Circle2D", "Diamond2D"),
    *("Arrow2D", "ThickArrow2D", "HookedArrow2D", "StarBurst2D", "Sphere3D", "Diamond3D"),
]

_CONTROL_POINT = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("id", "label", "description", "associatedNodeID"), _TEXT),
        **dict.fromkeys(("selected", "locked", "visibility"), _FLAG),
        "position": _numbers(3),
        "orientation": _numbers(9),
        "positionStatus": {"type": "string", "enum": ["undefined", "preview", "defined"]},
    },
}

_MEASUREMENT = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("name", "description", "printFormat"), _TEXT),
        **dict.fromkeys(("quantityCode", "derivationCode", "methodCode"), _CODE),
        "enabled": _FLAG,
        "value": _NUMBER,
        "units": {"anyOf": [_TEXT, _CODE]},
        "controlPointValues": {"type": "array", "items": _NUMBER},
    },
}

_DISPLAY = {
    "type": "object",
    "properties": {
        **dict.fromkeys(
            (
                *("visibility", "propertiesLabelVisibility", "pointLabelsVisibility", "useGlyphScale"),
                *("sliceProjection", "sliceProjectionUseFiducialColor"),
                *("sliceProjectionOutlinedBehindSlicePlane", "handlesInteractive"),
                *("translationHandleVisibility", "rotationHandleVisibility", "scaleHandleVisibility"),
            ),
            _FLAG,
        ),
        **dict.fromkeys(("color", "selectedColor", "activeColor", "sliceProjectionColor"), _COLOR),
        **dict.fromkeys(("opacity", "sliceProjectionOpacity"), _SHARE),
        **dict.fromkeys(
            (
                *("textScale", "glyphScale", "glyphSize", "lineThickness"),
                *("lineColorFadingStart", "lineColorFadingEnd"),
            ),
            _NOT_NEGATIVE,
        ),
        **dict.fromkeys(
            ("lineColorFadingSaturation", "lineColorFadingHueOffset", "interactionHandleScale"), _NUMBER
        ),
        "glyphType": {"type": "string", "enum": _GLYPHS},
        "snapMode": {"type": "string", "enum": ["unconstrained", "toVisibleSurface"]},
    },
}

_MARKUP = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {
            "type": "string",
            "enum": ["Fiducial", "Line", "Angle", "Curve", "ClosedCurve", "Plane", "ROI"],
        },
        "coordinateSystem": {"type": "string", "enum": ["LPS", "RAS"]},
        "coordinateUnits": {"anyOf": [{"type": "string", "enum": ["mm", "um"]}, _CODE]},
        **dict.fromkeys(("name", "labelFormat", "roiType", "planeType", "sizeMode"), _TEXT),
        **dict.fromkeys(("locked", "fixedNumberOfControlPoints", "insideOut"), _FLAG),
        "lastUsedControlPointNumber": {"type": "integer"},
        "autoScalingSizeFactor": _NUMBER,
        **dict.fromkeys(("center", "normal", "size"), _numbers(3)),
        "planeBounds": _numbers(4),
        **dict.fromkeys(("objectToBase", "baseToNode"), _numbers(16)),
        "orientation": _numbers(9),
        "controlPoints": {"type": "array", "items": _CONTROL_POINT},
        "display": _DISPLAY,
        "measurements": {"type": "array", "items": _MEASUREMENT},
    },
}

MARKUPS_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Markups JSON 1.0.3",
    "type": "object",
    "required": ["@schema", "markups"],
    "properties": {"@schema": _TEXT, "markups": {"type": "array", "items": _MARKUP}},
}

# Beyond the schema: what Slicer's reader demands, or what it would take without a word and get wrong.
_STRICTER: dict[str, Any] = {
    "properties": {
        "@schema": {"pattern": SCHEMA_NAME},
        "markups": {
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "properties": {
                    "controlPoints": {"maxItems": 100_000},
                    # Slicer reads the numbers of a file in um as mm.
                    "coordinateUnits": {
                        "if": {"type": "string"},
                        "then": {"const": "mm"},
                        "else": {"items": [{"const": "mm"}, {"const": "UCUM"}]},
                    },
                }
            },
        },
    }
}

_validator = Draft7Validator({"allOf": [MARKUPS_SCHEMA, _STRICTER]})


def check_markups_json(data: bytes) -> dict[str, Any]:
    """Parse a Markups JSON file and check it.

    Raises
    ------
    DataInvalidError
        It is not JSON in UTF-8, or not as the schema says; every problem (at most 20) has its JSON pointer.
    """
    if len(data) > MOST_BYTES:
        raise DataInvalidError(f"The markups have {len(data)} bytes; at most {MOST_BYTES} are taken.")
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise DataInvalidError(
            "The body is no JSON in UTF-8. Send a Markups JSON file (.mrk.json)."
        ) from None
    problems = []
    for problem in _validator.iter_errors(document):
        pointer = "".join(f"/{part}" for part in problem.absolute_path)
        problems.append(FieldProblem(pointer, _cut(problem.message)))
        if len(problems) == MOST_PROBLEMS:
            break
    if problems:
        first = problems[0]
        raise DataInvalidError(
            f"The body is no Markups JSON 1.0.3: {first.pointer or '/'}: {first.problem}.", errors=problems
        )
    return document


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
