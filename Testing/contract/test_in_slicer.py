"""The unit tests that ship with the module pass in the embedded host, and in a real Slicer where there is one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tracked import CHECKOUT

FOLDER = CHECKOUT / "AgentBridge" / "Testing" / "Python"
TESTS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("options", [[], ["--no-views"]], ids=["views", "no-views"])
def test_in_slicer_tests_pass_in_the_embedded_host(name, options):
    """house: what ctest runs in a build of the extension is exercised in CI as well."""
    command = [sys.executable, str(CHECKOUT / "Testing" / "in_slicer.py"), *options, name]
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "skipped" not in result.stderr


@pytest.mark.needs("slicer")
@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("options", [[], ["--no-main-window"]], ids=["main-window", "no-main-window"])
def test_in_slicer_tests_pass_in_a_real_slicer(name, options, slicer_executable):
    """slicer: as slicer_add_python_unittest starts it."""
    code = f"import slicer.testing; slicer.testing.runUnitTest([{str(FOLDER)!r}], {name!r})"
    command = [str(slicer_executable), "--no-splash", "--testing", *options]
    paths = ["--additional-module-paths", str(CHECKOUT / "AgentBridge")]
    result = subprocess.run(
        [*command, *paths, "--python-code", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
