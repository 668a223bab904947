"""Resources: the scene, nodes, results of jobs, pictures and help, under ``slicer://``.

They are read through dispatch, so permissions and the identifier policy apply as to every call.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from AgentBridgeLib.dispatch.call import Accepted, Done, Failed
from AgentBridgeLib.errors import BridgeError, OperationFailedError
from AgentBridgeLib.mcp import results
from AgentBridgeLib.mcp.faults import rpc_error
from AgentBridgeLib.mcp.guide import HELP
from AgentBridgeLib.mcp.methods import resource_missing
from AgentBridgeLib.mcp.runner import OutcomeBox
from AgentBridgeLib.mcp.work import Request, Wait
from AgentBridgeLib.model.content import Content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.dispatch.call import Outcome
    from AgentBridgeLib.mcp.messages import RpcError
    from AgentBridgeLib.mcp.parts import ProductParts
    from AgentBridgeLib.mcp.runner import OperationRunner
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.mcp.work import Work

_MISSING = frozenset(
    {"scene.node_not_found", "job.unknown", "job.expired", "operation.unknown", "argument.invalid"}
)
_LARGEST = 8 << 20
_LISTED_BY = {"volume_id": "volumes.list", "segmentation_id": "segmentations.list"}
"""Arguments of prompts, and the operation that lists what they may be."""
_JSON = "application/json"

RESOURCES: list[Json] = [
    {
        "uri": "slicer://scene",
        "name": "scene",
        "title": "The scene",
        "description": "Counts of nodes, extent in mm, active volume, layout.",
        "mimeType": _JSON,
    },
    *(
        {
            "uri": f"slicer://help/{topic}",
            "name": f"help {topic}",
            "title": f"Help: {topic}",
            "description": f"What an agent should know of {topic}.",
            "mimeType": "text/plain",
        }
        for topic in HELP
    ),
]

TEMPLATES: list[Json] = [
    {
        "uriTemplate": "slicer://node/{id}",
        "name": "node",
        "title": "A node",
        "description": "Everything that is known of one node.",
        "mimeType": _JSON,
    },
    {
        "uriTemplate": "slicer://job/{id}/result",
        "name": "job result",
        "title": "Result of a job",
        "description": "The result of a job that succeeded, in full.",
    },
    {
        "uriTemplate": "slicer://view/{name}/image",
        "name": "view",
        "title": "Picture of a view",
        "description": "What a slice view (Red, Yellow, Green) or 3D view shows now, 1024 pixels wide, as PNG.",
        "mimeType": "image/png",
    },
    {
        "uriTemplate": "slicer://help/{topic}",
        "name": "help",
        "title": "Help",
        "description": "What an agent should know of a topic.",
        "mimeType": "text/plain",
    },
]


class ProductResources:
    """Reads resources and completes their names."""

    def __init__(self, parts: ProductParts, runner: OperationRunner) -> None:
        self._parts = parts
        self._runner = runner

    def read(self, request: Request, uri: str) -> Json | Work | None:
        """Read a resource; None when nothing of this form exists."""
        kind, _, rest = uri.removeprefix("slicer://").partition("/")
        if not uri.startswith("slicer://"):
            return None
        if kind == "scene" and not rest:
            return self._read(request, uri, "scene.summary", {})
        if kind == "help" and rest in HELP:
            return {"contents": [{"uri": uri, "mimeType": "text/plain", "text": HELP[rest]}]}
        if kind == "node" and rest:
            return self._read(request, uri, "nodes.get", {"node_id": unquote(rest)})
        if kind == "job" and rest.endswith("/result"):
            return self._job_result(request, uri, unquote(rest.removesuffix("/result")))
        if kind == "view" and rest.endswith("/image"):
            return self._view(request, uri, unquote(rest.removesuffix("/image")))
        if kind == "picture":
            name, _, query = rest.partition("?")
            if results.sizes(self._parts.catalog.get(name)):
                return self._read(request, uri, name, dict(parse_qsl(query)), lax=True)
        return None

    def complete(self, reference: Json, argument: str, value: str) -> Sequence[str]:
        """Give ids and names that a template's argument could have."""
        template = str(reference.get("uri", ""))
        if template.startswith("slicer://node/") and argument == "id":
            known = [item["id"] for item in self._ask("nodes.list", {"limit": 1000}).get("items", ())]
        elif template.startswith("slicer://job/") and argument == "id":
            known = [job.id for job in self._parts.jobs.machine]
        elif template.startswith("slicer://view/") and argument == "name":
            known = self._view_names()
        elif template.startswith("slicer://help/") and argument == "topic":
            known = list(HELP)
        elif reference.get("type") == "ref/prompt" and argument in _LISTED_BY:
            known = [item["id"] for item in self._ask(_LISTED_BY[argument], {"limit": 1000}).get("items", ())]
        else:
            known = []
        begun = [name for name in known if name.startswith(value)]
        return begun or [name for name in known if value.lower() in name.lower()]

    def _view_names(self) -> list[str]:
        views = self._ask("views.list", {})
        return [view["name"] for family in ("slices", "threed") for view in views.get(family, ())]

    def _ask(self, operation: str, arguments: Json) -> dict[str, Any]:
        """Ask an operation that answers at once; nothing when it may not, or when Slicer is busy."""
        box = OutcomeBox()
        request = Request(is_modern=True, capabilities={}, client="completion")
        self._runner.call(request, operation, arguments, box)
        outcome = box.outcome
        is_text = isinstance(outcome, Done) and isinstance(outcome.payload, bytes)
        return json.loads(outcome.payload) if is_text else {}  # type: ignore[union-attr, arg-type]

    def _view(self, request: Request, uri: str, name: str) -> Json | Work:
        slices = [view["name"] for view in self._ask("views.list", {}).get("slices", ())]
        operation = "views.slice_image" if name in slices else "views.threed_image"
        size = {"width": results.LARGEST_SIDE_PX, "height": results.LARGEST_SIDE_PX}
        return self._read(request, uri, operation, {"name": name, **size})

    def _job_result(self, request: Request, uri: str, job_id: str) -> Json:
        try:
            return _contents(uri, self._parts.jobs.result(job_id))
        except BridgeError as error:
            raise _as_rpc(request, uri, error) from None

    def _read(
        self, request: Request, uri: str, operation: str, arguments: Json, *, lax: bool = False
    ) -> Json | Work:
        box = OutcomeBox()
        self._runner.call(request, operation, arguments, box, lax=lax)
        if box.outcome is not None:
            return _answer(request, uri, box.outcome)

        def work() -> Work:
            outcome = yield Wait(box.arm)
            return _answer(request, uri, outcome)

        return work()


def _answer(request: Request, uri: str, outcome: Outcome) -> Json:
    if isinstance(outcome, Done):
        return _contents(uri, outcome)
    if isinstance(outcome, Failed):
        raise _as_rpc(request, uri, outcome.error)
    if isinstance(outcome, Accepted):
        raise rpc_error(
            OperationFailedError(f"{outcome.job.operation} waits for the person, as job {outcome.job.id}.")
        )
    raise TypeError(f"{type(outcome).__name__} is no answer to a read")


def _contents(uri: str, done: Done) -> Json:
    if done.size > _LARGEST:
        raise rpc_error(
            OperationFailedError(
                f"This has {done.size} bytes, more than the {_LARGEST} of a resource. Read it over HTTP."
            )
        )
    if isinstance(done.payload, Content):
        blob = {"mimeType": done.payload.media_type, "blob": results.encoded(done.payload)}
        return {"contents": [{"uri": uri, **blob}]}
    return {"contents": [{"uri": uri, "mimeType": _JSON, "text": done.payload.decode("utf-8")}]}


def _as_rpc(request: Request, uri: str, error: BridgeError) -> RpcError:
    return resource_missing(request, uri, error.message) if error.code in _MISSING else rpc_error(error)
