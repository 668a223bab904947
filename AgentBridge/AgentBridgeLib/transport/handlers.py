"""Request handlers of Slicer's WebServer module around objects of ours.

The contract of `WebServerLib.BaseRequestHandler`: keywords `method: str, uri: bytes, requestBody: bytes`, an answer of
(content type, body), both bytes; the highest confidence wins. `canHandleRequest` is called outside any `try`: if it
raises, the client waits for ever. `logMessage` is set from outside.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from AgentBridgeLib.host.qtcompat import attempt, report_incident
from AgentBridgeLib.transport.answers import problem_of_last_resort
from AgentBridgeLib.transport.safe_application import as_bridge_error

if TYPE_CHECKING:
    from AgentBridgeLib.model.exchange import Response

PlainAnswer = tuple[bytes, bytes]
"""Content type and body; Slicer's server sends nothing else of an answer."""

_OK_BELOW = 400


class HandlerCore(Protocol):
    """What decides and answers behind a handler."""

    def confidence(self, method: str, uri: bytes, body: bytes) -> float:
        """Say how sure it is that the request is its own: 0 to 1."""

    def answer(self, method: str, uri: bytes, body: bytes) -> PlainAnswer:
        """Answer a request that it claimed."""


def make_handler(base: type, core: HandlerCore) -> object:
    """Make a handler that Slicer's WebServer accepts.

    Parameters
    ----------
    base
        `WebServerLib.BaseRequestHandler`, whose constructor is abstract.
    core
        Asked for everything. If it fails, the request is claimed and answered with the fault: for a guard that is
        the safe side, and the client is not left waiting.
    """

    class Handler(base):  # type: ignore[misc]  # known at run time only
        def __init__(self) -> None:
            self.logMessage = None

        def canHandleRequest(self, method: str, uri: bytes, requestBody: bytes) -> float:  # noqa: N802, N803
            return attempt(lambda: core.confidence(method, uri, requestBody), _claim_after_fault)

        def handleRequest(self, method: str, uri: bytes, requestBody: bytes) -> PlainAnswer:  # noqa: N802, N803
            return attempt(lambda: core.answer(method, uri, requestBody), _answer_fault)

    return Handler()


def as_plain_answer(response: Response) -> PlainAnswer:
    """Put an answer into a body alone: the status line is always Slicer's.

    A failure carries `status`, `code` and `success: false` inside, so that no client takes it for a result. An empty
    body would become Slicer's 404, so there is none.
    """
    headers = {name.lower(): value for name, value in response.headers}
    content_type = headers.get("content-type", "application/octet-stream").encode("latin-1")
    body = b"".join(bytes(part) for part in response.body)
    if response.status >= _OK_BELOW:
        return _problem(_members(body), response.status, "internal", "The request failed.")
    if not body:
        return b"application/json", json.dumps({"status": response.status}).encode()
    return content_type, body


def _claim_after_fault(error: BaseException) -> float:
    report_incident("claiming a request of Slicer's WebServer", error)
    return 1.0


def _answer_fault(error: BaseException) -> PlainAnswer:
    """Answer in our words; the server would send the exception's own text."""
    fault = as_bridge_error("answering a request of Slicer's WebServer", error)
    return as_plain_answer(problem_of_last_resort(fault))


def _problem(members: dict[str, Any], status: int, code: str, detail: str) -> PlainAnswer:
    document = {
        "type": "about:blank",
        "detail": detail,
        "code": code,
        **members,
        "status": status,
        "success": False,
    }
    return b"application/problem+json", json.dumps(document).encode()


def _members(body: bytes) -> dict[str, Any]:
    """Read a problem document; nothing of it when it is none."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
