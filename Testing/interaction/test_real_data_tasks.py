"""One task on a real scan for command line modules, tables, sequences, markups, views and files.

What comes back is compared with the file, read by NumPy alone.
"""

from __future__ import annotations

import gzip
import io
import re

import numpy as np
import pytest
from PIL import Image


def read_nrrd(path):
    """Voxels (k, j, i), axes and origin in RAS. The axes of a left-handed file get their k reversed, as by Slicer."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    text = head.decode("latin-1")
    size = [int(part) for part in re.search(r"sizes: (.+)", text)[1].split()]
    kind = {"short": "<i2", "unsigned char": "u1", "int": "<i4"}[re.search(r"type: (.+)", text)[1].strip()]
    numbers = re.findall(r"\(([^)]*)\)", re.search(r"space directions: (.+)", text)[1])
    axes = np.array([[float(part) for part in vector.split(",")] for vector in numbers]).T
    origin = np.array([float(part) for part in re.search(r"space origin: \((.+)\)", text)[1].split(",")])
    to_ras = np.diag([-1.0, -1.0, 1.0])
    data = gzip.decompress(body) if "gzip" in text else body
    voxels, axes, origin = np.frombuffer(data, kind).reshape(size[::-1]), to_ras @ axes, to_ras @ origin
    if np.linalg.det(axes) < 0:
        origin = origin + axes[:, 2] * (size[2] - 1)
        voxels, axes = voxels[::-1], axes * (1, 1, -1)
    return voxels, axes, origin


@pytest.fixture
def brain(a_bridge, a_brain_mr_file):
    """Id of the brain MR, and what NumPy reads: voxels, axes, origin."""
    made = a_bridge.post("/files/load", {"path": str(a_brain_mr_file), "name": "Brain"}).expect().json()
    assert "left-handed" in made["warnings"][0]
    return made["nodes"][0]["id"], *read_nrrd(a_brain_mr_file)


@pytest.fixture
def tumor(a_bridge, a_brain_mr_label_file):
    """Id of the label map of the tumor, and its voxels."""
    body = {"path": str(a_brain_mr_label_file), "type": "labelmap", "name": "Tumor"}
    made = a_bridge.post("/files/load", body).expect().json()
    return made["nodes"][0]["id"], read_nrrd(a_brain_mr_label_file)[0]


def voxels_of(client, volume_id, shape):
    kind = client.get(f"/volumes/{volume_id}").expect().json()["scalar_type"]
    body = client.get(f"/volumes/{volume_id}/data", format="raw").expect().body
    return np.frombuffer(body, np.dtype(kind)).reshape(shape)


def test_command_line_module_scales_a_brain(a_bridge, brain):
    """issue:#3: real data for command line modules."""
    volume_id, voxels, _, _ = brain
    result = a_bridge.call(
        "cli_modules.run", name="ScaleVolume", parameters={"inputVolume": volume_id, "factor": 0.5}
    )
    made = result["output_node_ids"]["outputVolume"]
    assert np.array_equal(voxels_of(a_bridge, made, voxels.shape), np.rint(voxels * 0.5).astype(int))
    ours, theirs = (a_bridge.get(f"/volumes/{one}").json()["ijk_to_ras"] for one in (made, volume_id))
    assert np.array(ours) == pytest.approx(np.array(theirs))


def test_histogram_of_a_brain_becomes_a_table_and_a_file(a_bridge, brain, work_folder):
    """issue:#3: real data for tables; written by Slicer's writer and read again."""
    volume_id, voxels, _, _ = brain
    query = {"bins": 20, "minimum": 0, "maximum": 1000}
    counts = a_bridge.get(f"/volumes/{volume_id}/histogram", **query).expect().json()["counts"]
    expected, edges = np.histogram(voxels, 20, (0, 1000))
    assert counts == expected.tolist()
    columns = [
        {"name": "from", "type": "float64", "values": edges[:-1].tolist(), "unit": "MR units"},
        {"name": "count", "type": "int32", "values": counts},
    ]
    table = a_bridge.post("/tables", {"name": "Histogram", "columns": columns}).expect(201).json()
    path = str(work_folder / "histogram.tsv")
    a_bridge.post(f"/nodes/{table['id']}/save", {"path": path, "overwrite": True}).expect()
    again = a_bridge.post("/files/load", {"path": path, "type": "table"}).expect().json()["nodes"][0]
    rows = a_bridge.get(f"/tables/{again['id']}/rows").expect().json()["rows"]
    assert [float(row[1]) for row in rows] == counts
    assert [float(row[0]) for row in rows] == edges[:-1].tolist()


