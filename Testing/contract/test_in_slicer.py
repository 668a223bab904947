"""The unit tests that ship with the module pass in the embedded host, and in a real Slicer where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tracked import CHECKOUT

FOLDER = CHECKOUT / "AgentBridge" / "Testing" / "Python"
TESTS = sorted(path.stem for path in FOLDER.glob("*Test.py"))


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("options", [[], ["--no-views"]], ids=["views", "no-views"])
def test_in_slicer_tests_pass_in_the_embedded_host(name, options):
    """house: what ctest runs in a build of the extension is exercised in CI as well."""
    command = [sys.executable, str(CHECKOUT / "Testing" / "in_slicer.py"), *options, name]
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "skipped" not in result.stderr


START = "import slicer; slicer.util.getModuleLogic('AgentBridge').start(port=0)"
INSTANCES = "instances/*.json"


def test_host_ends_with_a_running_bridge_and_keeps_nothing_of_it(tmp_path):
    """slicer: modules are unloaded at the end, and the bridge with its own."""
    code = (
        "import EmbeddedSlicer; EmbeddedSlicer.start(views=False); "
        f"EmbeddedSlicer.load_scripted_module({str(CHECKOUT / 'AgentBridge' / 'AgentBridge.py')!r}); "
        f"{START}; import glob; print('running', len(glob.glob({str(tmp_path / INSTANCES)!r}))); "
        "slicer.app.exit(0); EmbeddedSlicer.run()"
    )
    command = [sys.executable, "-c", code]
    paths = os.pathsep.join([str(CHECKOUT / "Testing"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "AGENTBRIDGE_HOME": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "running 1\n"), result.stderr
    assert list(tmp_path.glob(INSTANCES)) == []


@pytest.fixture(scope="session")
def slicer_packages(slicer_executable, tmp_path_factory) -> Path:
    """The required packages for a real Slicer, in a folder of ours: the Slicer itself stays as it is."""
    folder = tmp_path_factory.mktemp("packages")
    places = [
        slicer_executable.parent / "bin",
        slicer_executable.parent.parent / "bin",
    ]  # the second on macOS
    name = "PythonSlicer.exe" if os.name == "nt" else "PythonSlicer"
    python = next(place / name for place in places if (place / name).is_file())
    requirements = CHECKOUT / "AgentBridge" / "Resources" / "requirements.txt"
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        str(folder),
        "-r",
        str(requirements),
    ]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture
def run_slicer(slicer_executable, slicer_packages, tmp_path):
    """Run Python code in a real Slicer that has the module and its packages, until it ends."""

    def run(code: str, *options: str) -> str:
        """Give what it printed; it must end with code 0."""
        command = [str(slicer_executable), "--no-splash", "--testing", *options]
        command += ["--additional-module-paths", str(CHECKOUT / "AgentBridge")]
        command += ["--python-code", f"import sys; sys.path.append({str(slicer_packages)!r}); {code}"]
        environment = {**os.environ, "AGENTBRIDGE_HOME": str(tmp_path)}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        said = result.stdout + result.stderr
        assert result.returncode == 0, said
        return said

    return run


MAIN_WINDOW = pytest.mark.parametrize(
    "options", [[], ["--no-main-window"]], ids=["main-window", "no-main-window"]
)


@pytest.mark.needs("slicer")
@pytest.mark.parametrize("name", TESTS)
@MAIN_WINDOW
def test_in_slicer_tests_pass_in_a_real_slicer(name, options, run_slicer):
    """slicer: as slicer_add_python_unittest starts it."""
    said = run_slicer(
        f"import slicer.testing; slicer.testing.runUnitTest([{str(FOLDER)!r}], {name!r})", *options
    )
    assert "OK" in said
    assert "skipped" not in said


@pytest.mark.needs("slicer")
@MAIN_WINDOW
def test_real_slicer_ends_with_a_running_bridge_and_keeps_nothing_of_it(options, run_slicer, tmp_path):
    """slicer: modules are unloaded at the end; a crash there would be an exit code."""
    said = run_slicer(f"{START}; print('running', slicer.modules.AgentBridgeWidget.logic.url)", *options)
    assert "running http://127.0.0.1:" in said
    assert list(tmp_path.glob(INSTANCES)) == []
