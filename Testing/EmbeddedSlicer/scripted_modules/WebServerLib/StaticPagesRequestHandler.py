"""In the place of Slicer's static pages: it only records which file would have been served.

`Modules/Scripted/WebServer/WebServerLib/StaticPagesRequestHandler.py` joins the document root and the request
without a check, so `/../..` and absolute paths leave it. The recorder answers with that path and reads
nothing.
"""

from __future__ import annotations

import json
import os.path

from WebServerLib.BaseRequestHandler import BaseRequestHandler, BaseRequestLoggingFunction


class StaticPagesRequestHandler(BaseRequestHandler):
    """Recorder of requests for files."""

    def __init__(self, docroot: bytes, logMessage: BaseRequestLoggingFunction | None = None) -> None:
        self.uriRewriteRules: list[tuple[str, str]] = []
        self.docroot = docroot
        self.logMessage = logMessage

    def canHandleRequest(self, method: str, uri: bytes, requestBody: bytes) -> float:
        """Claim everything with 0.1."""
        del method, uri, requestBody
        return 0.1

    def handleRequest(self, method: str, uri: bytes, requestBody: bytes) -> tuple[bytes, bytes]:
        """Name the file; nothing is read."""
        del requestBody
        path = os.path.join(self.docroot, uri.removeprefix(b"/"))  # noqa: PTH118 - bytes, and unchecked as in Slicer
        return b"application/json", json.dumps(
            {"recorded": "file", "method": method, "path": path.decode()}
        ).encode()
