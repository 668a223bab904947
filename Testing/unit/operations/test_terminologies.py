"""Codes of segments: as Slicer's own text, and checked against Slicer's lists."""

import json

import pytest
import slicer
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError
from AgentBridgeLib.model.segmentations import Code, Terminology
from AgentBridgeLib.operations.segmentations import creating, segments, terminologies
from AgentBridgeLib.operations.segmentations.terminology_text import from_text, to_text

ANATOMY = Code(scheme="SCT", value="123037004", meaning="Anatomical Structure")
LUNG = Code(scheme="SCT", value="39607008", meaning="Lung")
RIGHT = Code(scheme="SCT", value="24028007", meaning="Right")
LIST, REGIONS = "Codes for tests", "Regions for tests"


def entry(code, **more):
    return {
        "CodingSchemeDesignator": code.scheme,
        "CodeValue": code.value,
        "CodeMeaning": code.meaning,
        **more,
    }


@pytest.fixture
def a_list(tmp_path, scene):
    """A list of one type with a modifier and one region, in the form of Slicer's own, loaded into Slicer's logic."""
    right = entry(RIGHT, recommendedDisplayRGBValue=[255, 128, 0])
    lung = entry(LUNG, recommendedDisplayRGBValue=[51, 102, 153], Modifier=[right])
    kinds = {
        "SegmentationCategoryTypeContextName": LIST,
        "@schema": "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/segment-context-schema.json#",
        "SegmentationCodes": {"Category": [entry(ANATOMY, showAnatomy=False, Type=[lung])]},
    }
    regions = {
        "AnatomicContextName": REGIONS,
        "@schema": "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/anatomic-context-schema.json#",
        "AnatomicCodes": {"AnatomicRegion": [entry(LUNG, Modifier=[entry(RIGHT)])]},
    }
    logic = slicer.util.getModuleLogic("Terminologies")
    for name, content in (("kinds", kinds), ("regions", regions)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        load = logic.LoadTerminologyFromFile if name == "kinds" else logic.LoadAnatomicContextFromFile
        assert load(str(path)) in {LIST, REGIONS}


@pytest.fixture
def made(context, run_jobs):
    """A segmentation without a volume."""
    wanted = creating.CreateArguments(geometry={"dimensions_ijk": (3, 4, 5)})
    return run_jobs(creating.create_segmentation(context, wanted))


def add(context, made, **arguments):
    wanted = segments.AddSegmentArguments(segmentation_id=made.id, name="lung", **arguments)
    return segments.add_segment(context, wanted)


@pytest.mark.parametrize(
    "terminology",
    [
        Terminology(category=ANATOMY, type=LUNG),
        Terminology(category=ANATOMY, type=LUNG, type_modifier=RIGHT, context="Any list"),
        Terminology(
            category=ANATOMY, type=LUNG, region=LUNG, region_modifier=RIGHT, region_context="Regions"
        ),
    ],
)
def test_text_is_slicers_and_read_back_typed(terminology):
    """issue:#3: `vtkSlicerTerminologiesModuleLogic` reads our text, and writes the same."""
    logic, read = slicer.vtkSlicerTerminologiesModuleLogic, slicer.vtkSlicerTerminologyEntry()
    assert logic.DeserializeTerminologyEntry(to_text(terminology), read)
    assert read.GetTypeObject().GetCodeMeaning() == "Lung"
    read.SetTerminologyContextName(terminology.context or "")  # Slicer does not write an entry without one
    assert logic.SerializeTerminologyEntry(read) == to_text(terminology)
    assert from_text(to_text(terminology)) == terminology


@pytest.mark.parametrize("text", ["", "a~b", "~^^~^^~^^~~^^~^^", "~SCT^1^a~SCT^2~^^~~^^~^^", "x~~~~~~"])
def test_text_that_is_no_entry_is_none(text):
    """house."""
    assert from_text(text) is None


def test_sign_that_slicer_uses_between_the_parts_is_refused():
    """house: it would come back as another code."""
    for sign in "~^|\n":
        with pytest.raises(ValidationError):
            Code(scheme="SCT", value="1", meaning=f"a{sign}b")


def test_segment_gets_its_codes_and_the_recommended_color(context, made, a_list, scene):
    """issue:#3: category, type, region, anatomic codes in Slicer's tag."""
    codes = Terminology(category=ANATOMY, type=LUNG, context=LIST)
    described = add(context, made, terminology=codes)
    (segment,) = described.segments
    assert segment.terminology == codes
    assert segment.color == pytest.approx((0.2, 0.4, 0.6))
    assert described.warnings == ()
    tag = scene.GetNodeByID(made.id).GetSegmentation().GetSegment(segment.id).GetTerminology()
    assert tag == f"{LIST}~SCT^123037004^Anatomical Structure~SCT^39607008^Lung~^^~~^^~^^"
    codes = Terminology(
        category=ANATOMY, type=LUNG, type_modifier=RIGHT, context=LIST,
        region=LUNG, region_modifier=RIGHT, region_context=REGIONS,
    )  # fmt: skip
    wanted = segments.UpdateSegmentArguments(
        segmentation_id=made.id, segment_id=segment.id, terminology=codes
    )
    assert segments.update_segment(context, wanted).segments[0].terminology == codes


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("category", {"category": LUNG}),
        ("type", {"type": RIGHT}),
        ("type_modifier", {"type_modifier": LUNG}),
        ("region", {"region": RIGHT, "region_context": REGIONS}),
        ("region_modifier", {"region": LUNG, "region_modifier": LUNG, "region_context": REGIONS}),
        ("region_modifier", {"region_modifier": RIGHT}),
    ],
)
def test_code_that_is_not_in_the_list_is_refused(context, made, a_list, scene, part, changes):
    """issue:#3: validated against the list that is named."""
    codes = Terminology(**{"category": ANATOMY, "type": LUNG, "context": LIST, **changes})
    with pytest.raises(ArgumentInvalidError, match=f"terminology.{part}"):
        add(context, made, terminology=codes)
    assert scene.GetNodeByID(made.id).GetSegmentation().GetNumberOfSegments() == 0


def test_list_that_is_not_loaded_is_said(context, made):
    """house: what was not checked is said."""
    codes = Terminology(category=ANATOMY, type=LUNG, context="Unknown", region=LUNG, region_context="Other")
    described = add(context, made, terminology=codes)
    assert ["Unknown" in described.warnings[0], "Other" in described.warnings[1]] == [True, True]


def test_lists_are_listed_and_searched(context, a_list):
    """issue:#3: Slicer's own contexts, if present."""
    listed = terminologies.list_terminologies(context, terminologies.PageArguments())
    assert {(one.name, one.kind, one.entry_count) for one in listed.items} >= {
        (LIST, "terminology", 1),
        (REGIONS, "region", 1),
    }
    found = terminologies.search_terminologies(context, terminologies.SearchArguments(search="lUn"))
    kinds = {one.kind: one for one in found.items if one.context in {LIST, REGIONS}}
    assert (kinds["type"].category, kinds["type"].code, kinds["type"].modifiers) == (ANATOMY, LUNG, (RIGHT,))
    assert kinds["type"].color == pytest.approx((0.2, 0.4, 0.6))
    assert (kinds["region"].code, kinds["region"].modifiers) == (LUNG, (RIGHT,))
    with pytest.raises(ArgumentInvalidError, match="no list"):
        terminologies.search_terminologies(
            context, terminologies.SearchArguments(search="lung", context="Nothing")
        )
