"""A tour of the bridge over HTTP, as a client sees it: ``python3 Testing/dev.py demo [--out DIR]``.

Two host processes, one token each, real data. Every step states what it did with the numbers it got; a step that
does not hold ends the tour with exit code 1. The report with the pictures is written to DIR/report.md.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from devtools.data import brain_path
from served_bridge import ServedBridge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from client import Client

CHECKOUT = Path(__file__).resolve().parent.parent
GRANTS = {"files.write": "allow", "scene.delete": "allow"}
SIGMA_MM = 2.0
BRAIN_MINIMUM, BRAIN_MAXIMUM = 120.0, 255.0
LINE_RAS = [[-60.0, 0.0, 10.0], [60.0, 0.0, 10.0]]


class Report:
    """What was done, as it will be read later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines = ["# AgentBridge demo", ""]

    def step(self, title: str) -> None:
        """Begin a step."""
        print(f"- {title}", flush=True)
        self.lines += [f"## {title}", ""]

    def say(self, text: str) -> None:
        """Add a sentence."""
        print(f"    {text}", flush=True)
        self.lines += [text, ""]

    def picture(self, name: str, content: bytes, caption: str) -> None:
        """Add a picture."""
        (self.folder / name).write_bytes(content)
        self.lines += [f"![{caption}]({name})", "", f"*{caption}*", ""]

    def write(self) -> Path:
        """Write the report."""
        path = self.folder / "report.md"
        path.write_text("\n".join(self.lines), encoding="utf-8")
        return path


def main(arguments: Sequence[str]) -> int:
    """Tour, and give the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py demo", description="Tour the bridge over HTTP.")
    parser.add_argument(
        "--out", type=Path, default=CHECKOUT / "demo-output", help="folder for report and pictures"
    )
    folder = parser.parse_args(arguments).out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    report = Report(folder)
    try:
        tour(report)
    except Exception as error:  # noqa: BLE001 - the report tells how far it came
        report.say(f"**Ended early: {type(error).__name__}.** {error}")
        traceback.print_exc()
        return 1
    finally:
        print(f"Report: {report.write()}")
    return 0


def tour(report: Report) -> None:
    """Walk through everything, in two processes."""
    saved = {"segmentation": report.folder / "brain.seg.nrrd", "scene": report.folder / "brain.mrb"}
    folders = [f"--allow-folder={folder}" for folder in (report.folder, brain_path(CHECKOUT).parent)]
    with tempfile.TemporaryDirectory() as home:
        with ServedBridge(a_folder(home, "first"), grants=GRANTS, options=folders) as first:
            expected = work(first.client, report, saved)
        with ServedBridge(a_folder(home, "second"), grants=GRANTS, options=folders) as second:
            compare(second.client, report, saved, expected)


def a_folder(parent: str, name: str) -> Path:
    """Make a private folder for one process."""
    folder = Path(parent) / name
    folder.mkdir()
    return folder


def work(client: Client, report: Report, saved: dict[str, Path]) -> dict[str, np.ndarray]:
    """Do everything in the first process; give the voxels that the second must find."""
    volume = load(client, report)
    smooth(client, report, volume)
    cancel(client, report, volume)
    segmentation = segment(client, report, volume)
    measure(client, report)
    pictures(client, report, volume)
    save(client, report, segmentation, saved)
    return {
        "volume": voxels(client, f"/volumes/{volume}/data"),
        "labelmap": voxels(client, f"/segmentations/{segmentation}/labelmap"),
    }


def load(client: Client, report: Report) -> str:
    """Load the brain and read its geometry."""
    report.step("Load the MNI152 brain and read its geometry")
    report.say(f"Without the token the bridge answers {client.with_token(None).get('/scene').status}.")
    made = (
        client.post("/files/load", {"path": str(brain_path(CHECKOUT)), "name": "MNI152 T1"}).expect().json()
    )
    volume = made["nodes"][0]["id"]
    geometry = client.get(f"/volumes/{volume}").expect().json()
    dimensions, spacing = geometry["dimensions_ijk"], geometry["spacing_mm"]
    check(np.allclose(spacing, 1.0), f"spacing {spacing} is not 1 mm")
    report.say(
        f"`{volume}`: {dimensions} voxels of {spacing} mm, type {geometry['scalar_type']}, origin "
        f"{geometry['origin_ras']} in RAS, intensities {geometry['scalar_minimum']:g} to "
        f"{geometry['scalar_maximum']:g}."
    )
    return str(volume)


def smooth(client: Client, report: Report, volume: str) -> None:
    """Smooth as a job and follow its progress by long polls."""
    report.step(f"Smooth it with a Gaussian of {SIGMA_MM} mm as a job")
    job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=SIGMA_MM, name="MNI152 smooth")
    fractions = follow(client, job["id"])
    result = client.get(f"/jobs/{job['id']}/result").expect().json()
    check(len(fractions) >= 3, f"progress was seen only {len(fractions)} times")
    before, after = (deviation(client, node) for node in (volume, result["id"]))
    check(after < before, "smoothing did not reduce the deviation")
    report.say(
        f"Job `{job['id']}` succeeded; progress was seen {len(fractions)} times, from {fractions[0]:.2f} to "
        f"{fractions[-1]:.2f}. The standard deviation went from {before:.1f} to {after:.1f}."
    )


def follow(client: Client, job_id: str) -> list[float]:
    """Poll a job until it has succeeded; give the fractions that were seen."""
    fractions: list[float] = []
    while True:
        job = client.get(f"/jobs/{job_id}", wait=20).expect().json()
        if job["progress"]["fraction"] is not None and job["progress"]["fraction"] not in fractions:
            fractions.append(job["progress"]["fraction"])
        if job["state"] in {"succeeded", "failed", "canceled"}:
            check(job["state"] == "succeeded", f"the job {job['state']}: {job['error']}")
            return fractions


def deviation(client: Client, volume: str) -> float:
    """Standard deviation of a volume's values."""
    return float(client.get(f"/volumes/{volume}/histogram").expect().json()["standard_deviation"])


