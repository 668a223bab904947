"""Turn what a client sent into validated arguments, and find out what they are about."""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.conditions import CONDITION
from AgentBridgeLib.model.fields import Bytes, NodeMark, PathMark, UrlMark
from AgentBridgeLib.policy.paths import resolve_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from AgentBridgeLib.policy.settings import SafetySettings
    from AgentBridgeLib.registry.operation import Operation

_MAX_PROBLEMS = 20


def validate(operation: Operation, arguments: Mapping[str, Any], *, is_lax: bool) -> BaseModel:
    """Check arguments against the operation's model.

    Text from a query string is converted (`is_lax`); JSON values must have the right type already, except that a
    whole number does for a float.

    Raises
    ------
    ArgumentInvalidError
        With one entry per problem: JSON pointer, what is wrong, what would be right.
    """
    try:
        if is_lax:
            return operation.arguments.model_validate(dict(arguments))
        return operation.arguments.model_validate_json(json.dumps(dict(arguments)), strict=True)
    except ValidationError as fault:
        entries = fault.errors(include_url=False, include_context=True)
        problems = [_problem(operation, entry) for entry in entries if not _follows(entry, entries)]
        raise ArgumentInvalidError(_sentence(operation, problems), errors=problems[:_MAX_PROBLEMS]) from None


def resolve_paths(arguments: BaseModel, settings: SafetySettings) -> BaseModel:
    """Replace every path by the real one, proven to lie inside the allowed folders.

    Raises
    ------
    PathOutsideRootsError, ArgumentInvalidError
        As `policy.paths.resolve_inside`.
    """
    changes = {
        name: resolve_inside(value, f"/{name}", settings.allowed_folders, os.path.realpath)
        for name, mark, value in marked(arguments)
        if isinstance(mark, PathMark) and isinstance(value, str)
    }
    return arguments.model_copy(update=changes) if changes else arguments


def target_nodes(arguments: BaseModel) -> list[str]:
    """Ids of the nodes that the arguments name, in order."""
    found: list[str] = []
    for _, mark, value in marked(arguments):
        if isinstance(mark, NodeMark):
            found += (
                [value]
                if isinstance(value, str)
                else [entry for entry in value or () if isinstance(entry, str)]
            )
    return [*found, *arguments.named_nodes()] if isinstance(arguments, Arguments) else found


def capabilities(operation: Operation, arguments: BaseModel) -> tuple[str, ...]:
    """Every capability that the call needs: the operation's own and those that its arguments add."""
    more = arguments.also_requires() if isinstance(arguments, Arguments) else ()
    return (operation.mark.capability, *more)


def paths(arguments: BaseModel) -> list[str]:
    """Files, folders and web addresses that the arguments name."""
    more = arguments.named_paths() if isinstance(arguments, Arguments) else ()
    found = [
        value
        for _, mark, value in marked(arguments)
        if isinstance(mark, (PathMark, UrlMark)) and isinstance(value, str)
    ]
    return [*found, *more]


def other_values(arguments: BaseModel) -> dict[str, Any]:
    """What was given besides nodes, files and addresses, as JSON; bytes by their number."""
    shown = {name for name, _, value in marked(arguments) if value}
    return arguments.model_dump(mode="json", exclude=shown, exclude_defaults=True)


def touches_files(arguments: BaseModel) -> bool:
    """Whether any argument is a path."""
    return any(isinstance(mark, PathMark) for _, mark, _ in marked(arguments))


def marked(arguments: BaseModel) -> Iterator[tuple[str, object, Any]]:
    """Walk over the top-level fields that carry a mark: name, mark, value."""
    for name, mark in _marked_fields(type(arguments)):
        yield name, mark, getattr(arguments, name)


