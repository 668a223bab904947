"""Operations of another extension, brought by the example module and described in docs/extending.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from example_extension import LOAD, MODULE, UNLOAD

CHECKOUT = Path(__file__).resolve().parents[2]


def run(client, source):
    answer = client.post("/python/execute", {"source": source}).expect().json()
    assert answer["outcome"] == "completed", answer


@pytest.fixture(scope="module")
def a_client(tmp_path_factory):
    from served_bridge import ServedBridge

    grants = {"python.execute": "allow", "scene.delete": "allow"}
    with ServedBridge(tmp_path_factory.mktemp("example"), grants=grants) as host:
        run(host.client, LOAD)
        yield host.client


def test_plain_function_is_called_with_checked_arguments(a_client):
    """issue:#3: functions with a raw JSON Schema checked with jsonschema."""
    assert a_client.call("example.count_nodes", className="vtkMRMLViewNode", withHidden=True)["value"] == {
        "count": 1
    }
    for arguments, told in (
        ({}, "className"),
        ({"className": "Model"}, "/className"),
        ({"className": "vtkMRMLViewNode", "other": 1}, "other"),
    ):
        refused = a_client.post("/operations/example.count_nodes", arguments)
        assert refused.code == "argument.invalid"
        assert told in refused.body.decode()
    wrong = a_client.post("/operations/example.count_nodes", {"className": ["Model"] * 10_000})
    assert wrong.json()["errors"][0]["pointer"] == "/className"
    assert len(wrong.body) < 2000


def test_operations_are_in_catalogue_and_openapi_like_the_built_in_ones(a_client):
    """issue:#3: section 7 of the contract."""
    described = a_client.get("/operations/example.count_nodes").expect().json()
    assert described["summary"] == "Count the nodes of a class."
    assert described["arguments_schema"]["properties"]["className"]["pattern"] == "^vtkMRML"
    paths = a_client.get("/openapi.json").expect().json()["paths"]
    assert any(path.endswith("/example/volumes/{volume_id}/negate") for path in paths)


def test_typed_operation_has_its_route_checks_and_undo(a_client):
    """issue:#3: the same way as the built-in ones, checkpoints included."""
    head = "NRRD0005\ntype: int16\ndimension: 3\nsizes: 2 2 1\nendian: little\nencoding: raw\n\n"
    volume_id = a_client.post_bytes("/volumes", head.encode() + bytes([1, 0] * 4)).expect().json()["id"]
    before = a_client.get(f"/volumes/{volume_id}/data", format="raw").expect().body
    answer = a_client.post(f"/example/volumes/{volume_id}/negate", {}).expect().json()
    assert answer["voxel_count"] == 4
    assert a_client.get(f"/volumes/{volume_id}/data", format="raw").expect().body == bytes([255, 255] * 4)
    a_client.post("/scene/undo", {}).expect()
    assert a_client.get(f"/volumes/{volume_id}/data", format="raw").expect().body == before
    assert a_client.post("/example/volumes/nothing/negate", {}).code == "scene.node_not_found"


def test_operations_vanish_when_they_are_unregistered(a_client):
    """issue:#3."""
    run(a_client, UNLOAD)
    try:
        assert a_client.post("/operations/example.count_nodes", {}).code == "operation.unknown"
        assert a_client.post("/example/volumes/x/negate", {}).code == "request.route_unknown"
    finally:
        run(a_client, LOAD.replace("EmbeddedSlicer.load", "# EmbeddedSlicer.load"))
    assert a_client.get("/operations/example.count_nodes").is_success


RAISING = """
import slicer
from AgentBridgeLib.errors import ArgumentInvalidError

def raising():
    raise ArgumentInvalidError("not \\udc80", facts={"set": {1}, "number": float("nan"), "bytes": b"x"})

slicer.util.getModuleLogic("AgentBridge").registerOperations([{
    "function": raising,
    "name": "example.raising",
    "capability": "scene.read",
    "arguments": {"type": "object"},
    "description": "Raise.",
}])
"""


def test_error_with_facts_that_are_no_json_is_answered_all_the_same(a_client):
    """architecture: a request is answered exactly once"""
    run(a_client, RAISING)
    refused = a_client.post("/operations/example.raising", {})
    assert (refused.status, refused.code) == (422, "argument.invalid")
    assert refused.json()["set"] == "{1}"
    job = a_client.start_job("example.raising")
    assert a_client.wait_for_job(job["id"])["error"]["number"] == "NaN"


UNSAYABLE = """
import slicer
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.content import Content
from AgentBridgeLib.registry.operation import operation

class Nothing(Arguments):
    pass

def bytes_of(context, arguments: Nothing) -> Content:
    'Give bytes.'
    return Content("application/octet-stream", [b"x"], facts={"set": {1}})

marked = operation(name="example.unsayable", capability="scene.read")(bytes_of)
slicer.util.getModuleLogic("AgentBridge").registerOperations([marked])
"""


def test_answer_that_cannot_be_put_into_headers_is_an_internal_error(a_client):
    """architecture: a request is answered exactly once, or its connection is closed"""
    run(a_client, UNSAYABLE)
    failed = a_client.post("/operations/example.unsayable", {})
    assert (failed.status, failed.code) == (500, "internal")


TOUCH = """
import slicer
touched = []
bridge = slicer.util.getModuleLogic("AgentBridge")
registration = bridge.registerOperations([{
    "function": lambda: touched.append(1),
    "name": "example.touch",
    "capability": "scene.edit",
    "arguments": {"type": "object"},
    "description": "Touch something.",
}])
"""


def test_job_that_waits_when_its_operation_is_taken_away_never_runs(a_client):
    """http: section 7, operations vanish when the extension unregisters"""
    run(a_client, TOUCH)
    head = "NRRD0005\ntype: uint8\ndimension: 3\nsizes: 200 200 200\nencoding: raw\n\n"
    volume_id = a_client.post_bytes("/volumes", head.encode() + bytes(200**3)).expect().json()["id"]
    before = a_client.start_job("volumes.smooth", volume_id=volume_id, sigma_mm=9.0)
    job = a_client.start_job("example.touch")
    assert job["state"] == "queued"
    run(a_client, "bridge.unregisterOperations(registration)")
    a_client.delete(f"/jobs/{before['id']}").expect(202)
    assert a_client.wait_for_job(job["id"])["error"]["code"] == "operation.unknown"
    run(a_client, "assert touched == []")


def test_page_shows_the_code_that_runs():
    """house: documents are executed."""
    page = (CHECKOUT / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    source = MODULE.read_text(encoding="utf-8")
    assert len(blocks) == 3
    assert all(block.strip() in source for block in blocks)
