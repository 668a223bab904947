"""The recipes of docs/recipes.md, run as they are printed, with curl and with Python, without code in Slicer.

What they leave behind is compared with a second computation from the file: NumPy, and nothing of the bridge or of VTK.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = (CHECKOUT / "docs" / "recipes.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"(?m)^## \d\. ", PAGE)
LANGUAGES = ("sh", "python")
SPACING, ORIGIN_RAS = np.array([0.5703125, 0.5703125, 5.0]), np.array([146.0, 325.0, -777.5])
SIGNS = np.array([-1.0, -1.0, 1.0])  # the axes of the CT run to the left, posterior and superior


def block(section, language):
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)[1]


@pytest.fixture(scope="module")
def ct():
    """The lung CT, (k, j, i), read without Slicer."""
    from devtools.data import data_folder

    data = (data_folder(CHECKOUT) / "lung1_image.nrrd").read_bytes()
    body = gzip.decompress(data.partition(b"\n\n")[2])
    return np.frombuffer(body, "<i2").reshape(48, 512, 512)


@pytest.fixture
def out(work_folder, request):
    folder = work_folder / re.sub(r"\W", "_", request.node.name)
    folder.mkdir()
    return folder


@pytest.fixture
def follow(a_bridge, a_lung_ct_file, out):
    """Run a recipe in one of its languages; gives what it printed."""

    def run(number, language):
        code = block(SECTIONS[0], language) + block(SECTIONS[number], language)
        command = (
            ["bash", "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", code]
        )
        environment = {
            **os.environ,
            "URL": a_bridge.base_url,
            "TOKEN": a_bridge.token,
            "CT": str(a_lung_ct_file),
            "OUT": str(out),
        }
        ran = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run


both = pytest.mark.parametrize("language", LANGUAGES)
pytestmark = pytest.mark.needs("curl")


def kji(point_ras):
    """Continuous indices (k, j, i) of a position."""
    return ((np.asarray(point_ras) - ORIGIN_RAS) * SIGNS / SPACING)[::-1]


def trilinear(ct, point_ras):
    at = kji(point_ras)
    low = np.floor(at).astype(int)
    part, value = at - low, 0.0
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part))
        value += weight * ct[tuple(np.minimum(low + corner, np.array(ct.shape) - 1))]
    return value


def picture_of(path):
    """Pixels of a picture as gray values."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"), float)


@both
def test_ct_is_described_windowed_and_seen(follow, a_bridge, ct, out, language):
    """issue:#3: find orientation and range, window it, render four views."""
    follow(1, language)
    described = json.loads((out / "ct.json").read_text())
    assert np.array(described["ijk_to_ras"])[:3, :3] == pytest.approx(np.diag(SIGNS * SPACING))
    assert described["origin_ras"] == pytest.approx(ORIGIN_RAS)
    assert (described["scalar_minimum"], described["scalar_maximum"]) == (ct.min(), ct.max())
    display = a_bridge.get(f"/volumes/{described['id']}").expect().json()["display"]
    assert (display["window_width"], display["window_level"]) == (1500, -600)
    sizes = {"Axial.png": 400, "Sagittal.png": 400, "Coronal.png": 400, "3D.jpg": 200}
    pictures = {name: picture_of(out / name) for name in sizes}
    assert {name: pixels.shape for name, pixels in pictures.items()} == {
        name: (size, size) for name, size in sizes.items()
    }
    axial = pictures["Axial.png"]
    gray = np.clip((ct + 1350.0) / 1500 * 255, 0, 255).mean(axis=(1, 2))
    assert np.abs(gray - axial.mean()).min() < 3
    assert pictures["3D.jpg"].std() > 10


