"""Names and numbers of the Model Context Protocol, as its specifications of 2025-03-26 to 2026-07-28 fix them."""

from __future__ import annotations

from typing import Any

MODERN = ("2026-07-28",)
"""Stateless versions: every request says who asks and what it can do."""

LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Versions with a handshake, newest first. 2024-11-05 is served like 2025-03-26, without its own transport."""

ASSUMED_LEGACY = "2025-03-26"
"""What a client speaks that sends no version header (2025-11-25, transports)."""

_PREFIX = "io.modelcontextprotocol/"
META_VERSION = _PREFIX + "protocolVersion"
META_CAPABILITIES = _PREFIX + "clientCapabilities"
META_CLIENT = _PREFIX + "clientInfo"
META_LOG_LEVEL = _PREFIX + "logLevel"
META_SUBSCRIPTION = _PREFIX + "subscriptionId"
META_SERVER = _PREFIX + "serverInfo"
TASKS_EXTENSION = _PREFIX + "tasks"

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RESOURCE_NOT_FOUND = -32002
"""Handshake versions only; 2026-07-28 answers -32602 with `data.uri`."""
HEADER_MISMATCH = -32020
CAPABILITY_MISSING = -32021
VERSION_UNSUPPORTED = -32022

JSON_TYPE = "application/json"
EVENT_STREAM_TYPE = "text/event-stream"

Json = dict[str, Any]

TOOLS_CHANGED = "toolsListChanged"
PROMPTS_CHANGED = "promptsListChanged"
LIST_NOTICES = {
    TOOLS_CHANGED: "notifications/tools/list_changed",
    PROMPTS_CHANGED: "notifications/prompts/list_changed",
}
"""What `subscriptions/listen` can be asked for, and the notification that tells it."""
