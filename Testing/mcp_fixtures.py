"""Tools, resources and prompts that the protocol's conformance suite asks for by name. Test fixtures, never shipped.

Names, property names and a few values are prescribed by the suite (`examples/servers/typescript/everything-server.ts`
and `src/scenarios/server` of modelcontextprotocol/conformance); everything else is filler.
"""

# One signature for all fixtures; the suite says what each does.
# ruff: noqa: ANN001, ANN201, ANN202, ARG001, ARG002, ARG005, D102, D103, RUF012

from __future__ import annotations

import base64
import io
import json
import re
import struct
import wave
import zlib
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.mcp.messages import RpcError
from AgentBridgeLib.mcp.surface import Tool
from AgentBridgeLib.mcp.vocabulary import CAPABILITY_MISSING, LIST_NOTICES, PROMPTS_CHANGED, TOOLS_CHANGED
from AgentBridgeLib.mcp.work import Ask, CloseStream, InputRequiredError, Log, Progress, Wait, text_result

if TYPE_CHECKING:
    from collections.abc import Callable

STRING = {"type": "string"}
BOOLEAN = {"type": "boolean"}
ROOTS = {"method": "roots/list", "params": {}}
EMPTY = {"type": "object", "additionalProperties": False}
LINKED_RESOURCE = "test://static-text"


def fields(**properties: Any) -> dict[str, Any]:
    """Make a schema whose members are all required."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def form(message: str, properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    """Make a question with named fields."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


def modern_form(message: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Make the same question as 2026-07-28 wants it: it says that it is a form."""
    question = form(message, properties)
    question["params"]["mode"] = "form"
    return question


def sampling(prompt: str) -> dict[str, Any]:
    """Make a question to the client's model."""
    messages = [{"role": "user", "content": {"type": "text", "text": prompt}}]
    return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": 50}}


def make_png() -> str:
    """Draw 2 by 2 pixels of 8-bit gray."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0\x00\xff\0\xff\x00")
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return base64.b64encode(b"".join(parts)).decode()


def make_wav() -> str:
    """Record two samples of silence."""
    data = io.BytesIO()
    with wave.open(data, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(b"\x80\x80")
    return base64.b64encode(data.getvalue()).decode()


IMAGE = {"type": "image", "data": make_png(), "mimeType": "image/png"}


def embedded(uri: str, media_type: str, content: str) -> dict[str, Any]:
    """Make a content block that carries a resource."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": media_type, "text": content}}


def user(content: str | dict[str, Any]) -> list[dict[str, Any]]:
    """Make the messages of a prompt."""
    block = content if isinstance(content, dict) else {"type": "text", "text": content}
    return [{"role": "user", "content": block}]


