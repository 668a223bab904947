"""The safety settings in front of Slicer's own handlers."""

import json
import os

import pytest

from AgentBridgeLib.errors import PathOutsideRootsError
from AgentBridgeLib.transport.guard import Guard
from AgentBridgeLib.transport.handlers import make_handler
from AgentBridgeLib.transport.safe_application import SafeApplication


class MemoryPolicy:
    def __init__(self, allowed=(), folders=(), is_on=True):
        self.allowed, self.folders, self.is_on = allowed, folders, is_on
        self.denied = []

    def is_guarding(self):
        return self.is_on

    def allows_capability(self, name):
        return name in self.allowed

    def path_problem(self, path, *, writing):
        is_inside = any(path.startswith(folder) for folder in self.folders)
        return None if is_inside else PathOutsideRootsError("outside")

    def note_denied(self, action, error):
        self.denied.append((action, error.code))


@pytest.fixture
def a_guard(an_application, tmp_path):
    """Make guards over given settings."""

    def make(*, has_pages=True, **settings):
        docroot = os.fsencode(tmp_path) if has_pages else None
        policy = MemoryPolicy(**settings)
        guard = Guard(SafeApplication(an_application), policy, lambda: docroot)
        return guard, policy

    return make


DANGEROUS = [
    ("POST", b"/slicer/exec"),
    ("DELETE", b"/slicer/mrml"),
    ("DELETE", b"/slicer/system"),
    ("POST", b"/slicer/mrml?localfile=/data/a.nrrd"),
    ("GET", b"/slicer/mrml/file?id=a&localfile=/data/a.nrrd"),
    ("GET", b"/../../etc/passwd"),
]


@pytest.mark.parametrize(("method", "uri"), DANGEROUS)
def test_what_is_denied_is_claimed_above_slicers_own_confidence(a_guard, method, uri):
    """slicer: the highest confidence wins; Slicer's is 0.5."""
    assert 0.5 < a_guard()[0].confidence(method, uri, b"") <= 1.0


@pytest.mark.parametrize(("method", "uri"), DANGEROUS)
def test_a_guard_that_is_switched_off_claims_nothing(a_guard, method, uri):
    """issue:#2 guard: a setting, default on."""
    assert a_guard(is_on=False)[0].confidence(method, uri, b"") == 0.0


@pytest.mark.parametrize(
    ("method", "uri", "settings"),
    [
        ("POST", b"/slicer/exec", {"allowed": ["python.execute"]}),
        ("DELETE", b"/slicer/mrml", {"allowed": ["scene.delete"]}),
        ("POST", b"/slicer/mrml?localfile=/data/a", {"allowed": ["files.read"], "folders": ["/data/"]}),
        ("GET", b"/slicer/mrml/file?localfile=/data/a", {"allowed": ["files.write"], "folders": ["/data/"]}),
        ("GET", b"/index.html", {}),
    ],
)
def test_what_the_settings_allow_is_left_to_slicer(a_guard, method, uri, settings):
    """issue:#2 the guard applies the safety settings."""
    assert a_guard(**settings)[0].confidence(method, uri, b"") == 0.0


def test_an_allowed_capability_does_not_open_other_folders(a_guard):
    """http: files.read is allowed inside the allowed folders, denied outside."""
    guard, _ = a_guard(allowed=["files.read", "files.write"], folders=["/data/"])

    assert guard.confidence("POST", b"/slicer/mrml?localfile=/etc/passwd", b"") > 0.5


def test_a_denial_is_a_problem_that_no_client_takes_for_a_result(a_guard):
    """slicer: the status line says 200 whatever happens, so the body has to say it."""
    guard, policy = a_guard()

    content_type, body = guard.answer("POST", b"/slicer/exec?source=secret", b"")
    document = json.loads(body)

    assert content_type == b"application/problem+json"
    assert (document["status"], document["code"]) == (403, "policy.capability_disabled")
    assert document["success"] is False
    assert "python.execute" in document["detail"]
    assert policy.denied == [("POST /slicer/exec", "policy.capability_disabled")]


def test_a_killing_upload_is_refused_whatever_the_settings_say(a_guard):
    """slicer: `AllocateScalars` beyond memory ends the process."""
    guard, _ = a_guard(allowed=["scene.edit"])
    body = b"NRRD0004\nsizes: 99999 99999 99999\n\n"

    assert guard.confidence("POST", b"/slicer/volume", body) > 0.5
    assert json.loads(guard.answer("POST", b"/slicer/volume", body)[1])["code"] == "data.invalid"


def test_an_unreadable_address_is_denied(a_guard):
    """house: in doubt the guard denies."""
    assert a_guard()[0].confidence("POST", b"/slicer/mrml?localfile=\xff", b"") > 0.5


def test_without_static_pages_there_is_no_root_to_leave(a_guard):
    """slicer: the handler may be switched off."""
    assert a_guard(has_pages=False)[0].confidence("GET", b"/../x", b"") == 0.0


def test_a_guard_that_fails_denies(an_application):
    """slicer: `canHandleRequest` is called outside any try; a guard that cannot judge must not let in."""

    class Failing:
        def confidence(self, method, uri, body):
            raise SystemExit(1)

        def answer(self, method, uri, body):
            raise KeyError("secret")

    handler = make_handler(object, Failing())

    assert handler.canHandleRequest(method="GET", uri=b"/", requestBody=b"") == 1.0
    content_type, body = handler.handleRequest(method="GET", uri=b"/", requestBody=b"")
    assert content_type == b"application/problem+json"
    assert json.loads(body)["code"] == "internal"
    assert b"secret" not in body
