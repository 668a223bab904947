"""Tools made from the catalogue: name, description, schemas and hints come from the declaration of the operation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from AgentBridgeLib.mcp import results, schemas, terse
from AgentBridgeLib.mcp.profile import tool_name
from AgentBridgeLib.mcp.surface import Tool

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.runner import OperationRunner
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.mcp.work import Request, Work
    from AgentBridgeLib.registry.operation import Operation

_DETAIL: Json = {
    "type": "string",
    "enum": ["concise", "full"],
    "default": "concise",
    "description": "concise leaves out members without a value.",
}
_SECTIONS = ("Parameters", "Returns", "Raises", "Warnings", "Notes", "Yields", "See Also", "Examples")
_MORE = " operations_describe has all details."
_SPELLED = {"dicom": "DICOM", "dicomweb": "DICOMweb", "cli modules": "CLI modules"}
_LONGEST_DESCRIPTION = 420


def make_tool(operation: Operation, runner: OperationRunner) -> Tool:
    """Make the tool of an operation."""

    def run(request: Request, arguments: Json) -> Json | Work:
        return call(runner, request, operation, arguments)

    can_be_task = operation.mark.execution != "inline" or operation.mark.long
    return Tool(describe(operation), run, "optional" if can_be_task else "never")


def call(runner: OperationRunner, request: Request, operation: Operation, arguments: Json) -> Json | Work:
    """Call an operation; a page of a list has as many items as an agent can afford."""
    if not is_page(operation):
        return runner.run(request, operation, arguments)
    given = dict(arguments)
    is_concise = given.pop("detail", "concise") != "full"
    shape = partial(results.page, is_concise=is_concise)
    while True:
        found = runner.run(request, operation, given, shape=shape)
        value = found.get("structuredContent", {}) if isinstance(found, dict) else {}
        if "items" not in value or "is_truncated" in value:
            return found
        count = results.fitting(value, is_concise=is_concise)
        if count == len(value["items"]):
            return found
        # Its cursor points behind the last item, so the page is asked for again, up to where it fits.
        given["limit"] = count


def describe(operation: Operation) -> Json:
    """Make the entry of `tools/list`."""
    arguments = schemas.for_arguments(operation.schemas["arguments"])
    short = terse.shortened(arguments)
    is_short, arguments = short is not arguments, short
    if is_page(operation):
        arguments["properties"] = {**arguments.get("properties", {}), "detail": _DETAIL}
    entry: Json = {
        "name": tool_name(operation.name),
        "title": _title(operation.name),
        "description": description(operation) + (_MORE if is_short else ""),
        "inputSchema": arguments,
        "annotations": hints(operation),
    }
    output = output_schema(operation)
    if output is not None:
        entry["outputSchema"] = output
    return entry


def output_schema(operation: Operation) -> Json | None:
    """Give the schema of what the tool answers; None for bytes."""
    if operation.result is None:
        return None
    result = operation.schemas["result"]
    schema = schemas.for_page(result) if is_page(operation) else schemas.for_result(result)
    return schemas.or_job(schema) if operation.mark.execution != "inline" or operation.mark.long else schema


def is_page(operation: Operation) -> bool:
    """Whether the result is one page of a list."""
    fields = operation.result.model_fields if operation.result is not None else {}
    return "items" in fields and "limit" in operation.arguments.model_fields


def hints(operation: Operation) -> Json:
    """Give all four hints; clients assume the worst of what is not said."""
    mark = operation.mark
    return {
        "readOnlyHint": mark.read_only,
        "destructiveHint": mark.destructive,
        "idempotentHint": mark.idempotent,
        "openWorldHint": mark.capability == "network",
    }


def description(operation: Operation) -> str:
    """Give the docstring up to its first section, and what an agent has to know about time and approval."""
    prose = _prose(operation.description)
    more = []
    if operation.mark.execution != "inline" or operation.mark.long:
        more.append("May answer with a job: follow it with jobs_get.")
    if operation.mark.destructive:
        more.append("May wait for the person's approval.")
    return " ".join([_shortened(prose), *more])


def _shortened(prose: str) -> str:
    """Keep whole sentences up to the limit; `operations_describe` has the rest."""
    if len(prose) <= _LONGEST_DESCRIPTION:
        return prose
    end = prose.rfind(". ", 0, _LONGEST_DESCRIPTION)
    return prose[: end + 1] if end > 0 else prose[:_LONGEST_DESCRIPTION]


def _prose(docstring: str) -> str:
    lines: list[str] = []
    for line in docstring.splitlines():
        if line.strip() in _SECTIONS:
            break
        lines.append(line.strip())
    return " ".join(" ".join(lines).split())


def _title(name: str) -> str:
    family, _, verb = name.replace("_", " ").partition(".")
    spelled = _SPELLED.get(family, family.capitalize())
    return f"{spelled}: {verb.replace('.', ' ').replace('threed', '3D')}"
