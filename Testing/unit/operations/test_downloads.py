"""The child that loads files from web servers, against a real server in this process."""

from __future__ import annotations

import hashlib
import socket
import sys
from pathlib import Path

import pytest

from file_server import BODY, file_server, write_certificate

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "AgentBridge"))

from AgentBridgeLib.operations.scene.workers import download as worker


@pytest.fixture(scope="module")
def server():
    with file_server({"/a/brain.nrrd": BODY, "/": b"root"}) as running:
        yield running


@pytest.fixture
def load(server, tmp_path):
    """Load an address; by default the server is named."""

    def call(path, origins=None, told=None, **request):
        whole = {
            "url": server.url + path if path.startswith("/") else path,
            "origins": [server.url] if origins is None else origins,
            "folder": str(tmp_path),
            "most_bytes": 1 << 20,
            "timeout_s": 5,
            **request,
        }
        return worker.download(whole, (told if told is not None else []).append)

    return call


def failure(load, *arguments, **request):
    with pytest.raises(worker.DownloadError) as fault:
        load(*arguments, **request)
    return fault.value.kind


def test_file_arrives_whole_with_progress(load, server, tmp_path):
    """issue:#3: URL download."""
    told = []
    result = load("/a/brain.nrrd", told=told)
    assert result["name"] == "brain.nrrd"
    assert Path(result["path"]).read_bytes() == BODY
    assert told[-1] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["brain.nrrd"]


def test_redirect_is_followed_on_the_same_server_only(load, server, tmp_path):
    """issue:#3: no redirects to other hosts unless they are named."""
    assert load("/to?/a/brain.nrrd")["url"] == f"{server.url}/a/brain.nrrd"
    with file_server({"/x.nrrd": b"elsewhere"}) as other:
        target = f"/to?{other.url}/x.nrrd"
        assert failure(load, target) == "refused"
        assert other.asked == []
        assert load(target, origins=[server.url, other.url])["size_bytes"] == 9
    assert failure(load, "/to?file:///etc/passwd") == "refused"
    assert failure(load, "/loop") == "failed"


@pytest.mark.parametrize(
    ("path", "kind", "request_"),
    [
        ("/nothing", "missing", {}),
        ("/cut", "cut_off", {}),
        ("/endless", "too_large", {}),
        ("/a/brain.nrrd", "too_large", {"most_bytes": len(BODY) - 1}),
        ("/silent", "timeout", {"timeout_s": 0.2}),
        ("/a/brain.nrrd", "checksum", {"sha256": "0" * 64}),
        ("http://127.0.0.1:1/x", "unreachable", {"origins": ["http://127.0.0.1:1"]}),
    ],
)
def test_failure_is_named_and_leaves_nothing(load, tmp_path, path, kind, request_):
    """issue:#3: atomic, bounded."""
    assert failure(load, path, **request_) == kind
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_the_file_that_was_there(load, tmp_path):
    """house: written beside and renamed."""
    (tmp_path / "mine.nrrd").write_bytes(b"precious")
    assert failure(load, "/cut", name="mine.nrrd") == "cut_off"
    assert (tmp_path / "mine.nrrd").read_bytes() == b"precious"


def test_sum_of_the_file_is_checked(load):
    """slicer: SampleData has sums."""
    assert load("/a/brain.nrrd", sha256=hashlib.sha256(BODY).hexdigest().upper())["size_bytes"] == len(BODY)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/named", "in_ner.nrrd"), ("/", "download"), ("/a/brain.nrrd?x=/../y", "brain.nrrd")],
)
def test_name_is_safe_in_any_folder(load, tmp_path, path, name):
    """house: a server says no path."""
    assert load(path)["path"] == str(tmp_path / name)


def test_public_list_reaches_neither_this_computer_nor_what_a_name_leads_to(load, monkeypatch):
    """issue:#3: server-side request forgery, by address and by name."""
    assert failure(load, "https://127.0.0.1/x", origins=["https://*"]) == "refused"
    real = socket.getaddrinfo

    def lying(host, *arguments, **keywords):
        return real("127.0.0.1" if host == "data.example" else host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    assert failure(load, "https://data.example/x", origins=["https://*"]) == "refused"


def test_certificate_must_be_trusted_and_be_for_the_name(load, tmp_path_factory, monkeypatch):
    """issue:#3: https verification."""
    folder = tmp_path_factory.mktemp("certificates")
    good = write_certificate(folder / "good.pem")
    with file_server({"/x.nrrd": BODY}, good) as server:
        address, origins = f"{server.url}/x.nrrd", [server.url]
        assert failure(load, address, origins=origins) == "certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(good))
        assert load(address, origins=origins)["size_bytes"] == len(BODY)
        assert server.asked == ["/x.nrrd"]
    other = write_certificate(folder / "other.pem", "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with file_server({"/x.nrrd": BODY}, other) as server:
        assert failure(load, f"{server.url}/x.nrrd", origins=[server.url]) == "certificate"
