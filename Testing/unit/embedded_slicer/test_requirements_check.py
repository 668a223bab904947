"""Which system libraries are missing, told before any wheel is installed."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from EmbeddedSlicer import requirements_check


def test_a_machine_that_runs_the_host_lacks_nothing():
    """issue:#2: say which system library is missing."""
    assert requirements_check.missing_libraries() == []


def test_a_missing_library_is_named_with_its_package(monkeypatch):
    """issue:#2: and its Debian name."""
    monkeypatch.setattr(requirements_check, "_can_load", lambda library: library != "libEGL.so.1")
    assert requirements_check.missing_libraries() == [("libEGL.so.1", "libegl1")]


def test_a_missing_driver_is_named(monkeypatch):
    """issue:#2: EGL without a driver ends the process at the first view."""
    monkeypatch.setattr(requirements_check, "_has_egl_driver", lambda: False)
    assert [package for _, package in requirements_check.missing_libraries()] == ["libegl-mesa0"]
    monkeypatch.setattr(requirements_check, "_has_egl_driver", lambda: True)
    monkeypatch.setattr(requirements_check, "SOFTWARE_RENDERERS", ("nowhere/*.so",))
    assert [package for _, package in requirements_check.missing_libraries()] == ["libgl1-mesa-dri"]


def test_other_systems_are_not_asked(monkeypatch):
    """house: the table is Debian's."""
    monkeypatch.setattr(requirements_check.sys, "platform", "darwin")
    monkeypatch.setattr(requirements_check, "_can_load", lambda _: False)
    assert requirements_check.missing_libraries() == []


def test_the_check_needs_the_standard_library_only():
    """house: it runs before the wheels are there."""
    tree = ast.parse(Path(requirements_check.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    imported |= {
        (node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the dynamic linker of Linux")
def test_the_table_covers_what_the_wheels_load():
    """house: the table is read off the wheels."""
    import subprocess

    import PySide6

    library = Path(PySide6.__file__).parent / "Qt" / "lib" / "libQt6Gui.so.6"
    lines = subprocess.run(
        ["ldd", str(library)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wanted = {line.split()[0] for line in lines if "=>" in line and "PySide6" not in line}
    common = (
        "libc.",
        "libm.",
        "libdl.",
        "librt.",
        "libpthread.",
        "libstdc++.",
        "libgcc_s.",
        "libz.",
        "libresolv.",
    )
    direct = {
        name
        for name in wanted
        if name.startswith(
            ("libEGL", "libGL.", "libX11.", "libxkb", "libfont", "libfree", "libglib", "libdbus")
        )
    }
    assert direct
    assert direct <= set(requirements_check.LIBRARIES)
    assert not {name for name in requirements_check.LIBRARIES if name.startswith(common)}
