"""Say in the words of tools what the bridge says of routes: an agent has no routes, it has tools."""

from __future__ import annotations

import re

_ROUTE = re.compile(
    r"\b(?:GET|POST|PUT|PATCH|DELETE) (?:https?://[^/\s]+)?/agent/v1/(?P<path>[\w./{}-]+?)(?:\?[\w=&]+)?"
    r"(?=[.,;:]?(?:\s|$))"
)
_KNOWN = {
    "operations": "operations_search",
    "jobs": "jobs_list",
    "checkpoints": "operations_run with the operation checkpoints.list",
    "log": "operations_run with the operation application.log",
    "cli-modules": "operations_run with the operation cli_modules.list",
}


def for_agents(text: str) -> str:
    """Name a tool in the place of every route."""
    return _ROUTE.sub(lambda match: _tool_for(match["path"]), text)


def _tool_for(path: str) -> str:
    family, _, name = path.partition("/")
    if family == "operations" and name:
        return f"operations_describe with the operation {name}"
    if family == "cli-modules" and name:
        return f"operations_run with the operation cli_modules.get and the name {name}"
    if family == "jobs" and name:
        return f"jobs_get with job_id {name.partition('/')[0]} and wait_s 20"
    return _KNOWN.get(family, f"operations_search with the query '{family}'")
