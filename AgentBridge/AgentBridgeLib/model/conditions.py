"""Which arguments go together: declared once, and so checked, written into the JSON Schema, and told in descriptions.

A model that is `Conditional` lists its conditions; what `null` was given for counts as left out. The schema says the
same twice: as `allOf` for validators, and in the description of each argument for those who read. `x-cases` is the
table of a choice, for documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, Self

from pydantic import BaseModel, GetJsonSchemaHandler, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from AgentBridgeLib.model.base import Arguments

CONDITION = "condition"
"""Type of the errors; their context has `expected`."""
Json = dict[str, Any]


class Fault(NamedTuple):
    """What does not fit: the argument (empty: none in particular), why, and what would be right."""

    name: str
    problem: str
    expected: str


class Condition(Protocol):
    """One rule about several arguments of a model."""

    @property
    def arguments(self) -> frozenset[str]:
        """Names of the arguments that it is about."""

    def faults(self, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Walk over what is wrong with the arguments that were given."""

    def rules(self, model: type[BaseModel]) -> Iterator[Json]:
        """Walk over the same as JSON Schemas, all of which must hold."""

    def note(self, name: str) -> str:
        """Say when the argument counts, to be put before its description; empty when the rule has no word on it."""

    def extras(self) -> Json:
        """Give further members of the schema."""


class _Rule:
    """What most conditions have nothing to say about."""

    def note(self, name: str) -> str:  # noqa: ARG002
        """Say nothing."""
        return ""

    def extras(self) -> Json:
        """Add nothing."""
        return {}


@dataclass(frozen=True)
class OneOf(_Rule):
    """Exactly one of these arguments must be given."""

    names: tuple[str, ...]

    @property
    def arguments(self) -> frozenset[str]:
        """As `Condition`."""
        return frozenset(self.names)

    def faults(self, given: Mapping[str, Any]) -> Iterator[Fault]:
        """As `Condition`."""
        found = [name for name in self.names if name in given]
        words = f"exactly one of {', '.join(self.names)}"
        if not found:
            yield Fault("", f"give {words}", words)
        for name in found[1:]:
            yield Fault(name, f"cannot be given together with {found[0]}", words)

    def rules(self, model: type[BaseModel]) -> Iterator[Json]:  # noqa: ARG002
        """As `Condition`."""
        yield {"oneOf": [_given(name) for name in self.names]}


@dataclass(frozen=True)
class Needs(_Rule):
    """One argument makes sense only with another one."""

    name: str
    other: str

    @property
    def arguments(self) -> frozenset[str]:
        """As `Condition`."""
        return frozenset({self.name, self.other})

    def faults(self, given: Mapping[str, Any]) -> Iterator[Fault]:
        """As `Condition`."""
        if self.name in given and self.other not in given:
            yield Fault(self.other, f"is missing: {self.name} needs it", f"{self.other}, or no {self.name}")

    def rules(self, model: type[BaseModel]) -> Iterator[Json]:  # noqa: ARG002
        """As `Condition`."""
        yield {"if": _given(self.name), "then": _given(self.other)}

    def note(self, name: str) -> str:
        """As `Condition`."""
        return f"With {self.other}" if name == self.name else ""


@dataclass(frozen=True)
class Case:
    """What one value of a choice takes: arguments it cannot do without, and arguments it may have."""

    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


def takes(needs: str = "", may: str = "") -> Case:
    """Write a case as names separated by blanks."""
    return Case(frozenset(needs.split()), frozenset(may.split()))


@dataclass(frozen=True)
class Within:
    """An argument is needed, whatever was chosen, where the object `name` has one of `members`."""

    needs: str
    name: str
    members: tuple[str, ...]

    def holds(self, given: Mapping[str, Any]) -> bool:
        """Whether the object has one."""
        return any(getattr(given.get(self.name), member, None) is not None for member in self.members)

    def schema(self) -> Json:
        """Write the same as JSON Schema."""
        some = {"anyOf": [_given(member) for member in self.members]}
        return {"required": [self.name], "properties": {self.name: {"type": "object", **some}}}

    @property
    def words(self) -> str:
        """Name it."""
        return f"{' or '.join(self.members)} of {self.name}"


