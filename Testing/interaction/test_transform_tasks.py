"""Transforms over HTTP on real data: a brain MR registered by landmarks, and its way stored as a grid."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

# Places in the MNI152 template (RAS, mm): commissures, poles of the lobes, vertex.
LANDMARKS = {
    "AC": (0, 2, -4),
    "PC": (0, -25, -2),
    "left frontal pole": (-22, 66, -4),
    "right frontal pole": (22, 66, -4),
    "left temporal pole": (-38, 18, -36),
    "right temporal pole": (38, 18, -36),
    "occipital pole": (0, -102, 2),
    "vertex": (0, -20, 76),
}


def kabsch(source, target):
    """Rotation and shift with the least squares of distances, by singular values (Kabsch 1976)."""
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - middle).T @ (target - goal))
    turn = vt.T @ np.diag([1, 1, np.linalg.det(vt.T @ u.T)]) @ u.T
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, goal - turn @ middle
    return matrix


def move(matrix, points):
    """Take points through a matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def point_list(bridge, name, points):
    """Make a point list with labels."""
    made = bridge.post(
        "/markups",
        {"type": "fiducial", "name": name, "points_ras": points.tolist(), "labels": list(LANDMARKS)},
    )
    return made.expect(201).json()["id"]


def voxels(bridge, volume_id):
    """Voxels and matrix to RAS of a volume, as the bridge sends them."""
    answer = bridge.get(f"/volumes/{volume_id}/data", format="npy").expect()
    facts = json.loads(answer.headers["x-agentbridge-content"])
    return np.load(io.BytesIO(answer.body)), np.array(facts["ijk_to_ras"])


def test_brain_is_registered_to_a_patients_mr_by_landmarks(a_bridge, a_brain_file, a_brain_mr_file):
    """issue:#3 - registration with errors in mm, then resampling, both compared with NumPy."""
    brain = a_bridge.post("/files/load", {"path": str(a_brain_file)}).expect(201).json()["nodes"][0]["id"]
    patient = (
        a_bridge.post_bytes("/volumes", a_brain_mr_file.read_bytes(), name="MR").expect(201).json()["id"]
    )
    moving = np.array(list(LANDMARKS.values()), float)
    angle = np.radians(12)
    truth = np.array(
        [
            [np.cos(angle), -np.sin(angle), 0, 4],
            [np.sin(angle), np.cos(angle), 0, -12],
            [0, 0, 1, 6],
            [0, 0, 0, 1],
        ]
    )
    fixed = move(truth, moving) + np.random.default_rng(11).normal(0, 1.5, moving.shape)  # as a person clicks
    body = {
        "moving_id": point_list(a_bridge, "template", moving),
        "fixed_id": point_list(a_bridge, "patient", fixed),
        "mode": "rigid",
        "apply_to_ids": [brain],
    }
    found = a_bridge.post("/transforms/register-landmarks", body).expect(201).json()
    expected = kabsch(moving, fixed)
    assert np.allclose(found["matrix_ras"], expected, atol=1e-6)
    distances = np.linalg.norm(move(expected, moving) - fixed, axis=1)
    assert found["rms_error_mm"] == pytest.approx(np.sqrt((distances**2).mean()))
    assert found["maximum_error_mm"] == pytest.approx(distances.max())
    assert [entry["label"] for entry in found["errors"]] == list(LANDMARKS)
    assert 0.5 < found["rms_error_mm"] < 4 < found["rms_distance_before_mm"]

    made = a_bridge.call("volumes.resample", volume_id=brain, reference_id=patient, interpolation="nearest")
    template, to_ras = voxels(a_bridge, brain)
    array, matrix = voxels(a_bridge, made["id"])
    chosen = np.random.default_rng(5).integers(0, [256, 256, 25], (3000, 3))
    ijk = move(np.linalg.inv(expected @ to_ras), move(matrix, chosen))
    off_center = np.abs(ijk - np.round(ijk)).max(axis=1)
    safe = ((ijk > 0) & (ijk < np.array(template.shape[::-1]) - 1)).all(axis=1) & (off_center < 0.49)
    assert safe.sum() > 800
    at = np.round(ijk[safe]).astype(int)
    i, j, k = chosen[safe].T
    assert np.array_equal(array[k, j, i], template[at[:, 2], at[:, 1], at[:, 0]])


def test_way_to_a_patient_is_stored_as_a_grid_that_other_programs_read(a_bridge, a_brain_mr_file):
    """issue:#3 - sample, send, take back, harden."""
    patient = (
        a_bridge.post_bytes("/volumes", a_brain_mr_file.read_bytes(), name="MR").expect(201).json()["id"]
    )
    turn = a_bridge.post(
        "/transforms",
        {"rotation": {"axis_ras": [1, 2, 0], "angle_deg": 9}, "translation_ras_mm": [3, -7, 2]},
    )
    turn = turn.expect(201).json()["id"]
    body = {"reference_id": patient, "spacing_mm": [8, 8, 8], "name": "Way"}
    made = a_bridge.post(f"/transforms/{turn}/grid", body, headers={"Prefer": "wait=20"}).expect(201).json()
    assert made["name"] == "Way"
    assert made["grid"]["spacing_mm"] == pytest.approx([8, 8, 8])
    assert made["maximum_error_mm"] < 1e-6
    sent = a_bridge.get(f"/transforms/{made['id']}/data").expect()
    again = a_bridge.post_bytes("/transforms/grid", sent.body, name="Again").expect(201).json()["id"]
    packed = a_bridge.get(f"/transforms/{made['id']}/data", format="nii.gz").expect()
    third = a_bridge.post_bytes("/transforms/grid", packed.body, name="Third").expect(201).json()["id"]
    points = {"points_ras": [[10, 20, 30], [-40, 5, 12]], "direction": "from_world"}
    ways = [
        a_bridge.post(f"/transforms/{way}/points", points).expect().json()["points_ras"]
        for way in (turn, made["id"], again, third)
    ]
    assert np.allclose(ways[0], ways[1], atol=1e-3)
    assert np.allclose(ways[1], ways[2], atol=1e-9)
    assert np.allclose(ways[1], ways[3], atol=1e-4)
    listed = a_bridge.post("/markups", {"type": "fiducial", "points_ras": points["points_ras"]})
    listed = listed.expect(201).json()["id"]
    a_bridge.post(f"/transforms/{again}/apply", {"node_ids": [listed]}).expect()
    a_bridge.post("/transforms/harden", {"node_ids": [listed]}).expect()
    moved = a_bridge.get(f"/markups/{listed}").expect().json()["control_points"]
    outwards = (
        a_bridge.post(f"/transforms/{turn}/points", {**points, "direction": "to_world"})
        .expect()
        .json()["points_ras"]
    )
    assert np.allclose([point["position_ras"] for point in moved], outwards, atol=1e-2)
    missing = a_bridge.post(f"/transforms/{turn}/grid", {"bounds_ras": [0, 1, 0, 1, 0, 1]}).expect(422)
    assert "spacing_mm" in missing.json()["detail"]