class FixtureSurface:
    """Serves the fixtures; see `AgentBridgeLib.mcp.surface.Surface`."""

    has_test_methods = True
    instructions = "Fixtures of the conformance suite."
    server_info = {"name": "agentbridge-conformance", "version": "1.0.0"}

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self.notify: Callable[[str], None] = lambda kind: None
        self._tools: dict[str, Tool] = {}
        for name, function in vars(type(self)).items():
            declared = getattr(function, "declared", None)
            if declared is not None:
                schema, task = declared
                description = {"name": name, "description": function.__doc__ or name, "inputSchema": schema}
                self._tools[name] = Tool(description, getattr(self, name), task)

    def sleep(self, seconds: float) -> Wait:
        """Go on after a while."""
        return Wait(lambda wake: self.loop.call_later(seconds, lambda: wake(None)).cancel)

    def tools(self):
        return [tool.description for tool in self._tools.values()]

    def tool(self, name):
        return self._tools.get(name)

    def resources(self):
        return [
            {"uri": "test://static-text", "name": "static-text", "mimeType": "text/plain"},
            {"uri": "test://static-binary", "name": "static-binary", "mimeType": "image/png"},
            {"uri": "test://watched-resource", "name": "watched-resource", "mimeType": "text/plain"},
        ]

    def templates(self):
        return [{"uriTemplate": "test://template/{id}/data", "name": "template"}]

    def read(self, request, uri):
        contents = {
            "test://static-text": {"mimeType": "text/plain", "text": "some words"},
            "test://static-binary": {"mimeType": "image/png", "blob": make_png()},
            "test://watched-resource": {"mimeType": "text/plain", "text": "watched"},
        }
        match = re.fullmatch(r"test://template/([^/]+)/data", uri)
        if match:
            contents[uri] = {"mimeType": "application/json", "text": json.dumps({"id": match[1]})}
        return {"contents": [{"uri": uri, **contents[uri]}]} if uri in contents else None

    def prompts(self):
        arguments = {
            "test_simple_prompt": (),
            "test_prompt_with_arguments": ("arg1", "arg2"),
            "test_prompt_with_embedded_resource": ("resourceUri",),
            "test_prompt_with_image": (),
            "test_input_required_result_prompt": (),
        }
        return [
            {
                "name": name,
                "description": name,
                "arguments": [
                    {"name": argument, "description": argument, "required": True} for argument in names
                ],
            }
            for name, names in arguments.items()
        ]

    def prompt(self, request, name, arguments):
        if name == "test_simple_prompt":
            return {"messages": user("Say hello.")}
        if name == "test_prompt_with_arguments":
            return {"messages": user(f"{arguments['arg1']} and {arguments['arg2']}")}
        if name == "test_prompt_with_embedded_resource":
            resource = embedded(arguments["resourceUri"], "text/plain", "words inside")
            return {"messages": user(resource) + user("Read it.")}
        if name == "test_prompt_with_image":
            return {"messages": user(IMAGE) + user("Look at it.")}
        if name == "test_input_required_result_prompt":
            answer = (request.responses or {}).get("user_context")
            if not answer:
                raise InputRequiredError({"user_context": modern_form("which context?", {"context": STRING})})
            return {"messages": user(answer["content"]["context"])}
        return None

    def complete(self, reference, argument, value):
        return []


def tool(schema: dict[str, Any] | None = None, task: str = "never") -> Callable[[Any], Any]:
    """Declare a fixture; the first argument of the function is the surface."""

    def declare(function: Any) -> Any:
        function.declared = (schema or EMPTY, task)
        setattr(FixtureSurface, function.__name__, function)
        return function

    return declare


@tool()
def test_simple_text(surface, request, arguments):
    return text_result("plain words")


@tool()
def test_image_content(surface, request, arguments):
    return {"content": [IMAGE]}


@tool()
def test_audio_content(surface, request, arguments):
    return {"content": [{"type": "audio", "data": make_wav(), "mimeType": "audio/wav"}]}


@tool()
def test_embedded_resource(surface, request, arguments):
    return {"content": [embedded("test://embedded", "text/plain", "words inside")]}


@tool()
def test_multiple_content_types(surface, request, arguments):
    kinds = [
        {"type": "text", "text": "three kinds"},
        IMAGE,
        embedded("test://mixed", "application/json", "{}"),
    ]
    return {"content": kinds}


@tool()
def test_error_handling(surface, request, arguments):
    raise RuntimeError("fails on purpose")


@tool()
def test_tool_with_logging(surface, request, arguments):
    for message in ("begin", "middle", "end"):
        yield Log("info", message)
        yield surface.sleep(0.05)
    return text_result("logged")


@tool()
def test_logging_tool(surface, request, arguments):
    yield Log("info", "one line")
    return text_result("logged")


@tool()
def test_tool_with_progress(surface, request, arguments):
    for done in (0, 50, 100):
        yield Progress(done, 100, f"{done} of 100")
        yield surface.sleep(0.05)
    return text_result(str(request.progress_token))