@dataclass(frozen=True)
class Choice(_Rule):
    """One argument chooses, and each of its values takes other arguments. What no case names goes with all of them."""

    name: str
    cases: Mapping[str, Case]
    within: tuple[Within, ...] = ()
    names: frozenset[str] = field(init=False)

    @property
    def arguments(self) -> frozenset[str]:
        """As `Condition`."""
        return self.names | {self.name} | {rule.name for rule in self.within}

    def __post_init__(self) -> None:
        taken = [case.needs | case.may for case in self.cases.values()]
        taken += [frozenset({rule.needs}) for rule in self.within]
        object.__setattr__(self, "names", frozenset().union(*taken))

    def faults(self, given: Mapping[str, Any]) -> Iterator[Fault]:
        """As `Condition`."""
        value = given[self.name]
        case, also = self.cases[value], [rule for rule in self.within if rule.holds(given)]
        chosen = f"{self.name} '{value}'"
        for name in sorted(case.needs - given.keys()):
            yield Fault(name, f"is missing: {chosen} needs it", self._words(value))
        for rule in also:
            if rule.needs not in {*given, *case.needs}:
                yield Fault(rule.needs, f"is missing: {rule.words} needs it", self._words(value))
        permitted = case.needs | case.may | {rule.needs for rule in also}
        for name in sorted(self.names & given.keys() - permitted):
            yield Fault(
                name, f"does not belong to {chosen}; it goes with {self._takers(name)}", self._words(value)
            )

    def rules(self, model: type[BaseModel]) -> Iterator[Json]:
        """As `Condition`."""
        default = model.model_fields[self.name].default
        for name in sorted(self.names):
            needing = [value for value, case in self.cases.items() if name in case.needs]
            taking = [value for value, case in self.cases.items() if name in case.needs | case.may]
            also = [rule.schema() for rule in self.within if rule.needs == name]
            causes = [*([self._is_among(needing, default)] if needing else []), *also]
            yield from ({"if": cause, "then": _given(name)} for cause in causes)
            if len(taking) < len(self.cases):
                fitting = [*([self._is_among(taking, default)] if taking else []), *also]
                yield {"if": _given(name), "then": {"anyOf": fitting}}

    def note(self, name: str) -> str:
        """As `Condition`."""
        return f"With {self._takers(name)}" if name in self.names else ""

    def extras(self) -> Json:
        """As `Condition`."""
        table = {
            value: {"needs": sorted(case.needs), "may_have": sorted(case.may)}
            for value, case in self.cases.items()
        }
        return {"x-cases": {"argument": self.name, "cases": table}}

    def _is_among(self, values: list[str], default: object) -> Json:
        is_said = [] if default in values else [self.name]
        return {"properties": {self.name: {"enum": values}}, **({"required": is_said} if is_said else {})}

    def _takers(self, name: str) -> str:
        """Name the values that take an argument, or the few that do not."""
        taking = [value for value, case in self.cases.items() if name in case.needs | case.may]
        others = [value for value in self.cases if value not in taking]
        is_short = others and len(others) < len(taking)
        words = (
            f"every {self.name} but {', '.join(others)}" if is_short else f"{self.name} {', '.join(taking)}"
        )
        return " or ".join(
            [*([words] if taking else []), *(rule.words for rule in self.within if rule.needs == name)]
        )

    def _words(self, value: str) -> str:
        case = self.cases[value]
        needs = f"needs {', '.join(sorted(case.needs)) or 'none of these'}"
        return f"{value} {needs}" + (f", may have {', '.join(sorted(case.may))}" if case.may else "")


class Conditional(Arguments):
    """Arguments of which some go together."""

    conditions: ClassVar[tuple[Condition, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Refuse conditions on arguments that the model does not have."""
        named = frozenset().union(*(condition.arguments for condition in cls.conditions))
        unknown = named - cls.model_fields.keys()
        if unknown:
            raise TypeError(
                f"{cls.__name__} has conditions on what it does not have: {', '.join(sorted(unknown))}"
            )

    @model_validator(mode="after")
    def _meets_conditions(self) -> Self:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        for condition in self.conditions:
            if isinstance(condition, Choice):
                given.setdefault(condition.name, getattr(self, condition.name))
        given = {name: value for name, value in given.items() if value is not None}
        faults = [fault for condition in self.conditions for fault in condition.faults(given)]
        if faults:
            raise ValidationError.from_exception_data(type(self).__name__, [_detail(one) for one in faults])
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        reference = handler(schema)
        made = handler.resolve_ref_schema(reference)
        rules = [rule for condition in cls.conditions for rule in condition.rules(cls)]
        if rules:
            made["allOf"] = rules
        for condition in cls.conditions:
            made.update(condition.extras())
            for name, entry in made["properties"].items():
                note = condition.note(name)
                if note:
                    entry["description"] = f"{note}: {_lower_first(entry['description'])}"
        return reference


def _detail(fault: Fault) -> InitErrorDetails:
    told = {"problem": fault.problem, "expected": fault.expected}
    where = (fault.name,) if fault.name else ()
    return InitErrorDetails(type=PydanticCustomError(CONDITION, "{problem}", told), loc=where, input=None)


def _given(name: str) -> Json:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _lower_first(text: str) -> str:
    """Go on after a colon; abbreviations stay."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
