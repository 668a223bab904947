"""How a search of operations weighs words."""

import pytest
from pydantic import Field

from AgentBridgeLib.model.base import Arguments, Result
from AgentBridgeLib.registry.catalog import Catalog
from AgentBridgeLib.registry.operation import operation


class CutArguments(Arguments):
    """What to cut."""

    depth_mm: float = Field(1.0, description="How far the scalpel goes.")


class SmoothArguments(Arguments):
    """What to smooth."""


class Done(Result):
    """Nothing."""


@operation(name="models.cut", capability="scene.edit", keywords="resect osteotomy")
def cut(context, arguments: CutArguments) -> Done:
    """Divide a surface.

    The skull is a typical case.

    Raises
    ------
    SomeError
        The catheter is missing.
    """


@operation(name="models.smooth", capability="scene.edit")
def smooth(context, arguments: SmoothArguments) -> Done:
    """Smooth a surface until its category is right, which registers as the skull's."""


@pytest.fixture
def a_catalog():
    catalog = Catalog({"scene.edit"})
    catalog.add([cut, smooth])
    return catalog


def names(catalog, query, **options):
    return [found.name for found in catalog.find(query, **options).operations]


def test_a_word_counts_more_in_the_name_than_in_the_text(a_catalog):
    """issue:#5 operations_search: the operation that is called so comes first."""
    assert names(a_catalog, "smooth skull")[0] == "models.smooth"
    assert names(a_catalog, "cut skull")[0] == "models.cut"


@pytest.mark.parametrize("query", ["osteotomy", "osteotomies", "Resect it, please", "scalpel", "resection"])
def test_keywords_and_arguments_are_searched_in_any_form(a_catalog, query):
    """issue:#5 operations_search: words of the task that the name does not have."""
    assert names(a_catalog, query) == ["models.cut"]


def test_words_of_errors_are_no_reason_to_be_found(a_catalog):
    """house: what may go wrong is not what an operation is for."""
    assert names(a_catalog, "catheter") == []


def test_words_that_only_begin_alike_are_not_the_same(a_catalog):
    """house: a category is no catheter, and a skull no sculpture."""
    assert a_catalog.find("catheter sculpture").unknown == ["catheter", "sculpture"]


def test_words_that_no_operation_has_are_named_and_the_others_count(a_catalog):
    """issue:#5 operations_search: an agent guesses words, and some of them are wrong."""
    found = a_catalog.find("osteotomy zzz")
    assert [operation.name for operation in found.operations] == ["models.cut"]
    assert found.unknown == ["zzz"]


@pytest.mark.parametrize("query", ["", "   ", "please, how do I", "¿?"])
def test_a_query_without_words_gives_all_in_their_order(a_catalog, query):
    """issue:#5 operations_search: to look around."""
    assert names(a_catalog, query) == ["models.cut", "models.smooth"]


def test_what_is_not_wanted_is_left_out(a_catalog):
    """issue:#5 running Python is hidden until it is enabled."""
    assert names(a_catalog, "surface", is_wanted=lambda found: found.name != "models.cut") == [
        "models.smooth"
    ]


def test_a_search_knows_what_came_and_went(a_catalog):
    """issue:#3 extensions bring operations while the server runs, and take them away."""
    assert names(a_catalog, "osteotomy") == ["models.cut"]
    a_catalog.remove(["models.cut"])
    assert names(a_catalog, "osteotomy") == []
    a_catalog.add([cut])
    assert names(a_catalog, "osteotomy") == ["models.cut"]