def largest_part(mask):
    """The largest part of a mask that is connected by faces: rows are cut into runs, and touching runs united."""
    rows = mask.shape[0] * mask.shape[1]
    width = mask.shape[2] + 2
    edges = np.diff(np.pad(mask.reshape(rows, -1), ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    pairs = []
    for step, is_neighbor in (
        (1, (row + 1) % mask.shape[1] != 0),
        (mask.shape[1], row + mask.shape[1] < rows),
    ):
        ours = np.nonzero(is_neighbor)[0]
        key = (row[ours] + step) * width
        first = np.searchsorted(row * width + end, key + start[ours], side="right")
        last = np.searchsorted(row * width + start, key + end[ours], side="left")
        count = np.maximum(last - first, 0)
        offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        pairs.append((np.repeat(ours, count), np.repeat(first, count) + offset))
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    label = np.arange(len(row))
    while not np.array_equal(label[one], label[other]):
        least = np.minimum(label[one], label[other])
        np.minimum.at(label, label[one], least)
        np.minimum.at(label, label[other], least)
        label = label[label]
    chosen = label == np.argmax(np.bincount(label, end - start))
    change = np.zeros(mask.size + 1, np.int8)
    np.add.at(change, (row * mask.shape[2] + start)[chosen], 1)
    np.add.at(change, (row * mask.shape[2] + end)[chosen], -1)
    return np.cumsum(change[:-1], dtype=np.int8).astype(bool).reshape(mask.shape)


@pytest.fixture(scope="module")
def lungs(ct):
    return largest_part((ct >= -950) & (ct <= -500))


def test_second_computation_knows_faces_from_edges():
    """house: what tests others is tested."""
    mask = np.zeros((3, 4, 5), bool)
    mask[0, 0, :3] = mask[1, 0, 2] = mask[1, 1, 2] = mask[2, 1, 2] = True
    mask[0, 2, 4] = mask[1, 3, 4] = mask[0, 1, 3] = True
    expected = mask.copy()
    expected[0, 2, 4] = expected[1, 3, 4] = expected[0, 1, 3] = False
    assert np.array_equal(largest_part(mask), expected)


@both
def test_lungs_are_segmented_and_measured(follow, ct, lungs, out, language):
    """issue:#3: threshold and islands, volume_ml and mean HU."""
    follow(2, language)
    (segment,) = json.loads((out / "statistics.json").read_text())["segments"]
    assert segment["voxel_count"] == np.count_nonzero(lungs)
    assert segment["volume_ml"] == pytest.approx(np.count_nonzero(lungs) * SPACING.prod() / 1000)
    assert segment["intensity"]["mean"] == pytest.approx(ct[lungs].mean())
    assert segment["intensity"]["standard_deviation"] == pytest.approx(ct[lungs].std(), rel=1e-5)
    middle = ORIGIN_RAS + SIGNS * SPACING * np.argwhere(lungs).mean(axis=0)[::-1]
    assert segment["centroid_ras"] == pytest.approx(middle, abs=1e-3)


@both
def test_distance_and_profile_agree_with_the_voxels(follow, a_bridge, ct, out, language):
    """issue:#3: place a point list and a line, read the length."""
    follow(3, language)
    line = json.loads((out / "line.json").read_text())
    assert line["length_mm"] == pytest.approx(150)
    values = json.loads((out / "profile.json").read_text())["values"]
    expected = [trilinear(ct, (80 - 5 * step, 180, -660)) for step in range(31)]
    assert values == pytest.approx(expected, abs=1e-3)
    markups = {item["name"]: item for item in a_bridge.get("/markups").expect().json()["items"]}
    assert markups["Marks"]["control_point_count"] == 2
    box = a_bridge.get(f"/markups/{markups['Box']['id']}").expect().json()["box"]
    assert box["size_mm"] == pytest.approx([170, 20, 20])
    assert box["center_ras"] == pytest.approx([5, 180, -660])


@both
def test_landmarks_bring_points_back_and_the_volume_is_resampled(follow, a_bridge, ct, out, language):
    """issue:#3: apply a rotation, register by landmarks, resample."""
    follow(4, language)
    found = json.loads((out / "registration.json").read_text())
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(np.pi / 6), -np.sin(np.pi / 6)], [np.sin(np.pi / 6), np.cos(np.pi / 6)]]
    center = np.array([0, 180, -660])
    turn[:3, 3] = center - turn[:3, :3] @ center + (5, -3, 2)
    assert np.array(found["matrix_ras"]) == pytest.approx(np.linalg.inv(turn), abs=1e-6)
    assert found["rms_error_mm"] == pytest.approx(0, abs=1e-6)
    coarse = json.loads((out / "coarse.json").read_text())
    described = a_bridge.get(f"/volumes/{coarse['id']}").expect().json()
    assert described["spacing_mm"] == [4, 4, 4]
    matrix = np.array(described["ijk_to_ras"])
    body = a_bridge.get(f"/volumes/{coarse['id']}/data", format="raw").expect().body
    voxels = np.frombuffer(body, "<i2").reshape(described["dimensions_ijk"][::-1])
    for i, j, k in ((20, 30, 25), (36, 36, 30), (50, 11, 44)):
        position = (matrix @ (i, j, k, 1))[:3]
        assert voxels[k, j, i] == pytest.approx(trilinear(ct, position), abs=1)