def cancel(client: Client, report: Report, volume: str) -> None:
    """Cancel a second such job; the scene must be as before."""
    report.step("Cancel a second such job")
    before = nodes(client)
    job = client.start_job("volumes.smooth", volume_id=volume, sigma_mm=8.0, name="never")
    while client.get(f"/jobs/{job['id']}", wait=20).expect().json()["progress"]["fraction"] in {None, 0.0}:
        pass
    asked = client.delete(f"/jobs/{job['id']}").expect(202).json()
    ended = client.wait_for_job(job["id"])
    check(ended["state"] == "canceled", f"the job {ended['state']}")
    check(nodes(client) == before, "the scene is not as before")
    report.say(
        f"It was `{asked['state']}` when asked and `{ended['state']}` when it had stopped; the {len(before)} nodes of "
        "the scene are the same as before, to the name."
    )


def nodes(client: Client) -> list[tuple[str, str]]:
    """All nodes with their names, hidden ones included."""
    items = client.get("/nodes", hidden=True, limit=1000).expect().json()["items"]
    return [(item["id"], item["name"]) for item in items]


def segment(client: Client, report: Report, volume: str) -> str:
    """Threshold a segmentation and compare its volume with NumPy's count."""
    report.step(f"Segment intensities from {BRAIN_MINIMUM:g} to {BRAIN_MAXIMUM:g}")
    made = client.post(
        "/segmentations",
        {
            "name": "Brain",
            "source_volume_id": volume,
            "threshold": {
                "minimum": BRAIN_MINIMUM,
                "maximum": BRAIN_MAXIMUM,
                "segment_name": "bright tissue",
            },
            "show_3d": True,
        },
        headers={"Prefer": "wait=25"},
    ).expect()
    segmentation = finished(client, made.json())["id"]
    statistics = client.post(
        f"/segmentations/{segmentation}/statistics", {"volume_id": volume}, headers={"Prefer": "wait=25"}
    ).expect()
    row = finished(client, statistics.json())["segments"][0]
    array = voxels(client, f"/volumes/{volume}/data")
    counted = int(((array >= BRAIN_MINIMUM) & (array <= BRAIN_MAXIMUM)).sum())
    check(row["voxel_count"] == counted, f"{row['voxel_count']} voxels, but NumPy counts {counted}")
    report.say(
        f"`{segmentation}`: {row['voxel_count']} voxels, {row['volume_ml']:.1f} mL (NumPy counts the same), mean "
        f"intensity {row['intensity']['mean']:.1f}, centroid {[round(value, 1) for value in row['centroid_ras']]} in "
        "RAS."
    )
    return str(segmentation)


