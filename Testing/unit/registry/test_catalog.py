"""Operations are verified before any of them is served."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from AgentBridgeLib.errors import OperationUnknownError
from AgentBridgeLib.model.base import Arguments, Result
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.registry.catalog import Catalog, CatalogError
from AgentBridgeLib.registry.operation import operation


class Nothing(Arguments):
    pass


class Named(Arguments):
    node_id: str = Field(description="A node.")


class Answer(Result):
    value: int


@pytest.fixture
def catalog():
    return Catalog(["scene.read", "scene.edit"])


def declare(function=None, **changes):
    def echo(context: Any, arguments: Nothing) -> Answer:
        """Give a number."""
        return Answer(value=1)

    mark = {
        "name": "things.echo",
        "capability": "scene.read",
        "route": "GET /things",
        "read_only": True,
        **changes,
    }
    return operation(**mark)(function or echo)


def test_declared_operation_is_found_with_its_schemas_and_first_sentence(catalog):
    """house: one declaration is the only source"""
    catalog.add([declare()])
    found = catalog.get("things.echo")
    assert found.summary == "Give a number."
    assert found.schemas["result"]["properties"]["value"]["type"] == "integer"


def test_unknown_operation_names_its_family(catalog):
    """house"""
    catalog.add([declare()])
    with pytest.raises(OperationUnknownError, match=r"things\.echo"):
        catalog.get("things.ecko")


def test_one_bad_declaration_keeps_all_out(catalog):
    """house: all or none"""
    with pytest.raises(CatalogError, match=r"capability 'no\.such'"):
        catalog.add([declare(), declare(name="things.other", route=None, capability="no.such")])
    assert list(catalog) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "echo"}, "noun.verb"),
        ({"name": "Things.echo"}, "noun.verb"),
        ({"destructive": True}, "not read-only"),
        ({"execution": "steps"}, "must be a generator"),
        ({"route": "GET /things/{node_id}"}, "does not have"),
        ({"binary_body": True}, "'content'"),
    ],
)
def test_declaration_that_contradicts_itself_is_refused(catalog, changes, complaint):
    """house"""
    with pytest.raises(CatalogError, match=complaint):
        catalog.add([declare(**changes)])


def test_same_name_or_route_twice_is_refused(catalog):
    """house: never a silent winner"""
    catalog.add([declare()])
    with pytest.raises(CatalogError) as caught:
        catalog.add([declare()])
    assert "name 'things.echo' is taken" in str(caught.value)
    assert "route 'GET /things' is taken" in str(caught.value)


def test_function_without_docstring_is_refused(catalog):
    """house"""

    def silent(context: Any, arguments: Nothing) -> Answer:
        return Answer(value=1)

    with pytest.raises(CatalogError, match="docstring"):
        catalog.add([declare(silent)])


def test_number_without_unit_is_refused(catalog):
    """house: units are never implicit"""

    class Sized(Arguments):
        length: float

    def measure(context: Any, arguments: Sized) -> Answer:
        """Measure."""
        return Answer(value=1)

    measure.__annotations__["arguments"] = Sized
    with pytest.raises(CatalogError, match=r"Sized\.length"):
        catalog.add([declare(measure)])


def test_arguments_that_take_unknown_members_are_refused(catalog):
    """house"""

    class Loose(BaseModel):
        pass

    def loose(context: Any, arguments: Loose) -> Answer:
        """Be loose."""
        return Answer(value=1)

    loose.__annotations__["arguments"] = Loose
    with pytest.raises(CatalogError, match="forbid unknown"):
        catalog.add([declare(loose)])


def test_stepped_operation_declares_what_its_generator_returns(catalog):
    """house"""

    def step(context: Any, arguments: Named) -> Generator[Any, None, Answer]:
        """Step."""
        yield
        return Answer(value=1)

    catalog.add([declare(step, route="POST /things/{node_id}/step", read_only=False, execution="steps")])
    assert catalog.get("things.echo").result is Answer


def test_content_has_no_result_schema(catalog):
    """house"""

    def picture(context: Any, arguments: Nothing) -> Content:
        """Give a picture."""
        return Content("image/png", [b""])

    catalog.add([declare(picture)])
    assert catalog.get("things.echo").result is None
    assert "result" not in catalog.get("things.echo").schemas


def test_arguments_without_a_json_schema_are_refused_before_anything_is_added(catalog):
    """house: complete or not at all."""

    class Callback(Arguments):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        call: Callable[[], None] = Field(description="No JSON can hold it.")

    def run(context: Any, arguments: Callback) -> Answer:
        """Run."""
        return Answer(value=1)

    run.__annotations__["arguments"] = Callback
    with pytest.raises(CatalogError, match=r"things\.echo"):
        catalog.add([declare(run)])
    assert list(catalog) == []


def test_removed_operations_are_gone_and_the_version_moves(catalog):
    """http: section 7"""
    catalog.add([declare()])
    before = catalog.version
    catalog.remove(["things.echo"])
    assert list(catalog) == []
    assert catalog.version > before


@pytest.mark.parametrize(
    "route",
    [
        "TRACE /things",
        "GET things",
        "GET /",
        "GET /{x}",
        "GET /a b",
        "GET /a?b",
        "GET /a/{Bad}",
        "GET /a/{x",
        "GET /a/{x}/{x}",
    ],
)
def test_route_that_no_request_could_mean_is_refused(route):
    """house: a mistake of an author fails where it is made"""
    with pytest.raises(ValueError, match="a route reads"):
        declare(route=route)
