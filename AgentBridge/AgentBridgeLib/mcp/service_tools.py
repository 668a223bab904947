"""The tools that no operation is behind: jobs, and the way to all operations that are no tools of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from AgentBridgeLib.errors import ArgumentInvalidError, BridgeError, FieldProblem
from AgentBridgeLib.mcp import faults, operation_help, operation_tools, results
from AgentBridgeLib.mcp.profile import tool_name
from AgentBridgeLib.mcp.surface import Tool
from AgentBridgeLib.model.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.dispatch.call import Done
    from AgentBridgeLib.mcp.parts import ProductParts
    from AgentBridgeLib.mcp.runner import OperationRunner
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.mcp.work import Request, Work
    from AgentBridgeLib.registry.operation import Operation

    Run = Callable[[Request, Json], Json | Work]

MOST_FOUND = 8
_TEXT: Json = {"type": "string"}
_JOB: Json = {"type": "string", "description": "Id of the job.", "minLength": 1, "maxLength": 100}
_OPERATION: Json = {"type": "string", "description": "Name of the operation, such as volumes.smooth."}
_DETAIL: Json = {
    "type": "string",
    "enum": ["concise", "full"],
    "default": "concise",
    "description": "full adds errors, notes and the whole schemas.",
}
_ARGUMENTS: Json = {"type": "object", "description": "Its arguments; operations_describe has the schema."}
_WAIT: Json = {
    "type": "number",
    "minimum": 0,
    "maximum": 20,
    "default": 0,
    "description": "Answer when the job changes, or after so many seconds.",
}
_LIMIT: Json = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
_JOB_VIEW: Json = {"type": "object", "properties": {"id": _TEXT, "state": _TEXT}, "required": ["id", "state"]}
_LIST: Json = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": {"type": "object"}}, "total": {"type": "integer"}},
    "required": ["items", "total"],
}
_LOOK = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}
_ACT = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": False}
_STOP = {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}


class ServiceTools:
    """Makes the tools for jobs and operations."""

    def __init__(self, parts: ProductParts, runner: OperationRunner) -> None:
        self._parts = parts
        self._runner = runner
        self.tools = {tool.name: tool for tool in self._make()}

    def entries(self) -> list[Json]:
        """Give their entries in the order of `tools/list`; the search says which families there are to find."""
        entries = {name: tool.description for name, tool in self.tools.items()}
        visible = operation_help.searchable(self._parts.catalog, self._parts.safety.current())
        families = dict.fromkeys(operation.name.partition(".")[0] for operation in visible)
        search = entries["operations_search"]
        told = f"{search['description']} Families: {', '.join(families)}."
        entries["operations_search"] = {**search, "description": told}
        return list(entries.values())

    def _make(self) -> list[Tool]:
        one = {"job_id": _JOB}
        run = {"operation": _OPERATION, "arguments": _ARGUMENTS}
        query = {"type": "string", "description": "The task, in your words; empty for all."}
        limit = {**_LIMIT, "default": MOST_FOUND}
        return [
            _tool("jobs_list", "List jobs, newest first.", self._list, {"limit": _LIMIT}, (), _LOOK, _LIST),
            _tool(
                "jobs_get",
                "Look how far a job is, and wait for a change: state, progress, error. Jobs stay for a day.",
                self._get,
                {**one, "wait_s": _WAIT},
                ("job_id",),
                _LOOK,
                _JOB_VIEW,
            ),
            _tool(
                "jobs_result",
                "Get the result of a job that succeeded; for one that failed its error.",
                self._result,
                one,
                ("job_id",),
                _LOOK,
            ),
            _tool(
                "jobs_cancel",
                "Ask a job to stop. It is canceled when its state says so; half-made nodes are taken back.",
                self._cancel,
                one,
                ("job_id",),
                _STOP,
                _JOB_VIEW,
            ),
            _tool(
                "operations_search",
                "Find operations that are not listed as tools, by what is to be done, such as 'align two scans'; the "
                "best first. Arguments in brackets may be left out.",
                self._search,
                {"query": query, "limit": limit},
                (),
                _LOOK,
                _LIST,
            ),
            _tool(
                "operations_describe",
                "Describe one operation: arguments as JSON Schema, example, members of the result, permission.",
                self._describe,
                {"operation": _OPERATION, "detail": _DETAIL},
                ("operation",),
                _LOOK,
                {"type": "object", "properties": {"name": _TEXT}, "required": ["name"]},
            ),
            _tool(
                "operations_run",
                "Run any operation by its name, with the same checks, permissions and jobs as its own tool. "
                "With as_job it answers at once with a job.",
                self._run,
                {**run, "as_job": {"type": "boolean", "default": False, "description": "Run it as a job."}},
                ("operation",),
                _ACT,
                task="optional",
            ),
        ]

    def _named(self, name: str) -> Operation:
        """Find an operation by its name, or by that of its tool."""
        catalog = self._parts.catalog
        return catalog.get(next((known for known in catalog.operations if tool_name(known) == name), name))

    def _list(self, request: Request, arguments: Json) -> Json:  # noqa: ARG002 - one signature for all
        jobs = self._parts.jobs
        newest = sorted(jobs.machine, key=lambda job: job.created_at, reverse=True)
        views = [jobs.view(job).model_dump(mode="json") for job in newest[: arguments.get("limit", 20)]]
        shown = ("id", "operation", "state", "progress", "created_at", "client")
        items = [{name: view[name] for name in shown} for view in views]
        return results.of_value({"items": items, "total": len(newest)})

    def _get(self, request: Request, arguments: Json) -> Json | Work:  # noqa: ARG002
        job_id, wait_s = arguments["job_id"], float(arguments.get("wait_s", 0))
        job = self._parts.jobs.machine.get(job_id)
        if wait_s <= 0 or job.has_ended:
            return results.of_value(self._runner.view(job_id))
        return self._get_later(job_id, wait_s)

    def _get_later(self, job_id: str, wait_s: float) -> Work:
        state = self._parts.jobs.machine.get(job_id).state
        yield self._runner.follow(job_id, lambda job: job.state is not state, wait_s)
        return results.of_value(self._runner.view(job_id))

    def _result(self, request: Request, arguments: Json) -> Json:  # noqa: ARG002
        job = self._parts.jobs.machine.get(arguments["job_id"])
        operation = self._parts.catalog.get(job.operation)
        done = self._parts.jobs.result(job.id)
        return done_result(operation, done, self._parts.url())

    def _cancel(self, request: Request, arguments: Json) -> Json:  # noqa: ARG002
        self._parts.jobs.cancel(arguments["job_id"])
        return results.of_value(self._runner.view(arguments["job_id"]))

    def _search(self, request: Request, arguments: Json) -> Json:  # noqa: ARG002
        query, limit = arguments.get("query", ""), arguments.get("limit", MOST_FOUND)
        settings = self._parts.safety.current()
        return results.of_value(operation_help.searched(self._parts.catalog, settings, query, limit))

    def _describe(self, request: Request, arguments: Json) -> Json:  # noqa: ARG002
        operation = self._named(arguments["operation"])
        is_concise = arguments.get("detail", "concise") != "full"
        settings = self._parts.safety.current()
        return results.of_value(operation_help.described(operation, settings, is_concise=is_concise))

    def _run(self, request: Request, arguments: Json) -> Json | Work:
        operation = self._named(arguments["operation"])
        given = arguments.get("arguments", {})
        if arguments.get("as_job", False):
            request.is_task = False
            return self._runner.run(request, operation, given, as_job=True)
        return operation_tools.call(self._runner, request, operation, given)


def done_result(operation: Operation, done: Done, url: str) -> Json:
    """Give the result of a job as its tool would have given it."""
    if isinstance(done.payload, Content):
        return results.content_result(operation, done.payload, {}, None, url)
    if operation_tools.is_page(operation):
        return results.page(done.payload, is_concise=True)
    if len(done.payload) > results.LARGEST_TEXT:
        return results.too_large(len(done.payload), f"Read it over HTTP: GET {url}/jobs/ID/result.")
    return results.structured(done.payload)


def _tool(
    name: str,
    description: str,
    run: Run,
    properties: Json,
    required: tuple[str, ...],
    hints: Json,
    output: Json | None = None,
    *,
    task: Literal["never", "optional"] = "never",
) -> Tool:
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    entry: Json = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "description": description,
        "inputSchema": schema,
        "annotations": dict(hints),
    }
    if output is not None:
        entry["outputSchema"] = output

    def checked(request: Request, arguments: Json) -> Json | Work:
        try:
            _check(name, schema, arguments)
            return run(request, arguments)
        except BridgeError as error:
            return faults.error_result(error)

    return Tool(entry, checked, task)


_KINDS: dict[str, tuple[type[Any], ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}


def _check(name: str, schema: Json, arguments: Json) -> None:
    """Check arguments against the small part of JSON Schema that the tools here use."""
    properties = schema["properties"]
    problems = [
        FieldProblem(f"/{key}", "is unknown", f"one of: {', '.join(properties)}")
        for key in arguments
        if key not in properties
    ]
    problems += [
        FieldProblem(f"/{key}", "is missing") for key in schema.get("required", ()) if key not in arguments
    ]
    for key, entry in properties.items():
        if key in arguments and not _fits(arguments[key], entry):
            problems.append(FieldProblem(f"/{key}", "has no usable value", results.compact(entry)))
    if problems:
        listed = "; ".join(f"{problem.pointer} {problem.problem}" for problem in problems)
        raise ArgumentInvalidError(f"{name} got arguments it cannot use: {listed}.", errors=problems)


def _fits(value: object, entry: Json) -> bool:
    kind = entry["type"]
    if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return bool(entry.get("minimum", value) <= value <= entry.get("maximum", value))
    if isinstance(value, str):
        return len(value) <= entry.get("maxLength", 1000) and value in entry.get("enum", (value,))
    return True
