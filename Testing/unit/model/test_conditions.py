"""Conditions between arguments: the check, the schema and the descriptions say the same."""

import itertools
import json

import jsonschema
import pytest
from pydantic import Field, ValidationError

from AgentBridgeLib.dispatch.arguments import validate
from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.conditions import Choice, Conditional, Needs, OneOf, Within, takes
from AgentBridgeLib.operations.index import make_catalog
from AgentBridgeLib.operations.segmentations.edit_arguments import EFFECTS, EditArguments

CATALOG = make_catalog()
VALUES = {
    "segment_id": "Segment_1",
    "segment_ids": ["Segment_1"],
    "other_segment_id": "Segment_2",
    "volume_id": "vtkMRMLScalarVolumeNode1",
    "minimum": -900.0,
    "maximum": -400.0,
    "method": "otsu",
    "side": "above",
    "positions_ras": [[0, 0, 0]],
    "radius_mm": 3,
    "margin_mm": 2,
    "thickness_mm": 2,
    "border": "inside",
    "kernel_mm": 3,
    "sigma_mm": 1.5,
    "smoothing_factor": 0.5,
    "minimum_voxels": 10,
    "seed_locality": 0,
    "growth_ratio": 0.1,
    "mask": {"maximum": 0.0},
}


class Fruit(Arguments):
    """A member with members."""

    color: str | None = Field(default=None, description="Its color.")


class BowlArguments(Conditional):
    """Every kind of condition at once."""

    conditions = (
        OneOf(("apples", "pears")),
        Needs("knife", "apples"),
        Choice(
            "mode",
            {"raw": takes(), "cooked": takes("minutes", "sugar")},
            (Within("lamp", "fruit", ("color",)),),
        ),
    )

    apples: int | None = Field(default=None, description="How many.")
    pears: int | None = Field(default=None, description="How many.")
    knife: str | None = Field(default=None, description="Which one.")
    mode: str = Field(default="raw", description="What is done.", pattern="^(raw|cooked)$")
    minutes: int | None = Field(default=None, description="How long.")
    sugar: int = Field(default=0, description="How much.")
    fruit: Fruit | None = Field(default=None, description="What it looks like.")
    lamp: str | None = Field(default=None, description="What to see it with.")


def is_accepted(model, arguments):
    try:
        model.model_validate_json(json.dumps(arguments), strict=True)
    except ValidationError:
        return False
    return True


def is_in_schema(model, arguments):
    return jsonschema.Draft202012Validator(model.model_json_schema()).is_valid(arguments)


def problems_of(name, arguments):
    with pytest.raises(ArgumentInvalidError) as caught:
        validate(CATALOG.get(name), arguments, is_lax=False)
    return {entry.pointer: entry for entry in caught.value.errors}, str(caught.value)


def test_every_combination_is_judged_alike_by_the_check_and_by_the_schema():
    """house: a client that validates against the schema is right about every call."""
    choices = {
        "apples": [1, None],
        "pears": [2],
        "knife": ["long", None],
        "mode": ["raw", "cooked"],
        "minutes": [5, None],
        "sugar": [3],
        "fruit": [{}, {"color": "red"}],
        "lamp": ["bright"],
    }
    absent = object()
    verdicts = set()
    for values in itertools.product(*([absent, *found] for found in choices.values())):
        given = {name: value for name, value in zip(choices, values, strict=True) if value is not absent}
        verdict = is_accepted(BowlArguments, given)
        assert verdict == is_in_schema(BowlArguments, given), given
        verdicts.add(verdict)
    assert verdicts == {True, False}


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_takes_what_its_row_says_and_nothing_else(effect):
    """house: one table; the check and the schema follow from it."""
    case = EFFECTS[effect]
    least = {"segmentation_id": "vtkMRMLSegmentationNode1", "effect": effect}
    least |= {name: VALUES[name] for name in case.needs}
    assert is_accepted(EditArguments, least)
    assert is_in_schema(EditArguments, least)
    for name in case.needs:
        lacking = {key: value for key, value in least.items() if key != name}
        assert not is_accepted(EditArguments, lacking)
        assert not is_in_schema(EditArguments, lacking)
    for name in VALUES.keys() - case.needs - {"mask"}:
        more = {**least, name: VALUES[name]}
        assert is_accepted(EditArguments, more) == (name in case.may), name
        assert is_in_schema(EditArguments, more) == (name in case.may), name
    masked = {**least, "mask": VALUES["mask"]}
    assert (
        is_accepted(EditArguments, masked)
        == is_in_schema(EditArguments, masked)
        == ("volume_id" in case.needs)
    )
    assert is_accepted(EditArguments, {**masked, "volume_id": VALUES["volume_id"]})
    assert is_in_schema(EditArguments, {**masked, "volume_id": VALUES["volume_id"]})


