"""Operations that other extensions bring: marked functions, or plain functions with a JSON Schema.

A plain function knows nothing of the bridge: it is called with its arguments as keywords, after `jsonschema` has
checked them, and what it returns (anything that JSON can hold, NumPy's numbers and arrays too) becomes `value` of the
answer.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, JsonValue, create_model, model_validator
from pydantic_core import PydanticCustomError

from AgentBridgeLib.model.base import Arguments, SceneResult
from AgentBridgeLib.registry.catalog import CatalogError
from AgentBridgeLib.registry.operation import MARK, operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pydantic import BaseModel
    from pydantic_core import core_schema

_REFERENCE = re.compile(r'"\$(dynamicRef|ref)"')
_MOST_CHARACTERS = 300


class ExtensionResult(SceneResult):
    """What a function of an extension returned."""

    value: JsonValue = Field(description="Whatever the function gives; its description says more.")


@dataclass(frozen=True, slots=True)
class PlainOperation:
    """A function of an extension, with what the bridge must know about it.

    Attributes
    ----------
    function
        Called with the arguments as keywords.
    name
        ``noun.verb`` on the wire.
    capability
        Which of the bridge's capabilities the safety settings must allow.
    arguments
        JSON Schema (draft 2020-12) of an object; without ``$ref``.
    description
        For people and agents; the first sentence is imperative. Default: the function's docstring.
    read_only, destructive
        Hints; a checkpoint is made before what is destructive.
    """

    function: Callable[..., Any]
    name: str
    capability: str
    arguments: Mapping[str, Any]
    description: str = ""
    read_only: bool = False
    destructive: bool = False


def marked_functions(entries: Iterable[object]) -> list[Callable[..., Any]]:
    """Make marked functions of what an extension registers.

    Parameters
    ----------
    entries
        Functions with the `operation` marker, `PlainOperation` values, or mappings with their attributes.

    Raises
    ------
    CatalogError
        An entry is none of these, or its schema is no JSON Schema of an object.
    """
    return [_marked(entry) for entry in entries]


def _marked(entry: object) -> Callable[..., Any]:
    if callable(entry) and hasattr(entry, MARK):
        return entry
    if isinstance(entry, dict):
        try:
            entry = PlainOperation(**entry)
        except TypeError as fault:
            raise CatalogError(f"an operation is described wrongly: {fault}") from None
    if not isinstance(entry, PlainOperation):
        raise CatalogError(
            f"{entry!r} is neither a function marked with @operation nor described by a schema"
        )
    complaints = list(_complaints(entry))
    if complaints:
        raise CatalogError("\n".join(f"{entry.name}: {text}" for text in complaints))
    return _wrapped(entry)


def _complaints(plain: PlainOperation) -> Iterator[str]:
    function: object = plain.function
    schema: object = plain.arguments
    for attribute in ("name", "capability", "description"):
        if not isinstance(getattr(plain, attribute), str):
            yield f"its {attribute} must be text"
    if not callable(function):
        yield "its function cannot be called"
    elif inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        yield "its function must return the result itself; a typed operation may work in steps"
    elif isinstance(schema, dict):
        yield from _call_complaints(inspect.signature(function), schema)
    if not isinstance(schema, dict):
        yield "its arguments must be a JSON Schema in a dictionary"


def _call_complaints(signature: inspect.Signature, schema: Mapping[str, Any]) -> Iterator[str]:
    for names in (schema.get("properties", ()), schema.get("required", ())):
        try:
            signature.bind(**dict.fromkeys(names))
        except TypeError as fault:
            yield f"its function does not take what the schema allows: {fault}"
            return


def _wrapped(plain: PlainOperation) -> Callable[..., Any]:
    model = schema_model(plain.name, plain.arguments)

    @wraps(plain.function)
    def call(context: object, arguments: BaseModel) -> ExtensionResult:  # noqa: ARG001
        value = plain.function(**(arguments.model_extra or {}))
        return ExtensionResult(value=json.loads(json.dumps(value, allow_nan=False, default=_plain_value)))

    call.__annotations__ = {"arguments": model, "return": ExtensionResult}
    call.__doc__ = plain.description or plain.function.__doc__
    vars(call).pop("__wrapped__")  # or the signature would be that of the function
    mark = operation(
        name=plain.name,
        capability=plain.capability,
        read_only=plain.read_only,
        destructive=plain.destructive,
        revision_scope="none",
    )
    return mark(call)


def schema_model(name: str, schema: Mapping[str, Any]) -> type[Arguments]:
    """Make an argument model whose check and whose description are a JSON Schema.

    Raises
    ------
    CatalogError
        It is no valid JSON Schema of an object, or it refers to another one.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - this room loads with pydantic alone
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(dict(schema))
        text = json.dumps(schema, allow_nan=False)
    except (SchemaError, TypeError, ValueError) as fault:
        reason = getattr(fault, "message", fault)
        raise CatalogError(f"{name}: its arguments are no JSON Schema: {reason}") from None
    if schema.get("type") != "object":
        raise CatalogError(f'{name}: the schema of its arguments must say "type": "object"')
    if _REFERENCE.search(text):
        raise CatalogError(f"{name}: the schema of its arguments must not refer to other schemas")
    whole = {"additionalProperties": False, **schema}
    validator = Draft202012Validator(whole)

    class SchemaArguments(Arguments):
        model_config = ConfigDict(extra="allow")
        checks_members_itself: ClassVar[bool] = True

        @model_validator(mode="before")
        @classmethod
        def _check(cls, value: object) -> object:
            for fault in validator.iter_errors(value):
                pointer = "".join(f"/{part}" for part in fault.absolute_path)
                told = {"problem": _shortened(fault.message), "pointer": pointer}
                raise PydanticCustomError("json_schema", "{problem}", told)
            return value

        @classmethod
        def __get_pydantic_json_schema__(
            cls, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
        ) -> dict[str, Any]:
            return dict(whole)

    title = "".join(part.capitalize() for part in name.replace(".", "_").split("_")) + "Arguments"
    made: type[Arguments] = create_model(title, __base__=SchemaArguments)
    return made


def _shortened(message: str) -> str:
    """Cut a message that repeats what the client sent."""
    return message if len(message) <= _MOST_CHARACTERS else f"{message[:_MOST_CHARACTERS]}…"


def _plain_value(value: object) -> object:
    """Give what JSON can hold of a NumPy number or array; else fail."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")


def names_of(functions: Iterable[Callable[..., Any]]) -> Iterator[str]:
    """Walk over the names on the wire of marked functions."""
    for function in functions:
        yield getattr(function, MARK).name