def test_brain_and_smoothed_brain_are_browsed_as_a_sequence(a_bridge, brain):
    """issue:#3: real data for sequences."""
    volume_id, voxels, _, _ = brain
    smooth = a_bridge.call("volumes.smooth", volume_id=volume_id, sigma_mm=2.0)["id"]
    body = {
        "node_ids": [volume_id, smooth],
        "index_values": ["0", "2"],
        "index_name": "sigma",
        "index_unit": "mm",
    }
    sequence = a_bridge.post("/sequences", body).expect(201).json()
    shown = a_bridge.post(f"/sequences/{sequence['id']}/browse", {"index_value": "0"}).expect().json()
    proxy = shown["proxy_node_id"]
    assert np.array_equal(voxels_of(a_bridge, proxy, voxels.shape), voxels)
    a_bridge.post(f"/sequences/{sequence['id']}/browse", {"index_value": "2"}).expect()
    assert np.array_equal(voxels_of(a_bridge, proxy, voxels.shape), voxels_of(a_bridge, smooth, voxels.shape))


def test_roi_encloses_the_tumor(a_bridge, brain, tumor):
    """issue:#3: real data for markups."""
    _, _, axes, origin = brain
    label_id, labels = tumor
    made = a_bridge.post("/segmentations", {"labelmap_id": label_id, "name": "Tumor"}).expect().json()
    roi = a_bridge.post("/markups/box-around", {"node_ids": [made["id"]]}).expect(201).json()
    cells = np.argwhere(labels)[:, ::-1]
    low, high = cells.min(axis=0) - 0.5, cells.max(axis=0) + 0.5
    corners = np.array([axes @ np.where(choice, high, low) + origin for choice in np.ndindex(2, 2, 2)])
    assert roi["box"]["center_ras"] == pytest.approx(
        (corners.min(axis=0) + corners.max(axis=0)) / 2, abs=1e-3
    )
    assert roi["box"]["size_mm"] == pytest.approx(np.ptp(corners, axis=0), abs=1e-3)
    text = a_bridge.get(f"/markups/{roi['id']}/data").expect().body
    again = a_bridge.post_bytes("/markups/import", text).expect(201).json()["markups"][0]
    back = a_bridge.get(f"/markups/{again['id']}").expect().json()
    assert back["volume_ml"] == pytest.approx(roi["volume_ml"])


def picture(client, **query):
    with Image.open(io.BytesIO(client.get("/views/slices/Red/image", **query).expect().body)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_label_lies_over_the_tumor_in_the_picture(a_bridge, brain, tumor):
    """issue:#3: real data for views; where the overlay is, against the label map."""
    volume_id, _, axes, origin = brain
    label_id, labels = tumor
    k = int(np.argmax(np.count_nonzero(labels, axis=(1, 2))))
    query = {
        "background": volume_id,
        "orientation": "Axial",
        "offset_mm": float((axes @ (0, 0, k) + origin)[2]),
        "width": 400,
        "height": 400,
    }
    a_bridge.patch("/views/slices/Red", {"label": None}).expect()  # Slicer shows what was loaded last
    plain = picture(a_bridge, **query)
    changed = np.abs(picture(a_bridge, **query, label=label_id) - plain).max(axis=2) > 0
    rows, columns = np.nonzero(changed)
    share = np.count_nonzero(changed) / changed.size
    assert share == pytest.approx(np.count_nonzero(labels[k]) / labels[k].size, rel=0.25)
    # The picture has the patient's right at its left, and anterior on top.
    j, i = np.argwhere(labels[k]).mean(axis=0)
    right, anterior, _ = axes @ (i, j, k) + origin
    edges = np.array([axes @ (*corner, k) + origin for corner in ((-0.5, -0.5), (255.5, 255.5))])
    across = (edges[:, 0].max() - right) / np.ptp(edges[:, 0])
    down = (edges[:, 1].max() - anterior) / np.ptp(edges[:, 1])
    assert (columns.mean() / 400, rows.mean() / 400) == pytest.approx((across, down), abs=0.02)


def test_brain_goes_through_the_formats_of_slicer(a_bridge, brain, work_folder):
    """issue:#3: every type that Slicer's readers and writers know; voxels and geometry stay."""
    volume_id, voxels, _, _ = brain
    before = np.array(a_bridge.get(f"/volumes/{volume_id}").json()["ijk_to_ras"])
    for ending in (".nrrd", ".nii.gz", ".mha"):
        path = str(work_folder / f"brain{ending}")
        a_bridge.post(f"/nodes/{volume_id}/save", {"path": path, "overwrite": True}).expect()
        made = (
            a_bridge.post("/files/load", {"path": path, "type": "volume"}).expect().json()["nodes"][0]["id"]
        )
        assert np.array_equal(voxels_of(a_bridge, made, voxels.shape), voxels), ending
        after = np.array(a_bridge.get(f"/volumes/{made}").json()["ijk_to_ras"])
        assert after == pytest.approx(before, abs=1e-3), ending
