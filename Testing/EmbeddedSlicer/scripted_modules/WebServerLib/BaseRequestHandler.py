"""The interface of request handlers.

Follows `Modules/Scripted/WebServer/WebServerLib/BaseRequestHandler.py`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

BaseRequestLoggingFunction = Callable[[list[Any]], None]


class BaseRequestHandler(abc.ABC):
    """Base of all handlers; `__init__` is abstract as well, so a handler must define it."""

    @abc.abstractmethod
    def __init__(self, logMessage: BaseRequestLoggingFunction | None, **keywords: Any) -> None:
        """Make a handler; `logMessage` is replaced for each connection."""

    @abc.abstractmethod
    def canHandleRequest(self, method: str, uri: bytes, requestBody: bytes) -> float:
        """Say how well the handler suits a request, 0 to 1; the highest number wins."""

    @abc.abstractmethod
    def handleRequest(self, method: str, uri: bytes, requestBody: bytes) -> tuple[bytes, bytes]:
        """Answer a request: (content type, body). An empty body becomes a 404, an exception a 500."""
