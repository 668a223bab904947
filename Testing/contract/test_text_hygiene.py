"""What is written in the repository holds on every machine."""

from __future__ import annotations

import re

import pytest
from tracked import CHECKOUT, tracked_files

BINARY = {".png", ".jpg", ".gif", ".nrrd", ".gz", ".dcm", ".ico", ".npy"}
TEXTS = [path for path in tracked_files() if path.suffix not in BINARY]

# The brackets keep this file from finding itself.
PRIVATE = {
    "home folder": r"(?<![\w.])/(?:[h]ome|[U]sers)/\w+",
    "folder of the superuser": r"(?<![\w.])/[r]oot/",
    "Windows home folder": r"[A-Za-z]:\\+[U]sers\\+\w+",
    "unfinished work": r"\b[T]ODO\b(?!\(#\d+\))|\b[F]IXME\b|\b[X]XX\b",
    "merge conflict": r"^(?:<{7}|>{7}) ",
}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_text_names_no_machine_and_nothing_unfinished(path):
    """house: no machine paths, no placeholders."""
    text = path.read_text(encoding="utf-8")
    found = [
        f"{what}: {match[0]}"
        for what, pattern in PRIVATE.items()
        for match in re.finditer(pattern, text, re.M)
    ]
    assert found == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_text_has_unix_line_ends_and_ends_with_one(path):
    """house: one convention on all platforms."""
    content = path.read_bytes()
    assert b"\r" not in content
    assert content == b"" or content.endswith(b"\n")


def test_the_patterns_find_what_they_are_for():
    """house: each pattern can fail."""
    samples = ["/{}/jane", "/{}/x", "C:\\{}\\jane", "# {} later", "{} HEAD"]
    words = ["home", "root", "Users", "TO" + "DO", "<" * 7]
    for pattern, sample, word in zip(PRIVATE.values(), samples, words, strict=True):
        assert re.search(pattern, sample.format(word), re.M)


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE.txt", ".gitignore"]
)
def test_top_level_has_what_belongs_there(name):
    """house: the top level is fixed."""
    assert (CHECKOUT / name).is_file()


def test_top_level_has_nothing_else():
    """house: files that often lie there live in docs/ instead."""
    fixed = {
        "AgentBridge",
        "Resources",
        "Testing",
        "docs",
        "CMakeLists.txt",
        "LICENSE.txt",
        "README.md",
        "pyproject.toml",
    }
    top = {path.relative_to(CHECKOUT).parts[0] for path in tracked_files()}
    assert {name for name in top if not name.startswith(".")} <= fixed
