"""What stands at the edge of JSON and HTTP is answered like everything else: once, and with what to do."""

from __future__ import annotations

import gzip

import pytest

JSON = {"Content-Type": "application/json"}
MANY_DIGITS = "1" * 5000
MCP = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MCP,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/jobs", rb'{"operation": "\ud800"}'),
        ("/jobs", rb'{"operation": "scene.summary", "\uDFFF": 1}'),
        ("/operations/scene.summary", rb'{"a": {"b": ["\udc80x"]}}'),
        ("/markups", rb'{"type": "line", "name": "\ud800\u0041"}'),
    ],
)
def test_half_of_a_surrogate_pair_is_malformed_wherever_it_stands(a_bridge, path, body):
    """architecture: a request is answered exactly once; RFC 8259, 8.2"""
    answer = a_bridge.request("POST", path, body=body, headers=JSON)
    assert (answer.status, answer.code) == (400, "request.malformed")
    assert "surrogate" in answer.json()["detail"]


def test_compressed_json_is_refused_as_such(a_bridge):
    """RFC 9110, 15.5.16; the error says what to do"""
    body = gzip.compress(b'{"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]]}')
    answer = a_bridge.request("POST", "/markups", body=body, headers={**JSON, "Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (415, "request.media_type")
    assert "uncompressed" in answer.json()["detail"]


def test_whole_surrogate_pair_is_a_character(a_bridge):
    """RFC 8259, 7"""
    body = rb'{"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]], "name": "\ud83e\udde0"}'
    made = a_bridge.request("POST", "/markups", body=body, headers=JSON).expect(201)
    assert made.json()["name"] == "\N{BRAIN}"


def test_member_that_stands_twice_among_many_is_named_at_once(a_bridge):
    """architecture: nothing freezes Slicer; looking for it must not take the square of the members"""
    members = ",".join(f'"k{number}":1' for number in range(200_000))
    body = f'{{{members},"twice":1,"twice":2}}'.encode()
    answer = a_bridge.request("POST", "/markups", body=body, headers=JSON)
    assert (answer.status, answer.code) == (400, "request.malformed")
    assert "'twice' stands twice" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        f"/jobs?limit={MANY_DIGITS}",
        f"/audit?limit={MANY_DIGITS}",
        f"/audit?cursor={MANY_DIGITS}",
        f"/events?last_event_id={MANY_DIGITS}",
        "/events?last_event_id=%C2%B2",
    ],
)
def test_number_that_is_none_is_the_clients_mistake(a_bridge, path):
    """house: Python reads no number of more than 4300 digits, nor a superscript two"""
    answer = a_bridge.get(path)
    assert (answer.status, answer.code) == (422, "argument.invalid")
    assert answer.json()["errors"]


@pytest.mark.parametrize("number", ["\u00b2", MANY_DIGITS])
def test_entity_tag_with_a_number_that_is_none_does_not_match(a_bridge, number):
    """http: If-Match, 412"""
    instance = a_bridge.get("/scene").headers["etag"].strip('"').partition("-")[0]
    body = {"type": "line", "points_ras": [[0, 0, 0], [1, 0, 0]]}
    answer = a_bridge.post("/markups", body, headers={"If-Match": f'"{instance}-s-{number}-0"'})
    assert (answer.status, answer.code) == (412, "scene.revision_conflict")


def test_every_answer_carries_the_request_id(a_bridge):
    """http: section 1, echoed or minted"""
    for path in ("/docs", "/docs/docs.js", "/mcp", "/scene", "/no/such", "/openapi.json"):
        answer = a_bridge.get(path, headers={"X-Request-Id": "mine-8"})
        assert answer.headers["x-request-id"] == "mine-8", path
    assert a_bridge.request("HEAD", "/events").expect(200).headers["x-request-id"]


@pytest.mark.parametrize("given", [{"X-Request-Id": "mine-9"}, {}, {"X-Request-Id": "no id"}])
def test_request_id_of_the_model_context_protocol_is_that_of_the_audit(a_bridge, given):
    """http: section 1 and 2"""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "scene_summary", "arguments": {}, "_meta": META},
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MCP,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "scene_summary",
        **given,
    }
    answer = a_bridge.post("/mcp", body, headers=headers).expect(200)
    newest = a_bridge.get("/audit", limit=1).json()["items"][0]
    assert newest["operation"] == "scene.summary"
    assert newest["request_id"] == answer.headers["x-request-id"]
    assert (newest["request_id"] == "mine-9") == (given == {"X-Request-Id": "mine-9"})


def test_asking_for_the_head_of_the_events_keeps_no_place(a_bridge):
    """http: HEAD works wherever GET does, and only so many may watch"""
    for _ in range(20):
        a_bridge.request("HEAD", "/events").expect(200)
    watching = a_bridge.events("0")
    a_bridge.wait_for_job(a_bridge.start_job("scene.summary")["id"])
    assert next(watching).data
    watching.close()


PAGE = "http://page.example:8000"


@pytest.fixture(scope="module")
def listening(tmp_path_factory):
    """A bridge whose person has put one web page on the list."""
    from served_bridge import ServedBridge

    with ServedBridge(tmp_path_factory.mktemp("page"), grants={"python.execute": "allow"}) as host:
        source = f"import qt; qt.QSettings().setValue('AgentBridge/allowed_origins', '[\"{PAGE}\"]')"
        host.client.post("/python/execute", {"source": source}).expect()
        while host.client.get("/health", headers={"Origin": PAGE}).status == 403:
            pass
        yield host.client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/scene", 200),
        ("GET", "/health", 200),
        ("GET", "/", 200),
        ("GET", "/jobs", 200),
        ("GET", "/openapi.json", 200),
        ("HEAD", "/events", 200),
        ("GET", "/mcp", 405),
        ("GET", "/no/such", 404),
        ("DELETE", "/scene", 405),
        ("GET", "/jobs?limit=0", 422),
        ("GET", "/nodes/none", 404),
    ],
)
def test_listed_page_can_read_every_answer(listening, method, path, status):
    """http: CORS answers for listed origins, the service's own routes and errors included"""
    answer = listening.request(method, path, headers={"Origin": PAGE})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-expose-headers"] == "*"
    assert answer.headers["vary"] == "Origin"


def test_listed_page_can_read_that_its_token_is_wrong(listening):
    """http: section 1"""
    answer = listening.with_token("wrong").get("/scene", headers={"Origin": PAGE})
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_listed_page_may_send_the_headers_that_it_asks_for(listening):
    """http: preflight, which browsers send without a token"""
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,mcp-session-id",
    }
    answer = listening.with_token(None).request("OPTIONS", "/mcp", headers=asked).expect(204)
    assert answer.headers["access-control-allow-headers"] == "authorization,mcp-session-id"
    assert "POST" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}", "http://other.example"])
def test_nobody_else_gets_leave_to_read(listening, origin):
    """http: CORS answers only for listed origins"""
    headers = {} if origin is None else {"Origin": origin.format(port=listening.port)}
    answer = listening.get("/scene", headers=headers)
    assert answer.status == (403 if origin == "http://other.example" else 200)
    assert "access-control-allow-origin" not in answer.headers
