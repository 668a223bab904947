"""Lists of codes that Slicer has loaded: look into them, and check the codes of a segment against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.model.base import PageArguments
from AgentBridgeLib.model.segmentations import (
    Code,
    Terminology,
    TerminologyContext,
    TerminologyContexts,
    TerminologyMatch,
    TerminologyMatches,
)
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.dispatch.context import OperationContext

MODULE = "Terminologies"


class SearchArguments(PageArguments):
    """What to look for."""

    search: str = Field(
        min_length=1,
        max_length=200,
        description="Part of the meaning of a type or a region, such as lung.",
        examples=["lung"],
    )
    context: str | None = Field(
        default=None, min_length=1, max_length=200, description="Only in this list; in all without."
    )


@dataclass(frozen=True, slots=True)
class Advice:
    """What is known of a terminology entry: color (0 to 1), and what could not be checked."""

    color: tuple[float, float, float] | None
    warnings: tuple[str, ...]


@operation(name="terminologies.list", capability="scene.read", route="GET /terminologies", read_only=True)
def list_terminologies(context: OperationContext, arguments: PageArguments) -> TerminologyContexts:
    """List the lists of codes (terminology contexts) that Slicer has loaded.

    Raises
    ------
    FeatureMissingError
        This Slicer has no module Terminologies.

    Notes
    -----
    Source: `vtkSlicerTerminologiesModuleLogic`; Slicer user guide, "Terminologies".
    """
    logic = context.host.scene.logic(MODULE)
    contexts = [
        TerminologyContext(
            name=name, kind="terminology", entry_count=logic.GetNumberOfCategoriesInTerminology(name)
        )
        for name in _names(logic.GetLoadedTerminologyNames)
    ]
    regions = [
        TerminologyContext(
            name=name, kind="region", entry_count=logic.GetNumberOfRegionsInAnatomicContext(name)
        )
        for name in _names(logic.GetLoadedAnatomicContextNames)
    ]
    lists = [*contexts, *regions]
    return page_of(
        TerminologyContexts, lists, arguments, lambda found: f"{found.kind} {found.name}", "terminologies"
    )


@operation(
    name="terminologies.search",
    capability="scene.read",
    route="GET /terminologies/entries",
    read_only=True,
    keywords="SNOMED anatomical codes anatomy standard names organ",
)
def search_terminologies(context: OperationContext, arguments: SearchArguments) -> TerminologyMatches:
    """Search the lists of codes for what a segment stands for.

    Returns
    -------
    TerminologyMatches
        Category, code and one of the modifiers are what `terminology` of a segment is made of.

    Raises
    ------
    FeatureMissingError
        This Slicer has no module Terminologies.
    ArgumentInvalidError
        There is no such list.

    Notes
    -----
    Source: `vtkSlicerTerminologiesModuleLogic`.
    """
    logic = context.host.scene.logic(MODULE)
    terms, regions = _names(logic.GetLoadedTerminologyNames), _names(logic.GetLoadedAnatomicContextNames)
    if arguments.context is not None and arguments.context not in (*terms, *regions):
        raise invalid("context", f"there is no list '{arguments.context}'; terminologies.list names them")
    wanted = arguments.search.casefold()
    found = []
    for name in (*terms, *regions):
        if arguments.context in {None, name}:
            entries = _types(logic, name) if name in terms else _regions(logic, name)
            found += [match for match in entries if wanted in match.code.meaning.casefold()]
    question = f"terminology entries {arguments.context} {wanted}"
    return page_of(TerminologyMatches, found, arguments, _key, question)


def _key(match: TerminologyMatch) -> str:
    category = match.category.value if match.category else ""
    return "\n".join((match.context, match.kind, category, match.code.scheme, match.code.value))


def check_terminology(context: OperationContext, terminology: Terminology) -> Advice:
    """Check the codes of an entry against the lists that it names.

    Raises
    ------
    ArgumentInvalidError
        A code is not in a list that Slicer has loaded; a modifier has nothing to modify.
    """
    if terminology.region_modifier is not None and terminology.region is None:
        raise invalid("terminology/region_modifier", "there is no region that it could modify")
    try:
        logic = context.host.scene.logic(MODULE)
    except FeatureMissingError:
        logic = None
    color, warnings = None, []
    if terminology.context is not None:
        if logic is not None and terminology.context in _names(logic.GetLoadedTerminologyNames):
            color = _check_type(logic, terminology)
        else:
            warnings.append(f"Slicer has no list '{terminology.context}' loaded: the codes were not checked.")
    if terminology.region is not None and terminology.region_context is not None:
        if logic is not None and terminology.region_context in _names(logic.GetLoadedAnatomicContextNames):
            _check_region(logic, terminology)
        else:
            warnings.append(
                f"Slicer has no list '{terminology.region_context}' loaded: the region was not checked."
            )
    return Advice(color, tuple(warnings))


def _check_type(logic: Any, terminology: Terminology) -> tuple[float, float, float] | None:
    name = terminology.context or ""
    category = _find(terminology.category, _category_objects(logic, name))
    if category is None:
        raise _not_in("category", terminology.category, name)
    kind = _find(terminology.type, _type_objects(logic, name, category))
    if kind is None:
        raise _not_in("type", terminology.type, name)
    if terminology.type_modifier is None:
        return _color(kind)
    modifier = _find(terminology.type_modifier, _modifier_objects(logic, name, category, kind))
    if modifier is None:
        raise _not_in("type_modifier", terminology.type_modifier, name)
    return _color(modifier)


def _check_region(logic: Any, terminology: Terminology) -> None:
    name = terminology.region_context or ""
    region = _find(terminology.region, _region_objects(logic, name))
    if region is None:
        raise _not_in("region", terminology.region, name)
    wanted = terminology.region_modifier
    if wanted is not None and _find(wanted, _region_modifier_objects(logic, name, region)) is None:
        raise _not_in("region_modifier", wanted, name)


def _not_in(part: str, code: Code | None, name: str) -> Exception:
    value = "" if code is None else f"{code.scheme} {code.value}"
    return invalid(
        f"terminology/{part}", f"{value} is not in the list '{name}'; terminologies.search finds what is"
    )


def _find(code: Code | None, objects: Iterator[Any]) -> Any:
    for one in objects:
        same = code is not None and (one.GetCodingSchemeDesignator(), one.GetCodeValue()) == (
            code.scheme,
            code.value,
        )
        if same:
            return one
    return None


def _types(logic: Any, name: str) -> Iterator[TerminologyMatch]:
    for category in _category_objects(logic, name):
        for kind in _type_objects(logic, name, category):
            yield TerminologyMatch(
                context=name,
                kind="type",
                category=_code(category),
                code=_code(kind),
                modifiers=tuple(_code(one) for one in _modifier_objects(logic, name, category, kind)),
                color=_color(kind),
            )


def _regions(logic: Any, name: str) -> Iterator[TerminologyMatch]:
    for region in _region_objects(logic, name):
        modifiers = tuple(_code(one) for one in _region_modifier_objects(logic, name, region))
        yield TerminologyMatch(
            context=name, kind="region", category=None, code=_code(region), modifiers=modifiers, color=None
        )


def _category_objects(logic: Any, name: str) -> Iterator[Any]:
    from slicer import vtkSlicerTerminologyCategory

    for number in range(logic.GetNumberOfCategoriesInTerminology(name)):
        one = vtkSlicerTerminologyCategory()
        if logic.GetNthCategoryInTerminology(name, number, one):
            yield one


def _type_objects(logic: Any, name: str, category: Any) -> Iterator[Any]:
    from slicer import vtkSlicerTerminologyType

    for number in range(logic.GetNumberOfTypesInTerminologyCategory(name, category)):
        one = vtkSlicerTerminologyType()
        if logic.GetNthTypeInTerminologyCategory(name, category, number, one):
            yield one


def _modifier_objects(logic: Any, name: str, category: Any, kind: Any) -> Iterator[Any]:
    from slicer import vtkSlicerTerminologyType

    for number in range(logic.GetNumberOfTypeModifiersInTerminologyType(name, category, kind)):
        one = vtkSlicerTerminologyType()
        if logic.GetNthTypeModifierInTerminologyType(name, category, kind, number, one):
            yield one


def _region_objects(logic: Any, name: str) -> Iterator[Any]:
    from slicer import vtkSlicerTerminologyType

    for number in range(logic.GetNumberOfRegionsInAnatomicContext(name)):
        one = vtkSlicerTerminologyType()
        if logic.GetNthRegionInAnatomicContext(name, number, one):
            yield one


def _region_modifier_objects(logic: Any, name: str, region: Any) -> Iterator[Any]:
    from slicer import vtkSlicerTerminologyType

    for number in range(logic.GetNumberOfRegionModifierInAnatomicRegion(name, region)):
        one = vtkSlicerTerminologyType()
        if logic.GetNthRegionModifierInAnatomicRegion(name, region, number, one):
            yield one


def _names(fill: Any) -> tuple[str, ...]:
    from vtkmodules.vtkCommonCore import vtkStringArray

    names = vtkStringArray()
    fill(names)
    return tuple(names.GetValue(number) for number in range(names.GetNumberOfValues()))


def _code(one: Any) -> Code:
    return Code(
        scheme=one.GetCodingSchemeDesignator(), value=one.GetCodeValue(), meaning=one.GetCodeMeaning()
    )


def _color(one: Any) -> tuple[float, float, float] | None:
    red, green, blue = one.GetRecommendedDisplayRGBValue()
    is_given = (red, green, blue) != (
        127,
        127,
        127,
    )  # vtkSlicerTerminologyType's own gray: none is recommended
    return (red / 255, green / 255, blue / 255) if is_given else None
