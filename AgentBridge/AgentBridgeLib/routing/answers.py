"""Turn outcomes and errors into HTTP answers."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING
from urllib.parse import quote

from AgentBridgeLib.dispatch.call import Accepted, Done, NotModified
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.model.envelopes import problem
from AgentBridgeLib.model.exchange import Response

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.call import Outcome
    from AgentBridgeLib.errors import BridgeError
    from AgentBridgeLib.model.base import Result

Headers = list[tuple[str, str]]

JSON_TYPE = ("Content-Type", "application/json")
PROBLEM_TYPE = ("Content-Type", "application/problem+json")
_CACHING = ("Cache-Control", "private, no-cache")
_NO_STORE = ("Cache-Control", "no-store")


def from_outcome(outcome: Outcome, request_id: str) -> Response:
    """Give the answer to a call."""
    if isinstance(outcome, Done):
        return _done(outcome)
    if isinstance(outcome, Accepted):
        headers = [("Location", outcome.job.links.self), ("Preference-Applied", "respond-async")]
        return from_model(outcome.job, status=202, headers=headers)
    if isinstance(outcome, NotModified):
        headers = [("ETag", outcome.etag), _CACHING, ("X-Scene-Revision", str(outcome.revision))]
        return Response(304, headers)
    return from_error(outcome.error, request_id, outcome.operation)


def from_error(error: BridgeError, request_id: str = "", operation: str = "") -> Response:
    """Give the problem document of an error, with the headers that its status asks for."""
    document = problem(error, request_id=request_id, operation=operation)
    headers: Headers = [PROBLEM_TYPE, _NO_STORE]
    if error.wire.status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    if error.retry_after_s is not None:
        headers.append(("Retry-After", str(max(1, math.ceil(error.retry_after_s)))))
    allowed = error.facts.get("allowed_methods")
    if isinstance(allowed, list):
        headers.append(("Allow", ", ".join(allowed)))
    return Response(error.wire.status, headers, [_dump(document)])


def from_model(model: Result, *, status: int = 200, headers: Headers | None = None) -> Response:
    """Give a model as JSON."""
    return from_json(model.model_dump_json().encode(), status=status, headers=headers)


def from_json(text: bytes, *, status: int = 200, headers: Headers | None = None) -> Response:
    """Give JSON text that is not to be cached."""
    return Response(status, [JSON_TYPE, _NO_STORE, *(headers or ())], [text])


def _done(done: Done) -> Response:
    headers: Headers = [("ETag", done.etag), _CACHING] if done.etag else [_NO_STORE]
    if done.revision is not None:
        headers.append(("X-Scene-Revision", str(done.revision)))
    if done.undo_problem:
        headers.append(("X-AgentBridge-No-Undo", done.undo_problem))
    if not isinstance(done.payload, Content):
        return Response(done.status, [JSON_TYPE, *headers], [done.payload])
    content = done.payload
    headers.append(("Content-Type", content.media_type))
    headers.append(("X-Content-Type-Options", "nosniff"))
    if content.filename:
        headers.append(
            ("Content-Disposition", f"inline; filename*=UTF-8''{quote(content.filename, safe='')}")
        )
    if content.facts:
        headers.append(("X-AgentBridge-Content", json.dumps(dict(content.facts), separators=(",", ":"))))
    headers += content.headers.items()
    return Response(content.status or done.status, headers, content.parts)


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
