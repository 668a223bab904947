"""Every tool, called through the official client on real data: the everyday ones and those behind operations_run."""

import asyncio
from dataclasses import dataclass, field

import pytest

import mcp_calls
from json_samples import required
from mcp_client import McpHost

ALLOWED = (
    "scene.delete",
    "files.write",
    "dicom.write",
    "network",
    "modules.run",
    "application.control",
    "python.execute",
)
ENDS_THE_HOST = {"application.quit"}
MOST_LOOKS = 20


@dataclass
class Session:
    """What happened.

    Attributes
    ----------
    answers
        Tool to the last result, jobs followed to their end.
    unexpected
        Calls whose answer was not the right one.
    """

    listed: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)
    unexpected: list = field(default_factory=list)
    kept: dict = field(default_factory=dict)
    job_state: str = ""


@pytest.fixture(scope="module")
def a_session(tmp_path_factory):
    """An agent's session with every tool listed; the official client checks each result against its schema."""
    folder = tmp_path_factory.mktemp("allowed")
    grants = [option for name in ALLOWED for option in ("--grant", f"{name}=allow")]
    places = [option for place in (folder, mcp_calls.DATA) for option in ("--allow-folder", str(place))]
    everything = ("--views", "--setting", 'mcp/toolsets=["all"]')
    with McpHost(tmp_path_factory.mktemp("mcp"), *everything, *grants, *places) as host:
        session = Session()
        asyncio.run(talk(host, session, folder))
        yield session


async def talk(host, session, folder):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {host.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(host.url, http_client=http), mode="2026-07-28") as client,
    ):
        session.listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        for step in mcp_calls.steps(folder):
            await take(client, session, step)
        await use_jobs(client, session)
        await search_and_run(client, session)
        await call_the_rest(client, session)


async def take(client, session, step):
    """Call one tool, follow its job, and keep what came out."""
    name = step.operation.replace(".", "_")
    result = await followed(
        client, await client.call_tool(name, mcp_calls.resolved(step.arguments, session.kept))
    )
    content = result.structured_content or {}
    session.answers[name] = result
    code = content.get("code", "") if result.is_error else ""
    if code != step.error:
        session.unexpected.append((step, result.content[0].text[:500]))
    if step.keep:
        session.kept[step.keep] = content


async def followed(client, result):
    for _ in range(MOST_LOOKS):
        job = (result.structured_content or {}).get("job")
        if result.is_error or job is None:
            return result
        await client.call_tool("jobs_get", {"job_id": job["id"], "wait_s": 20})
        result = await client.call_tool("jobs_result", {"job_id": job["id"]})
    raise AssertionError("the job did not end")


async def use_jobs(client, session):
    """Start work that takes a while as a job, look at it, and cancel it."""
    loaded = await followed(
        client, await client.call_tool("files_load", {"path": str(mcp_calls.DATA / "brain1_image.nrrd")})
    )
    work = {"volume_id": loaded.structured_content["nodes"][0]["id"], "radius_voxels": 3}
    run = {"operation": "volumes.denoise", "arguments": work, "as_job": True}
    one = {"job_id": (await client.call_tool("operations_run", run)).structured_content["job"]["id"]}
    for name, arguments in (("jobs_list", {}), ("jobs_get", one), ("jobs_cancel", one)):
        session.answers[name] = await client.call_tool(name, arguments)
    for _ in range(MOST_LOOKS):
        looked = await client.call_tool("jobs_get", {**one, "wait_s": 5})
        session.job_state = looked.structured_content["state"]
        if session.job_state == "canceled":
            break
    session.answers["jobs_result"] = await client.call_tool("jobs_result", one)


async def search_and_run(client, session):
    """Find what is not listed by default, read how it is called, and call it."""
    found = await client.call_tool("operations_search", {"query": "list checkpoints"})
    name = found.structured_content["items"][0]["name"]
    session.answers["operations_search"] = found
    described = await client.call_tool("operations_describe", {"operation": name})
    session.answers["operations_describe"] = described
    session.answers["operations_run"] = await client.call_tool("operations_run", {"operation": name})


async def call_the_rest(client, session):
    """Call what the table does not know yet with arguments that its schema allows."""
    for name, tool in session.listed.items():
        if name in session.answers or name in {entry.replace(".", "_") for entry in ENDS_THE_HOST}:
            continue
        arguments = required(tool.input_schema, tool.input_schema.get("$defs", {}))
        session.answers[name] = await followed(client, await client.call_tool(name, arguments))


def test_every_tool_is_listed_and_was_called(a_session):
    """issue:#5 every tool called at least once through a real client on real data."""
    missing = set(a_session.listed) - set(a_session.answers) - {"application_quit"}
    assert missing == set()
    assert len(a_session.listed) > 140


def test_every_call_was_answered_as_it_should_be(a_session):
    """issue:#5 on a brain MR and a lung CT; errors only where the table says so."""
    assert a_session.unexpected == []


def test_a_job_is_followed_and_canceled(a_session):
    """issue:#5 jobs_list, jobs_get, jobs_cancel and jobs_result."""
    assert a_session.job_state == "canceled"
    assert a_session.answers["jobs_result"].structured_content["code"] == "job.canceled"
    assert not {"links", "arguments_digest"} & set(a_session.answers["jobs_get"].structured_content)


def test_no_tool_failed_inside(a_session):
    """house: never an internal error, whatever the arguments."""
    codes = {
        name: (result.structured_content or {}).get("code", "")
        for name, result in a_session.answers.items()
        if result.is_error
    }
    assert "internal" not in codes.values(), codes


def test_what_is_small_by_default_stays_affordable(a_session):
    """issue:#5 bounded size: 40,000 characters at the most."""
    for name, result in a_session.answers.items():
        text = sum(len(block.text) for block in result.content if block.type == "text")
        assert text <= 41_000, name


@pytest.mark.parametrize(
    "name", ["views_slice_image", "views_threed_image", "views_screenshot", "dicom_render_frame"]
)
def test_pictures_are_image_content_of_at_most_1024_pixels(a_session, name):
    """issue:#5 with a link to the full one, where there is a larger one."""
    result = a_session.answers[name]
    (image,) = [block for block in result.content if block.type == "image"]
    assert image.mime_type.startswith("image/")
    links = [block for block in result.content if block.type == "resource_link"]
    assert all(link.uri.startswith("slicer://picture/") for link in links)