def finished(client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    """Give a result, or wait for the job that the answer is."""
    if "links" in answer and "state" in answer:
        return dict(client.job_result(answer["id"]))
    return answer


def measure(client: Client, report: Report) -> None:
    """Draw a line and measure it."""
    report.step("Draw a line and measure it")
    made = client.post("/markups", {"type": "line", "points_ras": LINE_RAS, "name": "Width"}).expect().json()
    line = client.get(f"/markups/{made['id']}").expect().json()
    length_mm = line["length_mm"]
    check(abs(length_mm - 120.0) < 1e-6, f"the line is {length_mm} mm long, not 120")
    report.say(f"`{made['id']}` from {LINE_RAS[0]} to {LINE_RAS[1]} in RAS is {length_mm:.3f} mm long.")


def pictures(client: Client, report: Report, volume: str) -> None:
    """Take an axial and a 3D picture."""
    report.step("Look at it")
    axial = client.get(
        "/views/slices/Red/image", width=512, height=512, orientation="Axial", background=volume, offset_mm=10
    ).expect()
    threed = client.get("/views/3d/1/image", width=512, height=512, look_from="anterior").expect()
    for name, answer, caption in (
        ("axial.png", axial, "Axial slice at S = 10 mm with the segmentation and the line"),
        ("threed.png", threed, "The segmentation in 3D, seen from anterior"),
    ):
        check(answer.body.startswith(b"\x89PNG"), f"{name} is no PNG")
        report.picture(name, answer.body, caption)
    again = client.get(
        "/views/slices/Red/image",
        width=512,
        height=512,
        orientation="Axial",
        background=volume,
        offset_mm=10,
        headers={"If-None-Match": axial.headers["etag"]},
    )
    check(again.status == 304, f"the unchanged picture was sent again ({again.status})")
    report.say("Asked again with its entity tag, the axial picture is answered with 304 and not drawn again.")


def save(client: Client, report: Report, segmentation: str, saved: dict[str, Path]) -> None:
    """Save the segmentation and the scene."""
    report.step("Save the segmentation and the scene")
    client.post(
        f"/nodes/{segmentation}/save", {"path": str(saved["segmentation"]), "overwrite": True}
    ).expect()
    client.post("/scene/save", {"path": str(saved["scene"]), "overwrite": True}).expect()
    for path in saved.values():
        report.say(f"`{path.name}`: {path.stat().st_size:,} bytes.")
    refused = client.post(f"/nodes/{segmentation}/save", {"path": str(saved["segmentation"])})
    check(refused.code == "file.exists", f"overwriting unasked was answered with {refused.status}")
    report.say("Overwriting it unasked is refused.")


def compare(client: Client, report: Report, saved: dict[str, Path], expected: dict[str, np.ndarray]) -> None:
    """Reload both files in another process and compare voxel by voxel."""
    report.step("Reload both in a second host process and compare")
    client.post("/files/load", {"path": str(saved["segmentation"])}).expect()
    segmentation = client.get("/segmentations").expect().json()["items"][0]["id"]
    same(voxels(client, f"/segmentations/{segmentation}/labelmap"), expected["labelmap"], "brain.seg.nrrd")
    client.post("/scene/load", {"path": str(saved["scene"]), "clear": True}).expect()
    volume = next(
        item for item in client.get("/volumes").expect().json()["items"] if item["name"] == "MNI152 T1"
    )
    segmentation = client.get("/segmentations").expect().json()["items"][0]["id"]
    same(voxels(client, f"/volumes/{volume['id']}/data"), expected["volume"], "the volume of brain.mrb")
    same(voxels(client, f"/segmentations/{segmentation}/labelmap"), expected["labelmap"], "that of brain.mrb")
    report.say(
        f"The segmentation of `brain.seg.nrrd`, and volume ({expected['volume'].size:,} voxels) and segmentation of "
        "`brain.mrb` are equal to the originals, voxel by voxel."
    )


def voxels(client: Client, path: str) -> np.ndarray:
    """Read voxels as an array of shape (k, j, i)."""
    return np.load(io.BytesIO(client.get(path, format="npy").expect().body))


def same(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Compare two arrays exactly."""
    check(found.shape == expected.shape, f"{what}: shape {found.shape}, not {expected.shape}")
    check(found.dtype == expected.dtype, f"{what}: type {found.dtype}, not {expected.dtype}")
    check(np.array_equal(found, expected), f"{what}: {int((found != expected).sum())} voxels differ")


def check(holds: object, problem: str) -> None:
    """End the tour when something does not hold."""
    if not holds:
        raise RuntimeError(problem)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
