"""In the place of Slicer's own handler: it only records which of its routes a request reaches.

`Modules/Scripted/WebServer/WebServerLib/SlicerRequestHandler.py` executes code, deletes nodes and quits the
application. This one has its confidence, its routing by prefix of the parsed path and its order of routes,
and answers with the name of the route that would have run, so that a guard in front of it can be tested.
"""

from __future__ import annotations

import json
import os.path
from typing import Any
from urllib.parse import urlparse

from WebServerLib.BaseRequestHandler import BaseRequestHandler, BaseRequestLoggingFunction

#: In Slicer's order: the first prefix wins, so `/execute` is `/exec` and `/slices` is `/slice`.
ROUTES = (
    *("timeimage", "system", "gui", "screenshot", "slice", "threeDGraphics", "threeD", "mrml", "tracking"),
    *("sampledata", "volumeSelection", "volumes", "volume", "gridTransforms", "gridTransform", "fiducials"),
    *("fiducial", "segmentations", "segmentation", "accessDICOMwebStudy"),
)


class SlicerRequestHandler(BaseRequestHandler):
    """Recorder of requests below `/slicer`."""

    def __init__(
        self, enableExec: bool = False, logMessage: BaseRequestLoggingFunction | None = None
    ) -> None:
        self.enableExec = enableExec
        self.logMessage = logMessage

    def canHandleRequest(self, method: str, uri: bytes, requestBody: bytes) -> float:
        """Claim `/slicer/...` with 0.5."""
        del method, requestBody
        return 0.5 if os.path.split(urlparse(uri).path)[0].startswith(b"/slicer") else 0.0

    def handleRequest(self, method: str, uri: bytes, requestBody: bytes) -> tuple[bytes, bytes]:
        """Name the route that Slicer's handler would have taken; nothing else happens."""
        command = urlparse(uri).path.removeprefix(b"/slicer").decode()
        routes = ("exec", *ROUTES) if self.enableExec else ROUTES
        route = next((name for name in routes if command.startswith(f"/{name}")), None)
        if route is None:
            message = f'unknown command "{command}"'
            raise RuntimeError(message)
        record: dict[str, Any] = {
            "recorded": route,
            "method": method,
            "uri": uri.decode(),
            "bytes": len(requestBody),
        }
        return b"application/json", json.dumps(record).encode()
