"""What the DICOMweb service can do (PS3.18, 8.9 and annex H), read from the catalogue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from AgentBridgeLib.model.content import Content
from AgentBridgeLib.operations.dicom import negotiation
from AgentBridgeLib.operations.dicom.web_arguments import WebArguments, accepted
from AgentBridgeLib.operations.dicom.web_rendered import PICTURES
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.registry.operation import Operation

_ROOT = "/dicomweb"
_WADL = "application/vnd.sun.wadl+xml"


def _parts(kind: str) -> str:
    return f'multipart/related; type="{kind}"'


_ATTRIBUTES = (negotiation.JSON, "application/json", _parts(negotiation.XML))
_FILES = (_parts(negotiation.DICOM),)
_BYTES = (_parts(negotiation.OCTETS), negotiation.OCTETS)
_GIVEN = (
    ("search_", _ATTRIBUTES),
    ("study_metadata", _ATTRIBUTES),
    ("series_metadata", _ATTRIBUTES),
    ("instance_metadata", _ATTRIBUTES),
    ("retrieve_by_uri", (*PICTURES, negotiation.DICOM, "text/plain")),
    ("retrieve_frames", (*_BYTES, _parts("image/*"))),
    ("retrieve_instance", (*_FILES, negotiation.DICOM)),
    ("retrieve_", _FILES),
    ("bulk_data", _BYTES),
    ("render_", (*PICTURES, *(_parts(kind) for kind in PICTURES))),
    ("store", (negotiation.JSON,)),
    ("capabilities", (_WADL, "application/json")),
    ("", PICTURES),  # thumbnails
)
"""Beginning of an operation's name to the media types of its answers; the first that fits counts."""


@operation(
    name="dicomweb.capabilities",
    capability="dicom.read",
    route=f"GET {_ROOT}",
    read_only=True,
    revision_scope="none",
)
def capabilities(context: OperationContext, arguments: WebArguments) -> Content:
    """Say which resources the DICOMweb service has, with their query parameters and media types.

    Returns
    -------
    Content
        A WADL document, or the same as JSON when that is wanted more.

    Raises
    ------
    NotAcceptableError
        The client accepts neither.

    Notes
    -----
    Source: DICOM PS3.18, 8.9 and annex H.
    """
    kind = negotiation.choose(accepted(context, arguments), _WADL, "application/json")
    offered = [_described(one) for one in context.catalog if one.name.startswith("dicomweb.")]
    if kind == _WADL:
        return Content(kind, ["".join(_document(context.caller.base_url + _ROOT, offered)).encode()])
    return Content(kind, [json.dumps({"resources": offered}, separators=(",", ":")).encode()])


def _described(one: Operation) -> dict[str, Any]:
    route = one.mark.route
    assert route is not None
    name = one.name.removeprefix("dicomweb.")
    properties = one.schemas["arguments"]["properties"]
    return {
        "path": route.path.removeprefix(_ROOT).lstrip("/"),
        "method": route.method,
        "operation": one.name,
        "summary": one.summary,
        "query": [key for key in properties if f"{{{key}}}" not in route.path and key != "content"],
        "media_types": list(next(kinds for start, kinds in _GIVEN if name.startswith(start))),
    }


def _document(base: str, offered: list[dict[str, Any]]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<application xmlns="http://wadl.dev.java.net/2009/02">'
    yield f"<resources base={quoteattr(base + '/')}>"
    for one in offered:
        yield f"<resource path={quoteattr(one['path'])}>"
        yield f'<method name="{one["method"]}" id={quoteattr(one["operation"])}>'
        yield f"<doc>{escape(one['summary'])}</doc><request>"
        yield from (f'<param name={quoteattr(name)} style="query"/>' for name in one["query"])
        if one["method"] == "POST":
            yield f"<representation mediaType={quoteattr(_parts(negotiation.DICOM))}/>"
        yield '</request><response status="200">'
        yield from (f"<representation mediaType={quoteattr(kind)}/>" for kind in one["media_types"])
        yield "</response></method></resource>"
    yield "</resources></application>\n"
