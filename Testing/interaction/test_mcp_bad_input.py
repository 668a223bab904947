"""Nothing that a client sends makes the endpoint fail, hang or forget itself."""

import http.client
import json
import string
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_client import META, MODERN, McpHost

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
METHODS = st.sampled_from(
    [
        "initialize", "ping", "server/discover", "tools/list", "tools/call", "resources/read", "resources/list",
        "prompts/get", "completion/complete", "tasks/get", "tasks/update", "tasks/cancel", "logging/setLevel",
        "notifications/cancelled", "nothing/here", "",
    ]
)  # fmt: skip
VERSIONS = st.sampled_from([MODERN, "2025-11-25", "2025-03-26", "1999-01-01", "", "x" * 300])
TOOLS = st.sampled_from(
    ["scene_summary", "nodes_get", "jobs_get", "operations_run", "operations_search", "none", ""]
)
FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
HEADER = st.text(string.printable.strip(), max_size=30)


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp")) as host:
        yield host


@pytest.fixture
def an_agent(a_host):
    agent = a_host.client()
    yield agent
    assert agent.request("tools/list").result["tools"], "the endpoint must still answer"


@pytest.fixture
def an_agent_with_a_session(a_host):
    agent = a_host.client(era="2025-11-25", capabilities={"elicitation": {}})
    agent.initialize()
    yield agent
    assert agent.request("tools/list").result["tools"], "the session must still answer"


@pytest.mark.parametrize("place", ["id", "progressToken"])
def test_a_number_that_no_float_holds_is_refused_since_it_would_come_back_as_infinity(an_agent, place):
    """mcp: ids and tokens are given back as they came, and an answer must be JSON."""
    asked = an_agent.dressed(
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}, {"progressToken": 2}
    )
    token = asked["params"]["_meta"]
    (asked if place == "id" else token)[place] = "HUGE"
    body = json.dumps(asked).replace('"HUGE"', "1e400").encode()
    reply = an_agent.post(body, an_agent.headers(asked))
    assert (reply.status, reply.code) == (400, -32700)


@FUZZ
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), version=VERSIONS)
def test_a_body_that_is_no_message_is_a_4xx_with_a_json_rpc_error(an_agent, body, version):
    """mcp: parse error, invalid request; never 5xx."""
    reply = an_agent.post(body, {"MCP-Protocol-Version": version})
    assert 200 <= reply.status < 500
    if reply.status != 202:
        assert reply.last["jsonrpc"] == "2.0"
        assert reply.code < 0


@FUZZ
@given(
    method=METHODS, params=st.dictionaries(st.text(max_size=12), JSON, max_size=3), number=JSON, named=HEADER
)
def test_any_method_with_any_parameters_is_answered(an_agent, method, params, number, named):
    """mcp: mismatched names, foreign ids, parameters of the wrong type."""
    for meta in ({}, {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}):
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": meta}}
        headers = {"Mcp-Method": method, "Mcp-Name": named, "MCP-Protocol-Version": MODERN if meta else ""}
        reply = an_agent.post(json.dumps(message).encode(), headers)
        assert 200 <= reply.status < 500


@FUZZ
@given(
    tool=TOOLS,
    arguments=JSON,
    more=st.dictionaries(st.sampled_from(["requestState", "inputResponses"]), JSON),
)
def test_any_tool_with_any_arguments_is_answered(an_agent, tool, arguments, more):
    """mcp: SEP-1303, wrong values are errors of the tool, which the model can read and correct."""
    reply = an_agent.request("tools/call", {"name": tool, "arguments": arguments, **more})
    assert reply.status in {200, 400}
    assert "result" in reply.last or reply.code < 0
    assert "Traceback" not in json.dumps(reply.last)


@FUZZ
@given(method=METHODS, params=JSON, number=JSON, event_id=HEADER)
def test_any_message_in_a_session_is_answered(an_agent_with_a_session, method, params, number, event_id):
    """mcp: 2025-11-25; wrong parameters, foreign numbers, streams that never were."""
    agent = an_agent_with_a_session
    headers = agent.headers({"method": "", "params": {}})
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    assert 200 <= agent.post(json.dumps(message).encode(), headers).status < 500
    answer = {"jsonrpc": "2.0", "id": number, "result": params}
    assert 200 <= agent.post(json.dumps(answer).encode(), headers).status < 500
    connection, response = agent.open("GET", None, {**headers, "Last-Event-ID": event_id})
    connection.close()
    assert response.status in {400, 405}


