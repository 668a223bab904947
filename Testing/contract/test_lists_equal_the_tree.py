"""What is written from the tree agrees with the tree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from AgentBridgeLib.operations.index import make_catalog
from AgentBridgeLib.registry.examples import example_arguments
from devtools import capability_table, error_table, job_diagram, lists, operation_page

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = CHECKOUT / "AgentBridge"
DOCUMENTED = CHECKOUT / operation_page.FOLDER
CMAKE = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")


def test_cmake_lists_every_python_file_of_the_module():
    """slicer: slicerMacroBuildScriptedModule does not glob, a file that is not listed is missing once installed."""
    assert lists.listed(CMAKE, lists.SCRIPTS) == lists.shipped_scripts(MODULE), (
        "run: python3 Testing/dev.py lists"
    )


def test_cmake_lists_every_resource_of_the_module():
    """slicer: slicerMacroBuildScriptedModule does not glob."""
    assert lists.listed(CMAKE, lists.RESOURCES) == lists.shipped_resources(MODULE), (
        "run: python3 Testing/dev.py lists"
    )


@pytest.mark.parametrize("name", lists.listed(CMAKE, lists.SCRIPTS) + lists.listed(CMAKE, lists.RESOURCES))
def test_every_listed_file_exists(name):
    """slicer: the macro stops the configuration at a file that does not exist."""
    assert (MODULE / name).is_file()


def test_a_forgotten_file_is_noticed(tmp_path):
    """house: the comparison itself can fail."""
    (tmp_path / "AgentBridgeLib").mkdir()
    (tmp_path / "AgentBridgeLib" / "forgotten.py").touch()
    assert "AgentBridgeLib/forgotten.py" in lists.shipped_scripts(tmp_path)
    assert "AgentBridgeLib/forgotten.py" not in lists.listed(CMAKE, lists.SCRIPTS)


def test_every_in_slicer_test_is_registered():
    """slicer: slicer_add_python_unittest names each script."""
    folder = MODULE / "Testing" / "Python"
    cmake = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    registered = set(re.findall(r"SCRIPT (\w+\.py)", cmake))
    assert registered == {path.name for path in folder.glob("*Test.py")}


def test_error_page_agrees_with_the_error_tree():
    """house: every code is documented."""
    page = (CHECKOUT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert page == error_table.render(CHECKOUT), "run: python3 Testing/dev.py lists"


def test_diagram_of_jobs_is_drawn_from_the_table():
    """house: nothing is listed twice"""
    page = CHECKOUT.joinpath(*job_diagram.PAGE).read_text(encoding="utf-8")
    assert "stateDiagram" in page
    assert page == job_diagram.render(CHECKOUT), "run: python3 Testing/dev.py lists"


def test_readme_tells_every_capability_with_its_default():
    """house: nothing is listed twice"""
    page = (CHECKOUT / capability_table.PAGE).read_text(encoding="utf-8")
    assert "`python.execute` | deny" in page
    assert page == capability_table.render(CHECKOUT), "run: python3 Testing/dev.py lists"


def test_pages_of_operations_agree_with_the_catalogue():
    """house: route, schema and documentation follow from one declaration"""
    written = {operation_page.INDEX, *(path.relative_to(CHECKOUT) for path in DOCUMENTED.glob("*.md"))}
    made = operation_page.pages()
    assert written == made.keys(), "run: python3 Testing/dev.py lists"
    for path, text in made.items():
        assert (CHECKOUT / path).read_text(encoding="utf-8") == text, "run: python3 Testing/dev.py lists"


@pytest.mark.parametrize("operation", list(make_catalog()), ids=lambda operation: operation.name)
def test_example_of_an_operation_is_what_it_takes(operation):
    """users-ask: 20, examples that run"""
    example = example_arguments(operation.schemas["arguments"])
    if operation.mark.binary_body:
        example["content"] = "AAAA"
    operation.arguments.model_validate_json(json.dumps(example), strict=True)
