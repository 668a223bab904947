"""The developer's entry point says in words what is wrong and repairs what it can."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile

import pytest
from tracked import CHECKOUT

from devtools import data, environment, machine, serve_options


@pytest.fixture
def a_checkout(tmp_path, monkeypatch):
    """A checkout whose environment is made and filled by stand-ins that count their calls."""
    (tmp_path / "Testing").mkdir()
    for name in (environment.HOST, environment.ASSETS, environment.TOOLS):
        (tmp_path / "Testing" / name).write_text("numpy==1\n", encoding="utf-8")
    calls = []

    def make(self, folder):
        calls.append("venv")
        python = environment._python(folder)
        python.parent.mkdir(parents=True)
        python.touch()

    monkeypatch.setattr("venv.EnvBuilder.create", make)
    monkeypatch.setattr(environment, "_run_pip", lambda command, wanted: calls.append(command[-1]))
    return tmp_path, calls


def test_environment_is_made_once(a_checkout):
    """issue:#2."""
    checkout, calls = a_checkout
    environment.ready(checkout, with_tools=True)
    assert calls[0] == "venv"
    assert len(calls) == 4
    environment.ready(checkout, with_tools=True)
    assert len(calls) == 4


def test_serving_does_not_install_the_tools(a_checkout):
    """house: a newcomer waits for what he uses."""
    checkout, calls = a_checkout
    environment.ready(checkout, with_tools=False)
    assert not any(call.endswith(environment.TOOLS) for call in calls)


def test_environment_is_renewed_when_a_pin_changes(a_checkout):
    """issue:#2."""
    checkout, calls = a_checkout
    environment.ready(checkout, with_tools=True)
    (checkout / "Testing" / environment.HOST).write_text("numpy==2\n", encoding="utf-8")
    environment.ready(checkout, with_tools=True)
    assert calls.count("venv") == 2


def test_interrupted_installation_is_made_anew(a_checkout, monkeypatch):
    """house: a half-installed package is never used."""
    checkout, calls = a_checkout

    def interrupted(command, wanted):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment, "_run_pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            environment.ready(checkout, with_tools=True)
    environment.ready(checkout, with_tools=True)
    assert calls.count("venv") == 2


@pytest.mark.parametrize(
    ("system", "architecture"), [("Linux", "aarch64"), ("Darwin", "x86_64"), ("Windows", "ARM64")]
)
def test_machine_without_wheels_is_refused_in_words(monkeypatch, system, architecture):
    """issue:#2."""
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    with pytest.raises(machine.SetupError, match=architecture):
        machine.refuse_unsupported()


@pytest.mark.parametrize("libc", [("glibc", "2.31"), ("musl", "1.2")])
def test_old_or_foreign_c_library_is_refused_in_words(monkeypatch, libc):
    """issue:#2."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    with pytest.raises(machine.SetupError, match=r"glibc|GNU"):
        machine.refuse_unsupported()


@pytest.mark.skipif(sys.platform != "linux", reason="the names are Debian's")
def test_missing_library_is_named_with_its_package(tmp_path):
    """issue:#2."""
    (tmp_path / "EmbeddedSlicer").mkdir()
    check = tmp_path / "EmbeddedSlicer" / "requirements_check.py"
    check.write_text("def missing_libraries():\n    return [('libEGL.so.1', 'libegl1')]\n", encoding="utf-8")
    with pytest.raises(
        machine.SetupError, match=r"libEGL\.so\.1 +Debian package libegl1[\s\S]*apt-get install libegl1"
    ):
        machine.refuse_without_libraries(tmp_path)


def test_brain_with_another_checksum_is_refused(tmp_path, monkeypatch):
    """house: data is what it claims to be."""

    def download(python, folder):
        with zipfile.ZipFile(folder / "nilearn.whl", "w") as wheel:
            wheel.writestr(data.MEMBER, b"not a brain")

    monkeypatch.setattr(data, "_download_wheel", download)
    with pytest.raises(machine.SetupError, match="checksum"):
        data.ensure_brain(tmp_path, tmp_path)
    assert not data.brain_path(tmp_path).exists()


def test_scan_with_another_checksum_is_refused(tmp_path, monkeypatch):
    """house: data is what it claims to be, and none of it is kept otherwise."""

    def download(python, folder):
        unpacked = folder / "pyradiomics"
        (unpacked / "data").mkdir(parents=True)
        for name in data.SCANS:
            (unpacked / "data" / name).write_bytes(b"not a scan")
        return unpacked

    monkeypatch.setattr(data, "_download_source", download)
    with pytest.raises(machine.SetupError, match="checksum"):
        data.ensure_scans(tmp_path, tmp_path)
    assert list(data.data_folder(tmp_path).iterdir()) == []


def test_grant_is_read_as_capability_and_mode():
    """issue:#2."""
    options = serve_options.parser().parse_args(["--grant", "files.write=allow", "--grant=network=deny"])
    assert dict(options.grant) == {"files.write": "allow", "network": "deny"}


@pytest.mark.parametrize("grant", ["files.write", "=allow", "files.write=always"])
def test_malformed_grant_is_refused(grant, capsys):
    """issue:#2."""
    with pytest.raises(SystemExit):
        serve_options.parser().parse_args(["--grant", grant])
    assert "CAPABILITY=MODE" in capsys.readouterr().err


SKIPPING = """
import pytest

@pytest.mark.needs("slicer")
def test_with_a_real_slicer(): ...

@pytest.mark.needs("orthanc")
def test_with_orthanc(): ...

def test_alone(): ...
"""


def run_pytest(folder, *options: str) -> str:
    """Run the sample tests where none of their components is on the search path."""
    (folder / "test_sample.py").write_text(SKIPPING, encoding="utf-8")
    search = os.pathsep.join(str(CHECKOUT / name) for name in ("AgentBridge", "Testing"))
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-c", str(CHECKOUT / "pyproject.toml")]
    result = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(folder), *options, "test_sample.py"],
        cwd=folder,
        env={**os.environ, "PATH": str(folder), "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout


def test_absent_component_is_a_skip_with_its_install_line(tmp_path):
    """issue:#2."""
    output = run_pytest(tmp_path)
    assert "1 passed, 2 skipped" in output
    assert "apt-get install orthanc" in output


def test_no_skips_makes_a_skip_a_failure_except_for_a_real_slicer(tmp_path):
    """issue:#2."""
    output = run_pytest(tmp_path, "--no-skips")
    assert "1 passed, 1 skipped, 1 error" in output
    assert "ERROR test_sample.py::test_with_orthanc" in output


def test_slicer_that_was_named_and_is_not_there_is_a_failure(tmp_path):
    """issue:#2."""
    output = run_pytest(tmp_path, "--no-skips", "--slicer", str(tmp_path / "Slicer"))
    assert "ERROR test_sample.py::test_with_a_real_slicer" in output