def test_every_argument_of_an_edit_is_one_that_a_row_or_all_effects_know():
    """house: no argument is forgotten in the table."""
    named = frozenset().union(*(case.needs | case.may for case in EFFECTS.values()))
    assert EditArguments.model_fields.keys() - named == {"segmentation_id", "effect", "mask", "others"}


def test_the_error_names_the_argument_the_effect_and_what_would_be_right():
    """house: the next call is right."""
    given = {
        "segmentation_id": "vtkMRMLSegmentationNode1",
        "effect": "grow",
        "segment_id": "a",
        "kernel_mm": 3,
    }
    problems, words = problems_of("segmentations.edit", given)
    assert set(problems) == {"/margin_mm", "/kernel_mm"}
    assert problems["/margin_mm"].problem == "is missing: effect 'grow' needs it"
    assert problems["/margin_mm"].expected == "grow needs margin_mm, segment_id"
    assert "it goes with effect median, opening, closing" in problems["/kernel_mm"].problem
    assert "/kernel_mm: does not belong to effect 'grow'" in words


def test_the_error_of_alternatives_names_them():
    """house."""
    where = {"volume_id": "vtkMRMLScalarVolumeNode1"}
    problems, _ = problems_of("volumes.resample", where)
    assert problems[""].problem == "give exactly one of spacing_mm, reference_id"
    both = {**where, "spacing_mm": [1, 1, 1], "reference_id": "vtkMRMLScalarVolumeNode2"}
    problems, _ = problems_of("volumes.resample", both)
    assert problems["/reference_id"].problem == "cannot be given together with spacing_mm"


def test_an_error_tells_what_the_argument_is_with_its_unit():
    """house: the bound alone does not say of what."""
    given = {
        "segmentation_id": "vtkMRMLSegmentationNode1",
        "effect": "grow",
        "segment_id": "a",
        "margin_mm": 2000,
    }
    problems, _ = problems_of("segmentations.edit", given)
    assert problems["/margin_mm"].expected.endswith("distance between voxel centers, in mm.")


def test_entries_of_a_wrong_kind_are_not_called_too_few_as_well():
    """house: one mistake, one reason."""
    given = {
        "segmentation_id": "vtkMRMLSegmentationNode1",
        "effect": "keep_island",
        "segment_id": "a",
        "positions_ras": [0, 0, 0],
    }
    problems, _ = problems_of("segmentations.edit", given)
    assert set(problems) == {"/positions_ras/0", "/positions_ras/1", "/positions_ras/2"}
    assert "a point in each island; world, RAS, mm" in problems["/positions_ras/0"].expected
    problems, _ = problems_of("nodes.delete_many", {"ids": []})
    assert problems["/ids"].problem == "has 0 entries, but at least 1 are needed"
    problems, _ = problems_of("nodes.delete_many", {"ids": ["a"] * 1001})
    assert problems["/ids"].problem == "has more than 1000 entries"


def test_descriptions_say_which_effects_an_argument_goes_with():
    """house: a reader who knows no `if` of JSON Schema is told, too."""
    members = EditArguments.model_json_schema()["properties"]
    assert members["margin_mm"]["description"].startswith("With effect grow, shrink: distance")
    assert members["segment_id"]["description"].startswith(
        "With every effect but joint_smooth, grow_from_seeds: "
    )
    assert "minimum or maximum of mask" in members["volume_id"]["description"]
    assert not members["mask"]["description"].startswith("With")


@pytest.mark.parametrize(
    "condition",
    [
        OneOf(("apples", "peaches")),
        Needs("peaches", "apples"),
        Choice("mode", {"raw": takes(may="peaches")}),
        Choice("mode", {"raw": takes()}, (Within("apples", "peaches", ("color",)),)),
    ],
)
def test_a_condition_on_an_argument_that_is_not_there_is_refused_at_once(condition):
    """house: a mistake of the author shows when the module is imported."""
    with pytest.raises(TypeError, match="does not have: peaches"):
        type("Wrong", (BowlArguments,), {"conditions": (condition,)})


def test_a_schema_with_conditions_is_a_flat_object():
    """mcp: clients refuse a tool whose root is a union; validators find the conditions beside the members."""
    schema = EditArguments.model_json_schema()
    assert schema["type"] == "object"
    assert set(schema["properties"]) == set(EditArguments.model_fields)
    assert schema["allOf"]
    assert schema["x-cases"]["cases"]["hollow"] == {
        "needs": ["segment_id", "thickness_mm"],
        "may_have": ["border"],
    }
