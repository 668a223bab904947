"""Field types whose meaning dispatch must know: nodes, paths, web addresses and bytes.

Dispatch finds them by their marker in the annotation. So an operation never checks a path itself, an approval
can name the nodes it is about, and binary arguments come from an HTTP body or from base64 text alike.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class NodeMark:
    """The text is the id of a MRML node. `class_names`: classes (`IsA`) that the operation can use."""

    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PathMark:
    """The text is a path on the computer that Slicer runs on."""

    access: Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class UrlMark:
    """The text is the address of a file on a web server; the person sees it when they are asked."""


_ID = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
_PATH = Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f]+$")

NodeId = Annotated[str, _ID, NodeMark(), Field(json_schema_extra={"x-node": "vtkMRMLNode"})]
VolumeId = Annotated[
    str,
    _ID,
    NodeMark(("vtkMRMLScalarVolumeNode",)),
    Field(json_schema_extra={"x-node": "vtkMRMLScalarVolumeNode"}),
]
SegmentationId = Annotated[
    str,
    _ID,
    NodeMark(("vtkMRMLSegmentationNode",)),
    Field(json_schema_extra={"x-node": "vtkMRMLSegmentationNode"}),
]
MarkupsId = Annotated[
    str, _ID, NodeMark(("vtkMRMLMarkupsNode",)), Field(json_schema_extra={"x-node": "vtkMRMLMarkupsNode"})
]
ModelId = Annotated[
    str, _ID, NodeMark(("vtkMRMLModelNode",)), Field(json_schema_extra={"x-node": "vtkMRMLModelNode"})
]
TransformId = Annotated[
    str, _ID, NodeMark(("vtkMRMLTransformNode",)), Field(json_schema_extra={"x-node": "vtkMRMLTransformNode"})
]
TableId = Annotated[
    str, _ID, NodeMark(("vtkMRMLTableNode",)), Field(json_schema_extra={"x-node": "vtkMRMLTableNode"})
]
TextId = Annotated[
    str, _ID, NodeMark(("vtkMRMLTextNode",)), Field(json_schema_extra={"x-node": "vtkMRMLTextNode"})
]
SequenceId = Annotated[
    str, _ID, NodeMark(("vtkMRMLSequenceNode",)), Field(json_schema_extra={"x-node": "vtkMRMLSequenceNode"})
]
ReadPath = Annotated[str, _PATH, PathMark("read"), Field(json_schema_extra={"x-path": "read"})]
WritePath = Annotated[str, _PATH, PathMark("write"), Field(json_schema_extra={"x-path": "write"})]
NodeName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
"""A name for a node."""

WebAddress = Annotated[
    str,
    Field(min_length=1, max_length=8192, pattern=r"^https?://[^\x00-\x20\x7f]+$"),
    UrlMark(),
    Field(json_schema_extra={"format": "uri"}),
]


class Bytes:
    """Bytes of any size: the body of a binary route, or base64 text where the arguments are JSON.

    Attributes
    ----------
    view
        Writable or read-only `memoryview` of unsigned bytes. The operation owns it and may keep it.
    """

    __slots__ = ("view",)

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.view = memoryview(data).cast("B")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Bytes], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(cls._describe)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64"}

    @classmethod
    def _validate(cls, value: object) -> Bytes:
        if isinstance(value, Bytes):
            return value
        if isinstance(value, (bytes, bytearray, memoryview)):
            return cls(value)
        if isinstance(value, str):
            try:
                return cls(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError):
                raise PydanticCustomError("base64", "is not base64 text") from None
        raise PydanticCustomError("bytes_type", "must be base64 text, or the body of a binary route")

    @staticmethod
    def _describe(value: Bytes) -> str:
        return f"<{value.view.nbytes} bytes>"
