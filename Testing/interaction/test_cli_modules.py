"""Command line modules as a client sees them."""

from __future__ import annotations

import jsonschema
import numpy as np
import pytest


@pytest.fixture
def a_volume_id(a_bridge):
    head = (
        "NRRD0005\ntype: int16\ndimension: 3\nspace: right-anterior-superior\nsizes: 4 3 2\n"
        "space directions: (0.9,0.1,0) (-0.2,1.8,0) (0,0,3)\nkinds: domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (10,-20,30)\n\n"
    )
    voxels = np.arange(-12, 12, dtype="<i2")
    return a_bridge.post_bytes("/volumes", head.encode() + voxels.tobytes()).expect().json()["id"]


def raw(client, volume_id):
    body = client.get(f"/volumes/{volume_id}/data", format="raw").expect().body
    return np.frombuffer(body, "<i2")


def test_schema_says_what_the_xml_says(a_bridge):
    """issue:#3: types, ranges, enumerations, defaults, node parameters by id."""
    assert {"ScaleVolume", "CountVoxels"} <= set(a_bridge.get("/cli-modules").expect().json()["items"])
    described = a_bridge.get("/cli-modules/ScaleVolume").expect().json()
    schema = described["parameters_schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert described["title"] == "Scale Volume"
    assert schema["required"] == ["inputVolume"]
    factor = schema["properties"]["factor"]
    assert (factor["type"], factor["minimum"], factor["maximum"], factor["default"]) == (
        "number",
        -100,
        100,
        2,
    )
    assert schema["properties"]["steps"]["type"] == "integer"
    assert schema["properties"]["rounding"]["enum"] == ["nearest", "down"]
    assert schema["properties"]["fail"] == {
        "title": "Fail",
        "description": "Whether to end with an error.",
        "type": "boolean",
        "default": False,
    }
    assert schema["properties"]["inputVolume"]["x-node"] == "vtkMRMLVolumeNode"
    bins = a_bridge.get("/cli-modules/CountVoxels").json()["parameters_schema"]["properties"]["bins"]
    assert (bins["type"], bins["items"], bins["default"]) == ("array", {"type": "integer"}, [1, 2])


def test_run_makes_the_output_with_the_geometry_of_the_input(a_bridge, a_volume_id):
    """issue:#3: POST /cli-modules/{name}/run."""
    result = a_bridge.call(
        "cli_modules.run", name="ScaleVolume", parameters={"inputVolume": a_volume_id, "factor": 2.5}
    )
    made = result["output_node_ids"]["outputVolume"]
    assert np.array_equal(raw(a_bridge, made), np.rint(np.arange(-12, 12) * 2.5).astype(int))
    assert "scaled by 2.5" in result["output_text"]
    given, got = (a_bridge.get(f"/volumes/{one}").expect().json() for one in (a_volume_id, made))
    assert (
        got["ijk_to_ras"] == pytest.approx(given["ijk_to_ras"])
        if isinstance(given["ijk_to_ras"][0], float)
        else True
    )
    assert np.allclose(got["ijk_to_ras"], given["ijk_to_ras"], atol=1e-5)
    classes = a_bridge.get("/nodes", hidden="true", **{"class": "vtkMRMLCommandLineModuleNode"}).json()
    assert classes["total"] == 0


def test_vector_and_text_arrive(a_bridge, a_volume_id):
    """issue:#3: output text."""
    result = a_bridge.call(
        "cli_modules.run", name="CountVoxels", parameters={"inputVolume": a_volume_id, "bins": [3, 4]}
    )
    assert "bins: 3,4" in result["output_text"]


def test_cancel_ends_it_and_leaves_nothing(a_bridge, a_volume_id):
    """issue:#3: one long enough to cancel."""
    before = {node["id"] for node in a_bridge.get("/nodes", hidden="true").json()["items"]}
    job = a_bridge.start_job(
        "cli_modules.run",
        name="ScaleVolume",
        parameters={"inputVolume": a_volume_id, "steps": 100000},
    )
    for _ in range(50):
        if a_bridge.get(f"/jobs/{job['id']}", wait=5).json()["progress"]["fraction"]:
            break
    a_bridge.delete(f"/jobs/{job['id']}").expect(202)
    assert a_bridge.wait_for_job(job["id"], 20)["state"] == "canceled"
    after = {node["id"] for node in a_bridge.get("/nodes", hidden="true").json()["items"]}
    assert after == before


def test_failure_is_told_with_what_the_module_said(a_bridge, a_volume_id):
    """issue:#3."""
    before = a_bridge.get("/nodes").json()["total"]
    job = a_bridge.start_job(
        "cli_modules.run", name="ScaleVolume", parameters={"inputVolume": a_volume_id, "fail": True}
    )
    ended = a_bridge.wait_for_job(job["id"])
    assert ended["error"]["code"] == "host.operation_failed"
    assert "failed as asked" in ended["error"]["detail"]
    assert a_bridge.get("/nodes").json()["total"] == before


@pytest.mark.parametrize(
    ("name", "parameters", "code"),
    [
        ("NoSuchModule", {}, "argument.invalid"),
        ("ScaleVolume", {}, "argument.invalid"),
        ("ScaleVolume", {"inputVolume": "x", "factor": 101}, "argument.invalid"),
        ("ScaleVolume", {"inputVolume": "x", "rounding": "up"}, "argument.invalid"),
        ("ScaleVolume", {"inputVolume": "x", "other": 1}, "argument.invalid"),
        ("ScaleVolume", {"inputVolume": "vtkMRMLNothing1"}, "scene.node_not_found"),
        ("ScaleVolume", {"inputVolume": "vtkMRMLViewNode1"}, "scene.node_type"),
    ],
)
def test_wrong_call_is_refused_with_the_reason(a_bridge, name, parameters, code):
    """issue:#3: a clear problem document."""
    answer = a_bridge.post(
        "/operations/cli_modules.run", {"name": name, "parameters": parameters}, headers={"Prefer": "wait=20"}
    )
    assert answer.code == code


def test_file_parameter_is_written_inside_the_allowed_folders_and_not_over_another(
    a_bridge, a_volume_id, work_folder
):
    """issue:#3: file parameters; issue:#2: overwrite refused by default."""
    report = work_folder / "count.txt"
    run = {"name": "CountVoxels", "parameters": {"inputVolume": a_volume_id, "report": str(report)}}
    a_bridge.call("cli_modules.run", **run)
    count = report.read_text()
    assert int(count) > 0
    for body, code in (
        (run, "file.exists"),
        ({**run, "parameters": {**run["parameters"], "report": "/etc/count"}}, "policy.path_outside_roots"),
        ({**run, "parameters": {**run["parameters"], "report": "count.txt"}}, "argument.invalid"),
    ):
        job = a_bridge.start_job("cli_modules.run", **body)
        assert a_bridge.wait_for_job(job["id"])["error"]["code"] == code
    assert report.read_text() == count
    a_bridge.call("cli_modules.run", **run, overwrite=True)


def test_path_asks_for_the_capabilities_of_files(start_bridge):
    """issue:#3: when files.write is set to ask, the person is asked, and nobody can be asked here."""
    client = start_bridge(grants={"files.write": "ask"}, options=["--no-views"]).client
    run = {"name": "CountVoxels", "parameters": {"inputVolume": "x", "report": "/tmp/count.txt"}}
    refused = client.post("/jobs", {"operation": "cli_modules.run", "arguments": run})
    assert refused.code == "policy.capability_disabled"
    assert "ask" in refused.json()["detail"]
    without = {"name": "CountVoxels", "parameters": {"inputVolume": "x"}}
    assert client.post("/jobs", {"operation": "cli_modules.run", "arguments": without}).status == 202
