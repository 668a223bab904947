"""Turn outcomes of dispatch into results of tools, at a size that an agent can afford."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from AgentBridgeLib.mcp.work import text_result

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.model.content import Content
    from AgentBridgeLib.registry.operation import Operation

LARGEST_TEXT = 40_000
"""Characters; clients move more than 50,000 out of the conversation."""
EVERYDAY_TEXT = 10_000
"""Characters of a concise page; it ends there and says how to go on."""
LARGEST_SIDE_PX = 1024
LARGEST_BLOB = 4 << 20
PICTURE = "slicer://picture/"
_SIDES = ("width", "height")
_LARGEST_SIDE = "largest_side_px"


def structured(payload: bytes) -> Json:
    """Give JSON text as structured content and as text."""
    return text_result(payload.decode("utf-8"), structuredContent=json.loads(payload))


def page(payload: bytes, *, is_concise: bool) -> Json:
    """Give one page of a list; one that goes on by an offset ends where it gets too long."""
    value = json.loads(payload)
    if is_concise:
        value["items"] = [_concise(item) for item in value["items"]]
    count = fitting(value, is_concise=is_concise)
    if "is_truncated" in value and count < len(value["items"]):
        value = {**value, "items": value["items"][:count], "is_truncated": True}
    return of_value(value)


def fitting(value: Json, *, is_concise: bool) -> int:
    """Count the items that an agent can afford, at least one."""
    left = EVERYDAY_TEXT if is_concise else LARGEST_TEXT
    for count, item in enumerate(value["items"]):
        left -= len(compact(item)) + 1
        if left < 0:
            return max(count, 1)
    return len(value["items"])


def of_value(value: Json) -> Json:
    """Give a value as structured content and as text."""
    return text_result(compact(value), structuredContent=value)


def compact(value: object) -> str:
    """Write JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def with_undo_problem(result: Json, problem: str) -> Json:
    """Say that a step cannot be undone; nothing is added where there is no problem."""
    if not problem:
        return result
    text = f"scene_undo cannot take this step back: {problem}."
    return {**result, "content": [*result["content"], {"type": "text", "text": text}]}


def too_large(size: int, hint: str) -> Json:
    """Say that a result does not fit, and what to do instead."""
    return text_result(
        f"result.too_large: the result has {size} characters, more than the {LARGEST_TEXT} an agent is given. "
        f"{hint}",
        isError=True,
    )


def job_handle(job: Json) -> Json:
    """Say that the work goes on, and how to follow it."""
    shown = {name: job[name] for name in ("id", "operation", "state", "progress")}
    value = {
        "job": shown,
        "next": f"Call jobs_get with job_id {job['id']} and wait_s 20 until the state is succeeded, then jobs_result.",
    }
    return of_value(value)


def approval_pending(job: Json) -> Json:
    """Say that the person has to agree first. It is an error: nothing was done."""
    text = (
        f"policy.confirmation_required: {job['operation']} waits for the person in front of Slicer, who sees it in "
        "the AgentBridge panel. Nothing was done yet. Do not repeat the call: ask jobs_get with job_id "
        f"{job['id']} and wait_s 20; after approval it runs by itself, and jobs_result has its result."
    )
    value = {
        "code": "policy.confirmation_required",
        "job": {name: job[name] for name in ("id", "operation", "state")},
    }
    return text_result(text, structuredContent=value, isError=True)


def content_result(
    operation: Operation, content: Content, arguments: Json, asked: Json | None, url: str
) -> Json:
    """Give bytes: a picture as an image, with a link to a larger one; other bytes small or not at all.

    Parameters
    ----------
    asked
        The arguments before `fit_picture`, which a link repeats; None when nobody knows them any more.
    """
    facts = {"media_type": content.media_type, "bytes": content.length, **content.facts}
    if content.media_type.startswith("image/"):
        blocks: list[Json] = [
            {"type": "image", "data": encoded(content), "mimeType": content.media_type},
            {"type": "text", "text": compact(facts)},
        ]
        if asked is not None and sizes(operation):
            link = {"type": "resource_link", "uri": picture_uri(operation, asked), "name": "full picture"}
            described = "The same picture in full size."
            blocks.append({**link, "mimeType": content.media_type, "description": described})
        return {"content": blocks}
    if content.length > LARGEST_TEXT // 2:
        route = operation.mark.route
        way = (
            f"{route.method} {url}{route.path}"
            if route is not None
            else f"POST {url}/operations/{operation.name}"
        )
        return text_result(
            f"{compact(facts)}\nThese bytes are too many for a conversation. Fetch them over HTTP with the same token:"
            f" {way}, arguments {compact(arguments)}; or ask for a region, or save the node to a file."
        )
    resource = {
        "uri": f"slicer://bytes/{content.filename or operation.name}",
        "mimeType": content.media_type,
        "blob": encoded(content),
    }
    return {"content": [{"type": "resource", "resource": resource}, {"type": "text", "text": compact(facts)}]}


def encoded(content: Content) -> str:
    """Give the bytes as base64."""
    return base64.b64encode(b"".join(bytes(part) for part in content.parts)).decode("ascii")


def sizes(operation: Operation) -> list[str]:
    """Name the arguments that say how large a picture is; none for what draws no picture of a size."""
    known = [field.alias or name for name, field in operation.arguments.model_fields.items()]
    return [name for name in (*_SIDES, _LARGEST_SIDE) if operation.result is None and name in known]


def fit_picture(operation: Operation, arguments: Json) -> Json:
    """Scale the wanted size down, in proportion, to what is given as image content."""
    if _LARGEST_SIDE in sizes(operation):
        arguments = {_LARGEST_SIDE: LARGEST_SIDE_PX, **arguments}
    names = [name for name in sizes(operation) if arguments.get(name) is not None]
    given = [arguments[name] for name in names]
    is_sound = all(isinstance(side, int) and not isinstance(side, bool) for side in given)
    if not is_sound or max(given, default=0) <= LARGEST_SIDE_PX:
        return arguments
    scale = LARGEST_SIDE_PX / max(given)
    return {**arguments, **{name: max(16, round(arguments[name] * scale)) for name in names}}


def picture_uri(operation: Operation, arguments: Json) -> str:
    """Name a picture in full size, at least 1024 pixels wide, so that reading the resource draws it again."""
    wanted = {**{name: LARGEST_SIDE_PX for name in _SIDES if name in sizes(operation)}, **arguments}
    texts = {
        name: value if isinstance(value, str) else compact(value)
        for name, value in wanted.items()
        if value is not None
    }
    return f"{PICTURE}{operation.name}?{urlencode(texts)}"


def _concise(item: object) -> object:
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if value not in (None, [], {})}
