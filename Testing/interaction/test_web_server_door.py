"""The second door in a whole host: on Slicer's WebServer module, with the guard before that server's own routes."""

from __future__ import annotations

import json

import pytest

from client import Client

START = """
import slicer
widget = slicer.util.getModuleWidget("WebServer")
widget.logic.port = 23016
widget.startServer()
widget.logic.port
"""
STOP = "import slicer; slicer.util.getModuleWidget('WebServer').stopServer()"
PLAIN = """
import slicer
server = slicer.util.getModuleLogic("WebServer").server
del server.SlicerRequestCommunicator
"""


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    from served_bridge import ServedBridge

    grants = {"python.execute": "allow", "scene.delete": "deny"}
    with ServedBridge(tmp_path_factory.mktemp("door"), grants=grants) as host:
        yield host.client


def run(client, source):
    result = client.post("/python/execute", {"source": source}).expect().json()
    assert result["outcome"] == "completed", result
    return result["value"]


@pytest.fixture
def a_web_server(a_host):
    """A client that speaks to Slicer's WebServer, started by its panel's own code."""
    port = int(run(a_host, START))
    client = Client(f"http://127.0.0.1:{port}/agent/v1", a_host.token)
    yield client
    client.close()
    run(a_host, STOP)


def test_bridge_answers_there_with_everything_http_has(a_web_server):
    """architecture: connections are handed over"""
    answer = a_web_server.get("/scene").expect(200)
    assert answer.headers["etag"]
    assert a_web_server.get("/scene", headers={"If-None-Match": answer.headers["etag"]}).status == 304
    assert a_web_server.with_token(None).get("/scene").status == 401


def test_service_document_says_which_door_it_is(a_host, a_web_server):
    """house: ADR 4"""
    assert a_web_server.get("/").expect().json()["door"] == "webserver"
    assert a_host.get("/").expect().json()["door"] == "listener"
    run(a_host, PLAIN)
    body = {"access_token": a_host.token}
    plain = a_web_server.with_token(None).request("GET", "/", json_body=body)
    assert plain.json()["door"] == "webserver_plain"


def test_bridge_is_there_again_after_the_server_was_stopped_and_started(a_host):
    """architecture: the registration survives"""
    for _ in range(3):
        port = int(run(a_host, START))
        Client(f"http://127.0.0.1:{port}/agent/v1", a_host.token, keeps_connection=False).get(
            "/health"
        ).expect(200)
        run(a_host, STOP)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/slicer/mrml"),
        ("DELETE", "/slicer/system"),
        ("POST", "/slicer/mrml?localfile=/etc/passwd&filetype=VolumeFile"),
        ("GET", "/../../../../etc/passwd"),
    ],
)
def test_dangerous_request_to_slicers_own_routes_meets_the_settings(a_web_server, method, path):
    """http: section 4, the guard"""
    own = Client(f"http://127.0.0.1:{a_web_server.port}", None, keeps_connection=False)
    document = own.request(method, path).json()
    assert document["status"] == 403
    assert document["code"].startswith("policy.")


def test_harmless_request_to_slicers_own_routes_goes_through(a_web_server):
    """http: section 4: the guard claims only what is denied"""
    own = Client(f"http://127.0.0.1:{a_web_server.port}", None, keeps_connection=False)
    assert "recorded" in own.request("GET", "/slicer/system/version").json()


def test_refusal_of_the_guard_is_in_the_audit(a_host, a_web_server):
    """http: section 2"""
    Client(f"http://127.0.0.1:{a_web_server.port}", None, keeps_connection=False).request(
        "DELETE", "/slicer/mrml"
    )
    newest = a_host.get("/audit", limit=1).expect().json()["items"][0]
    assert newest["decision"] == "deny"
    assert "/slicer/mrml" in newest["operation"]


def test_plain_handler_answers_with_status_and_code_in_the_body(a_host, a_web_server):
    """architecture: where the hand-over is not possible; ADR 4"""
    run(a_host, PLAIN)
    plain = Client(f"http://127.0.0.1:{a_web_server.port}/agent/v1", None, keeps_connection=False)
    refused = plain.request("POST", "/operations/scene.summary", body=b"{}", headers={"Content-Length": "2"})
    assert (refused.json()["status"], refused.json()["code"]) in {
        (401, "auth.required"),
        (429, "auth.throttled"),
    }
    body = json.dumps({"access_token": a_host.token}).encode()
    answer = plain.request("POST", "/operations/scene.summary", body=body)
    assert answer.json()["node_count"] >= 0
    unknown = plain.request("POST", "/operations/no.such", body=body)
    assert (unknown.json()["status"], unknown.json()["code"]) == (404, "operation.unknown")
