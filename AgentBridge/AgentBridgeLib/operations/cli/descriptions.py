"""The XML by which a command line module describes itself, as JSON Schema.

Source: Slicer execution model, https://slicer.readthedocs.io/en/latest/developer_guide/modules/cli.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from AgentBridgeLib.errors import FeatureMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_CLASSES = {
    "image": "vtkMRMLScalarVolumeNode",
    "geometry": "vtkMRMLModelNode",
    "transform": "vtkMRMLLinearTransformNode",
    "table": "vtkMRMLTableNode",
    "point": "vtkMRMLMarkupsFiducialNode",
    "pointfile": "vtkMRMLMarkupsFiducialNode",
    "region": "vtkMRMLMarkupsROINode",
    "measurement": "vtkMRMLTableNode",
}
_IMAGE_CLASSES = {
    "label": "vtkMRMLLabelMapVolumeNode",
    "vector": "vtkMRMLVectorVolumeNode",
    "tensor": "vtkMRMLDiffusionTensorVolumeNode",
    "diffusion-weighted": "vtkMRMLDiffusionWeightedVolumeNode",
}
_ACCEPTED = {
    "image": "vtkMRMLVolumeNode",
    "transform": "vtkMRMLTransformNode",
    "geometry": "vtkMRMLModelNode",
}
_NUMBERS = {"integer": "integer", "float": "number", "double": "number"}
NEW = "new"


@dataclass(frozen=True, slots=True)
class CliParameter:
    """One parameter. `class_name` is what an output is made as; empty for what is no node."""

    name: str
    tag: str
    channel: str
    class_name: str
    accepted_class: str
    is_required: bool
    schema: dict[str, Any] = field(default_factory=dict)

    @property
    def is_output_node(self) -> bool:
        """Whether the module writes a node."""
        return bool(self.class_name) and self.channel == "output"


@dataclass(frozen=True, slots=True)
class CliDescription:
    """A whole description."""

    title: str
    category: str
    description: str
    version: str
    parameters: tuple[CliParameter, ...]

    def schema(self) -> dict[str, Any]:
        """JSON Schema of an object with all parameters."""
        return {
            "type": "object",
            "properties": {parameter.name: parameter.schema for parameter in self.parameters},
            "required": [
                parameter.name
                for parameter in self.parameters
                if parameter.is_required and not parameter.is_output_node
            ],
            "additionalProperties": False,
        }


def parse(text: str) -> CliDescription:
    """Read a description.

    Raises
    ------
    FeatureMissingError
        It is not well formed.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 - from a module that is installed in this Slicer
    except ET.ParseError as fault:
        raise FeatureMissingError(
            f"The module's description of itself is not well formed: {fault}."
        ) from None
    return CliDescription(
        _text(root, "title"),
        _text(root, "category"),
        _text(root, "description"),
        _text(root, "version"),
        tuple(_parameters(root)),
    )


def _parameters(root: ET.Element) -> Iterator[CliParameter]:
    for entry in root.iterfind("parameters/*"):
        name = _text(entry, "name") or _text(entry, "longflag").lstrip("-")
        if not name or entry.tag in {"label", "description"}:
            continue
        class_name = NODE_CLASSES.get(entry.tag, "")
        if entry.tag == "image":
            class_name = _IMAGE_CLASSES.get(entry.get("type", ""), class_name)
        yield CliParameter(
            name,
            entry.tag,
            _text(entry, "channel") or "input",
            class_name,
            _ACCEPTED.get(entry.tag, class_name),
            entry.find("index") is not None,
            _schema(entry, _ACCEPTED.get(entry.tag, class_name)),
        )


def _schema(entry: ET.Element, class_name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": _text(entry, "label"), "description": _text(entry, "description")}
    if class_name:
        schema |= {"type": "string", "minLength": 1, "x-node": class_name}
        if _text(entry, "channel") == "output":
            schema["description"] += f" Id of the node to write to, or '{NEW}'."
        return schema
    schema |= _type(entry)
    default = entry.findtext("default")
    if default is not None:
        schema["default"] = _value(entry.tag, default.strip())
    return {key: value for key, value in schema.items() if value is not None}


def _type(entry: ET.Element) -> dict[str, Any]:
    kind, _, form = entry.tag.partition("-")
    item: dict[str, Any] = {"type": _NUMBERS.get(kind, "string")}
    if kind in _NUMBERS:
        for key in ("minimum", "maximum"):
            limit = entry.findtext(f"constraints/{key}")
            if limit is not None:
                item[key] = _value(kind, limit.strip())
    if form == "enumeration":
        item["enum"] = [_value(kind, element.text or "") for element in entry.iterfind("element")]
    if form == "vector":
        return {"type": "array", "items": item}
    if kind == "boolean":
        return {"type": "boolean"}
    if kind in {"file", "directory"}:
        return {
            "type": "string",
            "minLength": 1,
            "x-path": "write" if _text(entry, "channel") == "output" else "read",
        }
    return item


def _value(tag: str, text: str) -> Any:
    kind, _, form = tag.partition("-")
    if form == "vector":
        return [_value(kind, part.strip()) for part in text.split(",") if part.strip()]
    try:
        if kind == "integer":
            return int(float(text))
        if kind in _NUMBERS:
            return float(text)
    except ValueError:
        return None
    return text.lower() == "true" if kind == "boolean" else text


def _text(entry: ET.Element, tag: str) -> str:
    return (entry.findtext(tag) or "").strip()
