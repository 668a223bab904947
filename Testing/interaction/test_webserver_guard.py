"""The safety settings in front of the dangerous requests of Slicer's own WebServer."""

import json
from pathlib import Path

import pytest

from transport_client import TransportHost, Wire

SCRIPT = Path(__file__).parent / "webserver_host.py"


@pytest.fixture(scope="module")
def a_host():
    """Give a host with Slicer's WebServer running, exec switched on, and the bridge attached."""
    with TransportHost(script=SCRIPT) as host:
        host.ask("GET", "/exec?on=1")
        host.ask("GET", "/ensure")
        host.ask("GET", "/press?button=start")
        yield host


@pytest.fixture
def ask(a_host, tmp_path):
    """Ask Slicer's server under given settings."""
    port = a_host.ask("GET", "/state").json["port"]

    def under(method, target, *, guards=True, allowed=(), folders=(), body=b""):
        settings = {
            "guards": guards,
            "allowed": list(allowed),
            "folders": [str(folder) for folder in folders],
        }
        a_host.ask("PUT", "/policy", body=json.dumps(settings).encode())
        with Wire(port) as wire:
            return wire.ask(method, target, body=body)

    return under


def _is_denied(answer, code="policy.capability_disabled"):
    document = answer.json
    return "recorded" not in document and document.get("code") == code and document["success"] is False


EXEC = ["/slicer/exec", "/slicer/execute", "/slicer/exec;x", "http://h/slicer/exec", "/slicer/exec?source=1"]


@pytest.mark.parametrize("target", EXEC)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_code_runs_only_when_the_settings_allow_it(ask, method, target):
    """slicer: `/slicer/execute`, `/slicer/exec;x` and `http://h/slicer/exec` all execute."""
    assert _is_denied(ask(method, target))
    assert ask(method, target, allowed=["python.execute"]).json["recorded"] == "exec"
    assert ask(method, target, guards=False).json["recorded"] == "exec"


@pytest.mark.parametrize(
    ("method", "target", "capability", "recorded"),
    [
        ("DELETE", "/slicer/mrml", "scene.delete", "mrml"),
        ("DELETE", "/slicer/mrml?class=vtkMRMLNode", "scene.delete", "mrml"),
        ("DELETE", "/slicer/system", "application.control", "system"),
        ("POST", "/slicer/mrml?url=https://example.org/a.nrrd&filetype=VolumeFile", "network", "mrml"),
        ("POST", "/slicer/mrml?url=slicer://viewer", "application.control", "mrml"),
        ("PUT", "/slicer/mrml?id=a", "files.read", "mrml"),
        ("POST", "/slicer/accessDICOMwebStudy", "network", "accessDICOMwebStudy"),
    ],
)
def test_a_dangerous_request_needs_its_capability(ask, method, target, capability, recorded):
    """issue:#2 guard for the dangerous legacy requests."""
    denied = ask(method, target)
    assert _is_denied(denied)
    assert denied.json["capability"] == capability
    assert ask(method, target, allowed=[capability]).json["recorded"] == recorded


@pytest.mark.parametrize(
    ("method", "target", "capability"),
    [
        ("POST", "/slicer/mrml?filetype=VolumeFile&localfile={}", "files.read"),
        ("POST", "/slicer/mrml?filetype=VolumeFile&url=file://{}", "files.read"),
        ("GET", "/slicer/mrml/file?id=a&localfile={}", "files.write"),
        ("GET", "/slicer/mrml/file?id=a&url=file://{}", "files.write"),
    ],
)
def test_local_files_are_reached_inside_the_allowed_folders_only(ask, tmp_path, method, target, capability):
    """issue:#2 a path outside the allowed folders, through `..` and symlinks."""
    allowed = {"allowed": [capability], "folders": [tmp_path / "open"]}
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "link").symlink_to(tmp_path)

    assert ask(method, target.format(tmp_path / "open" / "a.nrrd"), **allowed).json["recorded"] == "mrml"
    for outside in (
        tmp_path / "a.nrrd",
        tmp_path / "open" / ".." / "a.nrrd",
        tmp_path / "open" / "link" / "a.nrrd",
    ):
        assert _is_denied(ask(method, target.format(outside), **allowed), "policy.path_outside_roots")
    assert _is_denied(ask(method, target.format(tmp_path / "open" / "a.nrrd"), folders=[tmp_path]))


@pytest.mark.parametrize(
    "target", ["/../../etc/passwd", "//etc/passwd", "/a/../../b", "/slicer/../../../etc/passwd"]
)
def test_static_pages_stay_in_their_folder(ask, target):
    """slicer: `/../../` or an absolute path: any file is served."""
    assert _is_denied(ask("GET", target), "policy.path_outside_roots")
    assert (
        ask("GET", target, allowed=["files.read"], folders=["/"]).json["code"] == "policy.path_outside_roots"
    )


def test_a_volume_that_would_kill_slicer_is_refused(ask):
    """slicer: a 300-byte NRRD header ends the process."""
    header = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 40000 40000 40000\nencoding: raw\n\n"

    assert _is_denied(ask("POST", "/slicer/volume?id=a", body=header), "data.invalid")
    honest = header.replace(b"40000 40000 40000", b"2 2 2") + bytes(16)
    assert ask("POST", "/slicer/volume?id=a", body=honest).json["recorded"] == "volume"


@pytest.mark.parametrize(
    "target", ["/slicer/mrml", "/slicer/slice?view=red", "/index.html", "/slicer/sampledata?name=a"]
)
def test_everything_else_is_left_to_slicer(ask, target):
    """slicer: the guard declines, and Slicer's own code answers."""
    assert "recorded" in ask("GET", target).json


def test_denials_are_noted_without_their_query(a_host, ask):
    """http: audit: who called what, decision; never data."""
    ask("POST", "/slicer/exec?source=secret")

    assert a_host.ask("GET", "/state").json["denied"][-1] == "POST /slicer/exec policy.capability_disabled"


def test_a_policy_that_fails_denies(a_host, ask):
    """house: in doubt the guard denies, and Slicer lives."""
    answer = ask("DELETE", "/slicer/mrml?id=a")
    assert answer.json["recorded"] == "mrml"
    a_host.ask("PUT", "/policy", body=b'{"folders": ["\\u0000"], "allowed": ["files.read"]}')
    with Wire(a_host.ask("GET", "/state").json["port"]) as wire:
        assert wire.ask("POST", "/slicer/mrml?localfile=/a").json["code"] in {
            "internal",
            "policy.path_outside_roots",
        }
    assert a_host.is_alive
