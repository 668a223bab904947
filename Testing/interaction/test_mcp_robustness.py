"""What happens to connections: many calls at once, broken ones, ended sessions, results that are large."""

import asyncio
import concurrent.futures
import http.client
import json

import pytest

from mcp_client import McpHost, open_stream

ERAS = ["modern", "2025-11-25"]
MANY = 24
DEADLINE_S = 60


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views", "--setting", 'mcp/toolsets=["all"]') as host:
        yield host


@pytest.fixture(scope="module")
def a_volume(a_host, brain):
    return a_host.client().value("files_load", {"path": str(brain)})["nodes"][0]["id"]


@pytest.fixture(scope="module")
def brain():
    from mcp_calls import DATA

    return DATA / "brain1_image.nrrd"


def an_agent(host, era):
    agent = host.client(era=era)
    if era != "modern":
        agent.initialize()
    return agent


@pytest.mark.parametrize("era", ERAS)
def test_many_calls_at_once_get_their_own_answers(a_host, era):
    """house: one thread serves all; nobody gets another's answer, and none is lost."""
    agent = an_agent(a_host, era)

    def call(number):
        params = {"name": "texts_create", "arguments": {"text": "", "name": f"call {era} {number}"}}
        message = {"jsonrpc": "2.0", "id": f"n{number}", "method": "tools/call", "params": params}
        reply = agent.post(json.dumps(agent.dressed(message, {})).encode(), agent.headers(message))
        return reply.last["id"], reply.result["structuredContent"]["name"]

    with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(call, range(MANY * 4)))
    assert answers == [(f"n{number}", f"call {era} {number}") for number in range(MANY * 4)]


def test_the_official_client_calls_many_tools_at_once(a_host, a_volume):
    """mcp: python-sdk 2.3.0 over one connection pool."""
    httpx2 = pytest.importorskip("httpx2")
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def run():
        headers = {"Authorization": f"Bearer {a_host.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=DEADLINE_S) as http,
            Client(streamable_http_client(a_host.url, http_client=http), mode="2026-07-28") as client,
        ):
            calls = [client.call_tool("nodes_get", {"node_id": a_volume}) for _ in range(MANY)]
            calls += [
                client.call_tool("volumes_smooth", {"volume_id": a_volume, "sigma_mm": 1.0}) for _ in range(3)
            ]
            return await asyncio.gather(*calls)

    results = asyncio.run(run())
    assert not any(result.is_error for result in results)
    assert {result.structured_content["id"] for result in results[:MANY]} == {a_volume}


@pytest.fixture
def a_broken_stream(a_host, a_volume):
    """A session, and the id of the last event that came before the connection of a long call broke."""
    agent = an_agent(a_host, "2025-11-25")
    params = {"name": "volumes_smooth", "arguments": {"volume_id": a_volume, "sigma_mm": 3.0}}
    connection, response = open_stream(agent, "tools/call", params, progressToken=1)
    last_id = ""
    for raw in response:
        if raw.startswith(b"id:"):
            last_id = raw[3:].strip().decode()
        if raw.startswith(b"data:") and raw[5:].strip():
            break
    response.close()
    connection.close()
    return agent, last_id


def messages_of(response):
    return [json.loads(raw[5:]) for raw in response if raw.startswith(b"data:") and raw[5:].strip()]


def test_a_client_whose_connection_broke_gets_the_rest_and_the_result(a_broken_stream):
    """mcp: 2025-11-25, resumability: what has an id can be asked for again, and a broken connection is no cancel."""
    agent, last_id = a_broken_stream
    headers = {"Last-Event-ID": last_id, **agent.headers({"method": "", "params": {}})}
    connection, response = agent.open("GET", None, headers)
    assert response.status == 200
    rest = messages_of(response)
    connection.close()
    assert rest[-1]["id"] == "open"
    assert not rest[-1]["result"].get("isError")
    again, response = agent.open("GET", None, headers)
    assert messages_of(response)[-1] == rest[-1], "the end may be asked for once more"
    again.close()


@pytest.mark.parametrize("last_id", ["", "nothing", "-1", "nothing-5", "x" * 500])
def test_a_stream_that_is_not_kept_cannot_be_resumed(a_host, last_id):
    """mcp: 405, the endpoint opens no streams by GET of its own accord."""
    agent = an_agent(a_host, "2025-11-25")
    headers = {"Last-Event-ID": last_id, **agent.headers({"method": "", "params": {}})}
    connection, response = agent.open("GET", None, headers)
    assert response.status == 405
    connection.close()


def test_a_stream_of_another_session_cannot_be_resumed(a_host, a_broken_stream):
    """house: the id of an event is no key to somebody else's results."""
    _, last_id = a_broken_stream
    other = an_agent(a_host, "2025-11-25")
    headers = {"Last-Event-ID": last_id, **other.headers({"method": "", "params": {}})}
    connection, response = other.open("GET", None, headers)
    assert response.status == 405
    connection.close()