@tool()
def test_reconnection(surface, request, arguments):
    yield Log("info", "the stream closes now")
    yield CloseStream()
    yield surface.sleep(0.2)
    return text_result("the answer came on a new connection")


@tool()
def test_trigger_tool_change(surface, request, arguments):
    surface.notify(TOOLS_CHANGED)
    return text_result("told")


@tool()
def test_trigger_prompt_change(surface, request, arguments):
    surface.notify(PROMPTS_CHANGED)
    return text_result(LIST_NOTICES[PROMPTS_CHANGED])


@tool({"type": "object", "properties": {"region": {**STRING, "x-mcp-header": "Region"}}})
def test_x_mcp_header(surface, request, arguments):
    return text_result(f"region {arguments.get('region')}")


@tool(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {"$anchor": "place", "type": "object", "properties": {"town": STRING}}},
        "properties": {
            "name": STRING,
            "address": {"$ref": "#/$defs/address"},
            "by": {"enum": ["x", "y"]},
            "x": STRING,
            "y": STRING,
        },
        "allOf": [{"anyOf": [{"required": ["x"]}, {"required": ["y"]}]}],
        "if": {"properties": {"by": {"const": "x"}}, "required": ["by"]},
        "then": {"required": ["x"]},
        "else": {"required": ["y"]},
        "additionalProperties": False,
    }
)
def json_schema_2020_12_tool(surface, request, arguments):
    return text_result("valid")


@tool(fields(prompt=STRING))
def test_sampling(surface, request, arguments):
    answers = yield Ask({"q": sampling(arguments["prompt"])})
    return text_result(answers["q"]["content"]["text"])


@tool(fields(message=STRING))
def test_elicitation(surface, request, arguments):
    answers = yield Ask({"q": form(arguments["message"], {"username": STRING, "email": STRING})})
    return text_result(json.dumps(answers["q"]))


@tool()
def test_elicitation_sep1034_defaults(surface, request, arguments):
    properties = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    answers = yield Ask({"q": form("defaults", properties, [])})
    return text_result(json.dumps(answers["q"]))


@tool()
def test_elicitation_sep1330_enums(surface, request, arguments):
    def titled(key: str, prefix: str) -> dict[str, Any]:
        return {key: [{"const": f"{prefix}{number}", "title": f"{prefix} {number}"} for number in (1, 2, 3)]}

    plain = ["option1", "option2", "option3"]
    names = {"enum": ["opt1", "opt2", "opt3"], "enumNames": ["One", "Two", "Three"]}
    properties = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", **titled("oneOf", "value")},
        "legacyEnum": {"type": "string", **names},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": titled("anyOf", "value")},
    }
    answers = yield Ask({"q": form("choices", properties, [])})
    return text_result(json.dumps(answers["q"]))


@tool()
def test_missing_capability(surface, request, arguments):
    if "sampling" not in request.capabilities:
        missing = {"requiredCapabilities": {"sampling": {}}}
        raise RpcError(CAPABILITY_MISSING, "sampling is needed", missing, 400)
    return text_result("sampling is there")


@tool()
def test_streaming_elicitation(surface, request, arguments):
    if not request.responses:
        raise InputRequiredError({"who": modern_form("who?", {"name": STRING})})
    return text_result("answered")


@tool()
def test_input_required_result_elicitation(surface, request, arguments):
    answer = (request.responses or {}).get("user_name")
    content = answer.get("content") if isinstance(answer, dict) and answer.get("action") == "accept" else None
    if isinstance(content, dict) and "name" in content:
        return text_result(f"Hello, {content['name']}!")
    raise InputRequiredError({"user_name": modern_form("who?", {"name": STRING})})


@tool()
def test_input_required_result_sampling(surface, request, arguments):
    answer = (request.responses or {}).get("capital_question")
    if answer:
        return text_result(answer["content"]["text"])
    raise InputRequiredError({"capital_question": sampling("Name the capital of France")})