@FUZZ
@given(
    tool=TOOLS,
    arguments=st.dictionaries(st.sampled_from(["job_id", "wait_s", "operation", "arguments"]), JSON),
)
def test_any_tool_in_a_session_is_answered(an_agent_with_a_session, tool, arguments):
    """mcp: SEP-1303 in the versions with a handshake."""
    reply = an_agent_with_a_session.call(tool, arguments)
    assert reply.status in {200, 400}
    assert "result" in reply.last or reply.code < 0
    assert "internal" not in str(reply.last.get("result", {}).get("structuredContent", ""))


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"MCP-Protocol-Version": ""}, -32020, 400),
        ({"MCP-Protocol-Version": "2025-11-25"}, -32020, 400),
        ({"Mcp-Method": "tools/list"}, -32020, 400),
        ({"Mcp-Method": ""}, -32020, 400),
        ({"Mcp-Name": "nodes_list"}, -32020, 400),
        ({"Mcp-Name": ""}, -32020, 400),
        ({"Mcp-Name": "=?base64?!!!?="}, -32020, 400),
        ({"Accept": "text/html"}, -32600, 406),
    ],
)
def test_headers_that_differ_from_the_body_are_refused(an_agent, changes, code, status):
    """mcp: 2026-07-28, header validation."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "scene_summary"}}
    headers = {**an_agent.headers(message), **changes}
    reply = an_agent.post(json.dumps(an_agent.dressed(message, {})).encode(), headers)
    assert (reply.status, reply.code) == (status, code)


def test_header_names_in_any_case_and_base64_values_are_understood(an_agent):
    """http: field names are case-insensitive; mcp: =?base64?…?=."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "scene_summary"}}
    headers = {
        "mcp-protocol-version": MODERN,
        "MCP-METHOD": "tools/call",
        "mcp-name": "=?base64?c2NlbmVfc3VtbWFyeQ==?=",
    }
    assert an_agent.post(json.dumps(an_agent.dressed(message, {})).encode(), headers).result["content"]


def test_huge_arguments_are_refused_before_they_are_read(a_host, an_agent):
    """http: 413 for more than 8 MiB."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "scene_summary"}}
    message["params"]["arguments"] = {"text": "x" * (2 << 20)}
    reply = an_agent.post(json.dumps(an_agent.dressed(message, {})).encode(), an_agent.headers(message))
    assert reply.result["isError"]
    parts = urlsplit(a_host.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    headers = {"Authorization": f"Bearer {a_host.token}", "Content-Length": str(9 << 20)}
    connection.putrequest("POST", parts.path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("depth", [500, 100_000])
def test_deep_nesting_is_an_error_and_no_crash(an_agent, depth):
    """house: hostile JSON."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    assert 200 <= an_agent.post(body, {"MCP-Protocol-Version": "2025-11-25"}).status < 500


@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/register"]
)
def test_who_looks_for_oauth_hears_in_json_that_there_is_a_token(a_host, path):
    """issue:#5 a 404 that is not JSON confuses clients."""
    parts = urlsplit(a_host.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("POST" if path == "/register" else "GET", path)
    answer = connection.getresponse()
    assert answer.status == 404
    assert "token from the AgentBridge panel" in json.loads(answer.read())["detail"]
    connection.close()


def test_without_the_token_nothing_is_told(a_host):
    """http: 401 with WWW-Authenticate: Bearer, and no resource_metadata."""
    reply = a_host.client().send("POST", b"{}", {"Content-Type": "application/json"})
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"


class TestSessions:
    def test_a_request_without_a_session_is_400_and_of_an_ended_one_404(self, a_host):
        """mcp: 2025-11-25, session management; a client shakes hands again after 404."""
        agent = a_host.client(era="2025-11-25")
        agent.initialize()
        session, agent.session = agent.session, ""
        assert agent.request("tools/list").status == 400
        agent.session = session
        assert agent.request("tools/list").result["tools"]
        headers = {"Authorization": f"Bearer {a_host.token}", "Mcp-Session-Id": session}
        assert agent.send("DELETE", b"", headers).status == 204
        assert agent.send("DELETE", b"", headers).status == 404
        assert agent.request("tools/list").status == 404

    @pytest.mark.parametrize(
        ("offered", "agreed"),
        [
            ("2025-11-25", "2025-11-25"),
            ("2025-06-18", "2025-06-18"),
            ("2025-03-26", "2025-03-26"),
            ("2024-11-05", "2024-11-05"),
            ("2099-01-01", "2025-11-25"),
        ],
    )
    def test_a_known_version_is_agreed_and_an_unknown_one_answered_with_ours(self, a_host, offered, agreed):
        """mcp: version negotiation."""
        agent = a_host.client(era=offered)
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": offered}}
        assert agent.post(json.dumps(message).encode(), {}).result["protocolVersion"] == agreed

    def test_batches_are_refused_in_every_version(self, a_host):
        """mcp: batching existed in 2025-03-26 only; a documented deviation."""
        reply = a_host.client().post(b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', {})
        assert (reply.status, reply.code) == (400, -32600)