def digest(operation: Operation, arguments: BaseModel, *, with_content: bool) -> str:
    """SHA-256 over the operation's name and its arguments in canonical form.

    Binary content counts by its length, or `with_content` by its bytes: 200 MiB take a quarter of a second, so only
    where the digest is what an approval or an idempotency key is bound to.
    """
    total = hashlib.sha256(operation.name.encode())
    total.update(arguments.model_dump_json().encode())
    content = getattr(arguments, "content", None)
    if with_content and isinstance(content, Bytes):
        total.update(content.view)
    return total.hexdigest()


@functools.cache
def _marked_fields(model: type[BaseModel]) -> Sequence[tuple[str, object]]:
    return [
        (name, mark)
        for name, field in model.model_fields.items()
        for mark in _marks(field.metadata, field.annotation)
    ]


def _marks(metadata: Sequence[object], annotation: object) -> Iterator[object]:
    for entry in metadata:
        if isinstance(entry, (NodeMark, PathMark, UrlMark)):
            yield entry
    for inner in getattr(annotation, "__args__", ()):
        yield from _marks(getattr(inner, "__metadata__", ()), inner)


def _follows(entry: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list is only short because its entries are wrong, which is told already."""
    depth = len(entry["loc"])
    return entry["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == entry["loc"] for other in entries
    )


def _problem(operation: Operation, entry: Mapping[str, Any]) -> FieldProblem:
    where = entry.get("ctx", {}).get("pointer", "")
    pointer = where or "".join(f"/{_escape(str(part))}" for part in entry["loc"])
    if entry["type"] == "missing":
        is_nested = len(entry["loc"]) > 1  # its own meaning stands deeper in the schema
        return FieldProblem(pointer, "is missing", "" if is_nested else _meaning(operation, entry["loc"]))
    if entry["type"] == "extra_forbidden":
        return _unknown(
            pointer, str(entry["loc"][-1]), _names_beside(operation.schemas["arguments"], entry["loc"])
        )
    if entry["type"] == CONDITION:
        return FieldProblem(pointer, entry["msg"], str(entry["ctx"]["expected"]))
    return FieldProblem(pointer, _plain(entry), _meaning(operation, entry["loc"]))


def _plain(entry: Mapping[str, Any]) -> str:
    """Say what is wrong without words of Python."""
    context = entry.get("ctx", {})
    if entry["type"] == "too_short":
        return f"has {context['actual_length']} entries, but at least {context['min_length']} are needed"
    if entry["type"] == "too_long":
        return f"has more than {context['max_length']} entries"
    return str(entry["msg"]).removeprefix("Value error, ")


def _meaning(operation: Operation, location: Sequence[str | int]) -> str:
    """Give what the argument is; its unit and frame are in the words."""
    known = operation.schemas["arguments"].get("properties", {})
    return str(known.get(location[0], {}).get("description", "")) if location else ""


def _unknown(pointer: str, name: str, known: Sequence[str]) -> FieldProblem:
    similar = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    hint = f" (did you mean '{similar[0]}'?)" if similar else ""
    expected = f"one of: {', '.join(known)}" if known else "one of the arguments in the operation's schema"
    return FieldProblem(pointer, f"is unknown{hint}", expected)


def _names_beside(schema: Mapping[str, Any], location: Sequence[str | int]) -> list[str]:
    """Names of the members that the object at the location may have; none where that is not one object."""
    definitions, place = schema.get("$defs", {}), schema
    for part in location[:-1]:
        place = place.get("items", {}) if isinstance(part, int) else place.get("properties", {}).get(part, {})
        options = [option for option in place.get("anyOf", [place]) if option.get("type") != "null"]
        place = options[0] if len(options) == 1 else {}
        place = definitions.get(place.get("$ref", "").rpartition("/")[2], place)
    return list(place.get("properties", ()))


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _sentence(operation: Operation, problems: Sequence[FieldProblem]) -> str:
    listed = "; ".join(f"{entry.pointer or 'arguments'}: {entry.problem}" for entry in problems[:3])
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return (
        f"{operation.name} got arguments it cannot use: {listed}{more}. "
        f"GET /agent/v1/operations/{operation.name} shows the schema."
    )
