"""Collect marked functions, verify them, and serve them by name.

A catalog is complete or it is not made: `collect` finds all marks of a module, checks every one, and commits all
or none. Mistakes of an author are `CatalogError`s that list everything that is wrong.
"""

from __future__ import annotations

import builtins
import inspect
import re
from collections import abc
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from AgentBridgeLib.errors import OperationUnknownError
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.registry.operation import MARK, Mark, Operation
from AgentBridgeLib.registry.search import OperationSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from AgentBridgeLib.registry.search import Found

_NAME = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$")
_BRACES = re.compile(r"\{([a-z_0-9]+)\}")
_NEEDS_UNIT = re.compile(
    r"^(length|distance|spacing|radius|sigma|volume|area|surface|angle|duration|offset|width|height|depth|size)$"
)


class CatalogError(Exception):
    """An author declared something wrong; the message lists every problem."""


class Catalog:
    """All operations by name, in the order of their declaration.

    Parameters
    ----------
    capabilities
        The capabilities that an operation may name.
    """

    def __init__(self, capabilities: Iterable[str]) -> None:
        self._capabilities = frozenset(capabilities)
        self._operations: dict[str, Operation] = {}
        self._version = 0
        self._search: OperationSearch | None = None

    @property
    def version(self) -> int:
        """Moves when operations are added or removed."""
        return self._version

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Read-only view: name to operation."""
        return MappingProxyType(self._operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    def get(self, name: str) -> Operation:
        """Find an operation.

        Raises
        ------
        OperationUnknownError
            There is none of this name; the message names the nearest ones.
        """
        found = self._operations.get(name)
        if found is None:
            raise OperationUnknownError(
                f"There is no operation '{name}'. {self._suggest(name)}GET /agent/v1/operations lists them all."
            )
        return found

    def find(self, query: str, is_wanted: Callable[[Operation], bool] = lambda _: True) -> Found:
        """Find operations by words of a task, best first; see `OperationSearch.find`."""
        if self._search is None:
            self._search = OperationSearch(self)
        return self._search.find(query, is_wanted)

    def collect(self, module: ModuleType) -> list[Operation]:
        """Add every marked function that `module` declares; all of them, or none.

        Raises
        ------
        CatalogError
            Something is declared wrong; nothing was added.
        """
        marked = [
            function
            for function in vars(module).values()
            if inspect.isfunction(function)
            and hasattr(function, MARK)
            and function.__module__ == module.__name__
        ]
        return self._keep(self._verified(marked))

    def add(self, functions: Iterable[Callable[..., Any]]) -> list[Operation]:
        """Add marked functions from elsewhere; all of them, or none.

        Raises
        ------
        CatalogError
            As in `collect`, or a model has no JSON Schema.
        """
        found = self._verified(functions)
        for operation in found:
            try:
                _ = operation.schemas
            except PydanticInvalidForJsonSchema as fault:
                raise CatalogError(f"{operation.name}: {fault.message}") from None
        return self._keep(found)

    def _keep(self, found: list[Operation]) -> list[Operation]:
        self._operations.update((operation.name, operation) for operation in found)
        self._changed()
        return found

    def _verified(self, functions: Iterable[Callable[..., Any]]) -> list[Operation]:
        problems: list[str] = []
        found: list[Operation] = []
        for function in functions:
            mark: Mark = getattr(function, MARK)
            complaints = list(self._complaints(function, mark, found))
            if complaints:
                problems += [f"{function.__module__}.{function.__qualname__}: {text}" for text in complaints]
            else:
                found.append(_build(function, mark))
        if problems:
            raise CatalogError("\n".join(problems))
        return found

    def remove(self, names: Iterable[str]) -> None:
        """Take operations out, for example when the extension that brought them is gone."""
        for name in names:
            self._operations.pop(name, None)
        self._changed()

    def _changed(self) -> None:
        self._version += 1
        self._search = None

    def _suggest(self, name: str) -> str:
        family = name.partition(".")[0]
        near = [known for known in self._operations if known.partition(".")[0] == family]
        return f"Of this family there are: {', '.join(near)}. " if near else ""

    def _complaints(
        self, function: Callable[..., Any], mark: Mark, earlier: Iterable[Operation]
    ) -> Iterator[str]:
        taken = [*self._operations.values(), *earlier]
        if not _NAME.match(mark.name):
            yield f"name '{mark.name}' is not of the form noun.verb"
        if any(operation.name == mark.name for operation in taken):
            yield f"name '{mark.name}' is taken already"
        if mark.route is not None and any(operation.mark.route == mark.route for operation in taken):
            yield f"route '{mark.route.method} {mark.route.path}' is taken already"
        if mark.capability not in self._capabilities:
            yield f"capability '{mark.capability}' is not known"
        if mark.read_only and mark.destructive:
            yield "an operation that destroys something is not read-only"
        if not inspect.getdoc(function):
            yield "has no docstring"
        if inspect.isgeneratorfunction(function) != (mark.execution != "inline"):
            yield f"execution is '{mark.execution}', so it must{' not' * (mark.execution == 'inline')} be a generator"
        try:
            arguments, result = signature_models(function)
        except TypeError as fault:
            yield str(fault)
            return
        yield from _model_complaints(arguments, mark)
        if result is not None:
            yield from _unit_complaints(result)


def signature_models(function: Callable[..., Any]) -> tuple[type[BaseModel], type[BaseModel] | None]:
    """Read argument and result model from the annotations.

    Raises
    ------
    TypeError
        The function is not of the form ``function(context, arguments: Model) -> Model | Content``, where
        a generator of that may follow after ``|``.
    """
    hints = get_type_hints(function, localns=_late_names(function), include_extras=True)
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != 2:
        raise TypeError("takes exactly (context, arguments)")
    arguments = hints.get(parameters[1])
    if not (isinstance(arguments, type) and issubclass(arguments, BaseModel)):
        raise TypeError("its second parameter must be annotated with a pydantic model")
    result = hints.get("return")
    if getattr(result, "__origin__", None) is not None and inspect.isgeneratorfunction(function):
        result = result.__args__[-1]  # type: ignore[union-attr]  # Generator[step, sent, result]
    elif isinstance(result, UnionType):
        result = result.__args__[0]  # Model | Generator, for arguments that may take steps
    if result is Content:
        return arguments, None
    if isinstance(result, type) and issubclass(result, BaseModel):
        return arguments, result
    raise TypeError("its result must be annotated with a pydantic model or Content")


def _late_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Give stand-ins for names in annotations that exist for type checkers only (context, generators)."""
    known = {**vars(builtins), **function.__globals__}
    names: dict[str, Any] = {"Generator": abc.Generator, "Iterator": abc.Iterator, "Content": Content}
    for text in (function.__annotations__ or {}).values():
        for name in re.findall(r"[A-Za-z_][A-Za-z_0-9]*", str(text)):
            if name not in known and name not in names:
                names[name] = Any
    return names


def _build(function: Callable[..., Any], mark: Mark) -> Operation:
    arguments, result = signature_models(function)
    description = inspect.getdoc(function) or ""
    summary = " ".join(description.partition("\n\n")[0].split())
    return Operation(mark, function, arguments, result, summary, description, function.__module__)


def _model_complaints(model: type[BaseModel], mark: Mark) -> Iterator[str]:
    is_strict = model.model_config.get("extra") == "forbid" or getattr(model, "checks_members_itself", False)
    if not is_strict or not model.model_config.get("frozen"):
        yield f"{model.__name__} must be frozen and forbid unknown members (derive it from Arguments)"
    if mark.route is not None:
        for name in _BRACES.findall(mark.route.path):
            if name not in model.model_fields:
                yield f"the route names {{{name}}}, which {model.__name__} does not have"
    if mark.binary_body and "content" not in model.model_fields:
        yield f"{model.__name__} needs a field 'content' for the body"
    yield from _unit_complaints(model)


def _unit_complaints(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        says_unit = isinstance(extra, dict) and "x-unit" in extra
        if field.annotation in {float, int} and _NEEDS_UNIT.match(name) and not says_unit:
            yield f"{model.__name__}.{name} is a number without a unit, neither in its name nor as x-unit"
