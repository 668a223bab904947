"""Surfaces over HTTP that VTK's exact filters cannot combine."""

from __future__ import annotations

import pytest


def cube(bridge, center):
    """Make a cube of 4 cm."""
    body = {"shape": {"kind": "cube", "size_mm": 40}, "center_ras": center}
    return bridge.post("/models", body).expect(201).json()["id"]


def test_cubes_side_by_side_are_united_and_the_answer_says_how(a_bridge):
    """issue:#3 - a result with a warning, not a failure of the server."""
    first, second = cube(a_bridge, [0, 0, 0]), cube(a_bridge, [40, 0, 0])
    body = {"other_id": second, "mode": "union"}
    headers = {"Prefer": "wait=25"}
    made = a_bridge.post(f"/models/{first}/boolean", body, headers=headers).expect(201).json()
    assert "voxels of" in made["warnings"][0]
    measured = a_bridge.get(f"/models/{made['id']}/measurements").expect().json()
    assert measured["volume_ml"] == pytest.approx(128, rel=0.015)
    assert a_bridge.get("/models").expect().json()["total"] == 3
