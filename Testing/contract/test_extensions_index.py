"""What the Extensions Index and Slicer's extension build demand (check_description_files.py, as of August 2026)."""

from __future__ import annotations

import ast
import json
import re
import struct
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tracked import CHECKOUT, tracked_files

MODULE = CHECKOUT / "AgentBridge"
CMAKE = (CHECKOUT / "CMakeLists.txt").read_text(encoding="utf-8")
ENTRY = CHECKOUT / "Testing" / "contract" / "AgentBridge.json"
ALLOWED_KEYS = {
    "$schema",
    "category",
    "scm_url",
    "scm_revision",
    "build_dependencies",
    "build_subdirectory",
    "tier",
}
FITTING_CATEGORIES = {"Developer Tools", "Informatics", "Web System Tools", "Utilities"}
IMPORTABLE_AT_FILE_SCOPE = {
    "slicer",
    "vtk",
    "qt",
    "ctk",
    "numpy",
    "scipy",
    "SimpleITK",
} | sys.stdlib_module_names
SIZE_LIMIT_BYTES = 100 * 1024 * 1024


def entry() -> dict[str, object]:
    """Parse the entry that is submitted to the index."""
    return json.loads(ENTRY.read_text(encoding="utf-8"))


def literal(variable: str) -> str:
    """Find a variable as the index does: one quoted literal."""
    found = re.findall(rf'set\s*\({variable}\s*"([^"]+)"[ ]*\)', CMAKE)
    assert len(found) == 1, f"{variable} has to be set once, as one quoted literal"
    return found[0]


def png_size(path: Path) -> tuple[int, int]:
    """Read width and height of a PNG file, in pixels."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


def test_project_is_called_like_the_entry():
    """slicer: the project's name equals the name of the JSON file."""
    assert re.findall(r"project\s*\(\s*([^\s)]+)", CMAKE) == [ENTRY.stem]


def test_entry_has_the_required_keys_and_no_others():
    """slicer: catalog entry schema 1.0.1, required keys, additionalProperties false."""
    assert {"$schema", "category", "scm_url"} <= set(entry()) <= ALLOWED_KEYS


def test_entry_has_unix_line_ends():
    """slicer: check_json_file_format refuses carriage returns."""
    assert b"\r" not in ENTRY.read_bytes()


def test_category_is_one_the_index_accepts():
    """slicer: `Servers` is refused although modules may use it."""
    assert entry()["category"] in FITTING_CATEGORIES


def test_repository_is_named_with_the_prefix_and_the_extension_without():
    """slicer: check_git_repository_name, check_extension_name."""
    url = urlsplit(str(entry()["scm_url"]))
    assert url.scheme == "https"
    assert Path(url.path).stem == f"Slicer{ENTRY.stem}"
    assert not ENTRY.stem.lower().startswith("slicer")


@pytest.mark.parametrize("variable", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
def test_pictures_are_literal_addresses_of_files_in_the_repository(variable):
    """slicer: the index finds them by regular expression and downloads them."""
    for url in literal(variable).split():
        assert re.match(
            r"https://raw\.githubusercontent\.com/AgentBridge/SlicerAgentBridge/main/Resources/\S+\.png$", url
        )
        assert (CHECKOUT / "Resources" / url.partition("/main/Resources/")[2]).is_file()


def test_icons_are_128_pixels_square():
    """slicer: the Extensions Manager shows 128 by 128."""
    assert png_size(CHECKOUT / "Resources" / "AgentBridge.png") == (128, 128)
    assert png_size(MODULE / "Resources" / "Icons" / "AgentBridge.png") == (128, 128)


@pytest.mark.parametrize(
    "variable", ["EXTENSION_HOMEPAGE", "EXTENSION_CONTRIBUTORS", "EXTENSION_DESCRIPTION"]
)
def test_meta_information_is_set(variable):
    """slicer: shown by the Extensions Manager."""
    assert literal(variable)


@pytest.mark.parametrize(
    ("variable", "name"), [("EXTENSION_README_FILE", "README.md"), ("EXTENSION_LICENSE_FILE", "LICENSE.txt")]
)
def test_packaged_readme_and_license_are_our_own(variable, name):
    """slicer: without these variables Slicer's own files are packaged."""
    assert f"set({variable} ${{CMAKE_CURRENT_SOURCE_DIR}}/{name})" in CMAKE
    assert (CHECKOUT / name).is_file()


def test_license_lies_in_the_root_and_is_named_on_the_home_page():
    """slicer: LICENSE.txt is found, LICENSE.md is not."""
    assert "Apache License" in (CHECKOUT / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Apache" in (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_module_folder_has_one_python_file():
    """slicer: any other .py file beside it is taken for a module."""
    assert [path.name for path in MODULE.glob("*.py")] == ["AgentBridge.py"]


def test_nothing_installed_has_a_name_that_others_use_too():
    """slicer: all scripted modules share one sys.path."""
    installed = {path.name for path in MODULE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    # Testing is not in the CMake lists. Resources holds a program for clients, which nobody imports.
    assert installed - {"Testing", "Resources"} == {"AgentBridgeLib"}
    assert not (MODULE / "Resources" / "__init__.py").exists()


def imports_at_file_scope(source: str) -> set[str]:
    """Top-level packages that a module imports whenever it is imported."""
    names: set[str] = set()
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            names.add((statement.module or "").partition(".")[0])
    return names


def test_doorway_imports_only_what_every_slicer_has():
    """slicer: pydantic and the library are imported inside functions."""
    source = (MODULE / "AgentBridge.py").read_text(encoding="utf-8")
    assert imports_at_file_scope(source) <= IMPORTABLE_AT_FILE_SCOPE


def test_doorway_can_be_read_by_slicers_that_are_too_old():
    """slicer: 5.8 has Python 3.9; what it cannot read would end in a SyntaxError instead of words."""
    ast.parse((MODULE / "AgentBridge.py").read_text(encoding="utf-8"), feature_version=(3, 9))


def test_doorway_runs_nothing_on_import():
    """slicer: modules are imported at every start, also for people who never use them."""
    tree = ast.parse((MODULE / "AgentBridge.py").read_text(encoding="utf-8"))
    assigning = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.Assign, ast.AnnAssign)
    for statement in tree.body:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_typing = isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)
        assert isinstance(statement, assigning) or is_text or is_typing, ast.unparse(statement)


def test_runtime_requirements_have_lower_bounds():
    """slicer: requirements.txt is installed into everybody's Slicer; a pin would fight other extensions."""
    text = (MODULE / "Resources" / "requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line.partition(">=")[0] for line in lines] == ["pydantic", "jsonschema", "httptools"]
    assert all(re.fullmatch(r"\w+>=[\d.]+", line) for line in lines)


def test_repository_is_small():
    """slicer: a clone has at most 100 MB."""
    assert sum(path.stat().st_size for path in tracked_files()) < SIZE_LIMIT_BYTES / 4, (
        "history counts as well"
    )
