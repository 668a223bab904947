"""Resources, their templates, completion and prompts, through the official client in both generations."""

import asyncio
import base64
import json

import pytest

from mcp_calls import DATA
from mcp_client import McpHost

ERAS = ["legacy", "2026-07-28"]
pytest.importorskip("httpx2")


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    """A host with a brain MR in its scene, and the ids of what there is to read."""
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views") as host:
        agent = host.client()
        volume = agent.value("files_load", {"path": str(DATA / "brain1_image.nrrd")})["nodes"][0]["id"]
        picture = {
            "operation": "views.slice_image",
            "arguments": {"name": "Red", "background": volume},
            "as_job": True,
        }
        summary = {"operation": "scene.summary", "as_job": True}
        jobs = [agent.value("operations_run", given)["job"]["id"] for given in (picture, summary)]
        for job_id in jobs:
            while agent.value("jobs_get", {"job_id": job_id, "wait_s": 20})["state"] != "succeeded":
                pass
        host.ids = {"volume": volume, "picture_job": jobs[0], "json_job": jobs[1]}
        shown = {"operation": "views.set_slice", "arguments": {"name": "Red", "background": volume}}
        agent.value("operations_run", shown)
        yield host


def with_client(host, era, talk):
    """Let `talk` speak over the official client."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def run():
        headers = {"Authorization": f"Bearer {host.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(host.url, http_client=http), mode=era) as client,
        ):
            return await talk(client)

    return asyncio.run(run())


def png_size(content):
    data = base64.b64decode(content.blob)
    assert data.startswith(b"\x89PNG")
    return tuple(int.from_bytes(data[at : at + 4]) for at in (16, 20))


@pytest.mark.parametrize("era", ERAS)
def test_every_resource_that_is_listed_can_be_read(a_host, era):
    """mcp: resources/list and resources/read."""

    async def talk(client):
        listed = (await client.list_resources()).resources
        return [(entry, (await client.read_resource(entry.uri)).contents) for entry in listed]

    read = with_client(a_host, era, talk)
    assert {entry.uri for entry, _ in read} >= {
        "slicer://scene",
        "slicer://help/frames",
        "slicer://help/jobs",
    }
    for entry, (content,) in read:
        assert content.uri == entry.uri
        assert content.mime_type == entry.mime_type
        assert content.text


@pytest.mark.parametrize("era", ERAS)
def test_every_template_leads_to_something(a_host, era):
    """issue:#5 slicer://node/{id}, slicer://job/{id}/result, pictures as blobs."""
    ids = a_host.ids
    uris = {
        "slicer://node/{id}": f"slicer://node/{ids['volume']}",
        "slicer://job/{id}/result": f"slicer://job/{ids['json_job']}/result",
        "slicer://view/{name}/image": "slicer://view/Red/image",
        "slicer://help/{topic}": "slicer://help/pictures",
    }

    async def talk(client):
        templates = (await client.list_resource_templates()).resource_templates
        assert {template.uri_template for template in templates} == set(uris)
        read = {name: (await client.read_resource(uri)).contents[0] for name, uri in uris.items()}
        picture = await client.read_resource(f"slicer://job/{ids['picture_job']}/result")
        return read, picture.contents[0]

    read, picture = with_client(a_host, era, talk)
    assert json.loads(read["slicer://node/{id}"].text)["id"] == ids["volume"]
    assert json.loads(read["slicer://job/{id}/result"].text)["node_count"] > 0
    assert png_size(read["slicer://view/{name}/image"]) == (1024, 1024)
    assert png_size(picture) == (512, 512)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", ["views_slice_image", "views_threed_image", "views_screenshot"])
def test_a_picture_is_small_and_links_to_the_full_one(a_host, era, tool):
    """issue:#5 image content of at most 1,024 px with a resource link to the full one."""
    view = {"views_slice_image": {"name": "Red"}, "views_threed_image": {"name": "1", "accept_blank": True}}
    asked = {"width": 2000, "height": 1000, **view.get(tool, {})}

    async def talk(client):
        result = await client.call_tool(tool, asked)
        (link,) = [block for block in result.content if block.type == "resource_link"]
        return result, (await client.read_resource(link.uri)).contents[0]

    result, full = with_client(a_host, era, talk)
    (image,) = [block for block in result.content if block.type == "image"]
    data = base64.b64decode(image.data)
    assert [int.from_bytes(data[at : at + 4]) for at in (16, 20)] == [1024, 512]
    assert png_size(full) == (2000, 1000)


def test_a_picture_that_a_job_made_links_to_nothing_since_nobody_knows_its_arguments(a_host):
    """house: a link that is given can be read."""
    result = a_host.client().call("jobs_result", {"job_id": a_host.ids["picture_job"]}).result
    assert [block["type"] for block in result["content"]] == ["image", "text"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("uri", "argument", "begun", "expected"),
    [
        ("slicer://node/{id}", "id", "vtkMRMLScalarV", "volume"),
        ("slicer://node/{id}", "id", "volumenode", "volume"),
        ("slicer://job/{id}/result", "id", "", "json_job"),
        ("slicer://view/{name}/image", "name", "Re", "Red"),
        ("slicer://help/{topic}", "topic", "fr", "frames"),
    ],
)
def test_arguments_of_templates_are_completed(a_host, era, uri, argument, begun, expected):
    """mcp: completion/complete."""
    from mcp.types import ResourceTemplateReference

    async def talk(client):
        return await client.complete(
            ResourceTemplateReference(type="ref/resource", uri=uri), {"name": argument, "value": begun}
        )

    values = with_client(a_host, era, talk).completion.values
    assert a_host.ids.get(expected, expected) in values
    assert len(values) <= 100


@pytest.mark.parametrize("era", ERAS)
def test_volumes_and_segmentations_are_completed_in_prompts(a_host, era):
    """mcp: completion/complete for arguments of prompts; an unknown argument has no values."""
    from mcp.types import PromptReference

    async def talk(client):
        made = await client.call_tool("segmentations_create", {"source_volume_id": a_host.ids["volume"]})
        reference = PromptReference(type="ref/prompt", name="measure_lesion")
        asked = ({"name": name, "value": "vtk"} for name in ("volume_id", "segmentation_id", "structure"))
        found = [(await client.complete(reference, argument)).completion.values for argument in asked]
        return made.structured_content["id"], found

    segmentation, (volumes, segmentations, nothing) = with_client(a_host, era, talk)
    assert a_host.ids["volume"] in volumes
    assert segmentation in segmentations
    assert nothing == []