@both
def test_surface_labels_and_roi_leave_as_files(follow, ct, out, language):
    """issue:#3: export STL, labelmap and .mrk.json."""
    follow(5, language)
    head, _, body = (out / "bone.nrrd").read_bytes().partition(b"\n\n")
    kind = re.search(rb"type: (\w+)", head)[1].decode()
    labels = np.frombuffer(body, np.dtype(kind)).reshape(ct.shape)
    bone = ct >= 300
    assert np.array_equal(labels != 0, bone)
    data = (out / "bone.stl").read_bytes()
    (count,) = struct.unpack_from("<I", data, 80)
    layout = np.dtype([("normal", "<3f4"), ("corners", "<9f4"), ("rest", "<u2")])
    triangles = np.frombuffer(data, layout, count, 84)["corners"].reshape(-1, 3, 3).astype(float)
    # LPS, as files in Slicer are: left and posterior are positive.
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    cells = np.argwhere(bone)[:, ::-1] * SPACING + ORIGIN_RAS * (-1, -1, 1)
    assert low == pytest.approx(cells.min(axis=0), abs=5)
    assert high == pytest.approx(cells.max(axis=0), abs=5)
    volume = abs(np.einsum("ij,ij->i", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])).sum() / 6)
    assert volume == pytest.approx(np.count_nonzero(bone) * SPACING.prod(), rel=0.15)
    (roi,) = json.loads((out / "box.mrk.json").read_text())["markups"]
    assert roi["size"] == pytest.approx(SPACING * (512, 512, 48))


@both
def test_undone_deletion_is_in_the_saved_scene(follow, a_bridge, ct, out, language):
    """issue:#3: delete one node, undo, save the scene."""
    follow(6, language)
    (line,) = a_bridge.get("/markups").expect().json()["items"]
    assert a_bridge.get(f"/nodes/{line['id']}").expect().json()["folder"] == "Case 1/Measurements"
    with zipfile.ZipFile(out / "case.mrb") as bundle:
        names = bundle.namelist()
        (image,) = [name for name in names if name.endswith(".nrrd")]
        saved = gzip.decompress(bundle.read(image).partition(b"\n\n")[2])
        (points,) = [name for name in names if name.endswith(".mrk.json")]
        (markup,) = json.loads(bundle.read(points))["markups"]
    assert np.array_equal(np.frombuffer(saved, "<i2").reshape(ct.shape), ct)
    assert [point["position"] for point in markup["controlPoints"]] == [[-80, -180, -660], [70, -180, -660]]
    with Image.open(io.BytesIO(a_bridge.get("/views/screenshot").expect().body)) as picture:
        assert picture.size[0] > 500


def test_every_recipe_has_both_languages_and_code_is_denied(a_bridge):
    """issue:#3: six task recipes (curl and Python), with exec denied."""
    assert len(SECTIONS) == 7
    for section in SECTIONS:
        assert all(f"```{language}\n" in section for language in LANGUAGES)
    refused = a_bridge.post("/python/execute", {"source": "1"})
    assert refused.code == "policy.capability_disabled"