def test_the_session_that_was_silent_for_longest_ends_when_there_are_too_many(a_host):
    """mcp: 404 tells a client to shake hands again; the others go on."""
    from AgentBridgeLib.mcp.sessions import MOST_SESSIONS

    first, second = an_agent(a_host, "2025-11-25"), an_agent(a_host, "2025-11-25")
    for _ in range(MOST_SESSIONS - 1):
        an_agent(a_host, "2025-11-25")
        assert second.request("ping").status == 200
    assert first.request("ping").status == 404
    first.initialize()
    assert first.request("ping").status == 200


def test_bytes_that_are_too_many_for_a_conversation_come_with_the_way_to_them(a_host, a_volume):
    """issue:#5 results an agent can afford."""
    agent = a_host.client()
    told = agent.call("volumes_data", {"volume_id": a_volume}).result
    assert len(told["content"]) == 1
    text = told["content"][0]["text"]
    assert "too many for a conversation" in text
    assert "/data" in text
    little = agent.call(
        "volumes_data", {"volume_id": a_volume, "region": [0, 4, 0, 4, 0, 4], "format": "raw"}
    ).result
    (block,) = [block for block in little["content"] if block["type"] == "resource"]
    assert block["resource"]["blob"]


def test_a_long_list_ends_where_it_gets_too_long_and_goes_on(a_host, a_volume):
    """issue:#5 bounded size: every item is there once, whatever the pages."""
    agent = a_host.client()
    for number in range(60):
        agent.value("texts_create", {"text": "", "name": f"{number:02d} " + "n" * 180})
    names, cursor, sizes = [], None, []
    while True:
        arguments = {"class": "vtkMRMLTextNode", "limit": 100, **({"cursor": cursor} if cursor else {})}
        reply = agent.call("nodes_list", arguments)
        sizes.append(len(reply.text))
        page = reply.result["structuredContent"]
        names += [item["name"][:2] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(sizes) > 1
    assert max(sizes) < 12_000
    assert sorted(name for name in names if name.isdigit()) == [f"{number:02d}" for number in range(60)]


def test_a_connection_is_kept_and_headers_and_body_may_come_apart(a_host):
    """http: keep-alive; most clients send head and body in two pieces."""
    agent = a_host.client()
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "scene_summary"}}
    body = json.dumps(agent.dressed(message, {})).encode()
    connection = http.client.HTTPConnection(agent.address, timeout=DEADLINE_S)
    for _ in range(3):
        connection.putrequest("POST", "/agent/v1/mcp")
        headers = {**agent.headers(message), "Authorization": f"Bearer {a_host.token}"}
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[:10])
        connection.send(body[10:])
        answer = connection.getresponse()
        assert json.loads(answer.read())["result"]["structuredContent"]["node_count"] >= 0
        assert not answer.will_close
    connection.close()


def test_long_work_that_fails_at_once_is_an_error_at_once(a_host):
    """issue:#5 no job to follow for a wrong node."""
    refused = a_host.client().call("volumes_smooth", {"volume_id": "gone", "sigma_mm": 1.0}).result
    assert refused["isError"]
    assert refused["structuredContent"]["code"] == "scene.node_not_found"


@pytest.mark.parametrize(
    ("query", "first", "says"),
    [
        ("crop volume", "volumes.crop", ""),
        ("export stl zzz", "models.data", "No operation has: zzz"),
        ("zzz yyy", None, "No operation has any"),
        ("", "application.get", ""),
    ],
)
def test_searching_finds_what_has_most_of_the_words(a_host, query, first, says):
    """issue:#5 operations_search: an agent guesses words, and some of them are wrong."""
    found = a_host.client().value("operations_search", {"query": query})
    names = [item["name"] for item in found["items"]]
    assert first in names[:20] if first else names == []
    assert says in found.get("note", "")
    assert bool(says) == ("note" in found)


@pytest.mark.parametrize("era", ERAS)
def test_work_that_fails_on_the_way_is_an_error_of_the_tool(a_host, a_volume, era):
    """mcp: SEP-1303; also behind an open stream."""
    agent = an_agent(a_host, era)
    params = {"name": "volumes_smooth", "arguments": {"volume_id": "gone", "sigma_mm": 1.0}}
    connection, response = open_stream(agent, "tools/call", params, progressToken=1)
    is_stream = "event-stream" in response.headers["content-type"]
    result = (messages_of(response)[-1] if is_stream else json.loads(response.read()))["result"]
    connection.close()
    assert result["isError"]
    assert result["structuredContent"]["code"] == "scene.node_not_found"
