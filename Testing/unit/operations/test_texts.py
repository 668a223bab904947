import pytest
import slicer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pydantic import ValidationError

from AgentBridgeLib.operations.tables import texts


def create(context, text, **arguments):
    return texts.create_text(context, texts.CreateArguments(text=text, **arguments))


def get(context, text_id, **arguments):
    return texts.get_text(context, texts.ReadArguments(text_id=text_id, **arguments))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=some.text(some.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=200))
def test_any_text_comes_back(context, text):
    """issue:#3: a property."""
    slicer.mrmlScene.Clear(0)
    assert get(context, create(context, text).id).text == text


def test_parts_are_read(context):
    """house: answers are bounded."""
    made = create(context, "0123456789", name="Digits")
    part = get(context, made.id, start_character=3, limit=4)
    assert (part.text, part.start_character, part.length_characters, part.is_complete) == (
        "3456",
        3,
        10,
        False,
    )
    assert get(context, made.id).is_complete
    assert get(context, made.id, start_character=99).text == ""


def test_text_is_replaced_appended_and_renamed(context, scene):
    """issue:#3."""
    made = create(context, "one")
    update = texts.UpdateArguments(text_id=made.id, text=" two", append=True, name="Notes")
    changed = texts.update_text(context, update)
    assert (changed.text, changed.name) == ("one two", "Notes")
    assert texts.update_text(context, texts.UpdateArguments(text_id=made.id, text="three")).text == "three"
    assert scene.GetNodeByID(made.id).GetText() == "three"
    listed = texts.list_texts(context, texts.PageArguments())
    assert [(item.name, item.length_characters) for item in listed.items] == [("Notes", 5)]


def test_zero_bytes_are_refused():
    """slicer: a text ends at the first."""
    with pytest.raises(ValidationError):
        texts.CreateArguments(text="a\x00b")