@tool()
def test_input_required_result_list_roots(surface, request, arguments):
    answer = (request.responses or {}).get("client_roots")
    if answer:
        return text_result(", ".join(root["uri"] for root in answer["roots"]))
    raise InputRequiredError({"client_roots": ROOTS})


@tool()
def test_input_required_result_request_state(surface, request, arguments):
    if request.state == "remembered" and "confirm" in (request.responses or {}):
        return text_result("state-ok")
    raise InputRequiredError({"confirm": modern_form("go on?", {"ok": BOOLEAN})}, "remembered")


@tool()
def test_input_required_result_tampered_state(surface, request, arguments):
    if request.state:
        return text_result("state-ok")
    raise InputRequiredError({"confirm": modern_form("go on?", {"ok": BOOLEAN})}, "first round")


@tool()
def test_input_required_result_multiple_inputs(surface, request, arguments):
    questions = {
        "user_name": modern_form("who?", {"name": STRING}),
        "greeting": sampling("Greet them"),
        "client_roots": ROOTS,
    }
    if set(questions) <= set(request.responses or {}):
        return text_result("three answers")
    raise InputRequiredError(questions, "three")


@tool()
def test_input_required_result_multi_round(surface, request, arguments):
    state, answers = request.state or {"round": 0}, request.responses or {}
    if state["round"] == 1 and "step1" in answers:
        known = {"round": 2, "name": answers["step1"]["content"]["name"]}
        raise InputRequiredError({"step2": modern_form("which color?", {"color": STRING})}, known)
    if state["round"] == 2 and "step2" in answers:
        return text_result(f"{state['name']}: {answers['step2']['content']['color']}")
    raise InputRequiredError({"step1": modern_form("who?", {"name": STRING})}, {"round": 1})


@tool()
def test_input_required_result_capabilities(surface, request, arguments):
    questions = {}
    if "sampling" in request.capabilities:
        questions["words"] = sampling("Say something")
    if "elicitation" in request.capabilities:
        questions["name"] = modern_form("who?", {"name": STRING})
    raise InputRequiredError(questions, "by capability")


@tool({"type": "object", "properties": {"name": STRING}})
def greet(surface, request, arguments):
    return text_result(f"Hello, {arguments.get('name')}!")


@tool({"type": "object", "properties": {"seconds": {"type": "number"}, "label": STRING}}, task="optional")
def slow_compute(surface, request, arguments):
    seconds, label = arguments.get("seconds", 1), arguments.get("label")
    if seconds <= 0:
        return text_result(f"done {label}")

    def work():
        for _ in range(max(1, round(seconds / 0.05))):
            yield surface.sleep(min(seconds, 0.05))
        return text_result(f"done {label}")

    return work()


@tool(task="required")
def failing_job(surface, request, arguments):
    yield surface.sleep(0.3)
    raise RuntimeError("fails on purpose")


@tool(task="required")
def protocol_error_job(surface, request, arguments):
    yield surface.sleep(0.1)
    raise RpcError(-32603, "fails as a protocol error")


@tool({"type": "object", "properties": {"filename": STRING}}, task="optional")
def confirm_delete(surface, request, arguments):
    answers = yield Ask({"confirm": modern_form("delete it?", {"confirm": BOOLEAN})})
    return text_result(json.dumps(answers))


@tool(task="optional")
def multi_input(surface, request, arguments):
    questions = {"a": modern_form("a?", {"name": STRING}), "b": modern_form("b?", {"name": STRING})}
    answers = yield Ask(questions)
    return text_result(json.dumps(answers))


@tool(task="required")
def test_tool_with_task(surface, request, arguments):
    answer = (request.responses or {}).get("user_name")
    if not answer:
        raise InputRequiredError({"user_name": modern_form("who?", {"name": STRING})})

    def work():
        yield surface.sleep(0.1)
        return text_result(f"Hello, {answer['content']['name']}!")

    return work()
