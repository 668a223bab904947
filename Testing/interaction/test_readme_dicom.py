"""The README's DICOM section, run as written: a real Orthanc, the real lung CT, bash and curl.

Only the port of Orthanc is exchanged, and `serve` gets a free port and a private folder.
"""

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests

import lung_series
from client import Client
from devtools import environment
from devtools.data import data_folder
from orthanc import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120


def section():
    """Give the shell blocks of the section."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    text = re.search(r"^## DICOM\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def clone(tmp_path):
    """A copy of the checkout with the scans that are there already."""
    folder = tmp_path / "clone"
    for name in ("Testing", "AgentBridge"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    (folder / ".dev").mkdir()
    (folder / ".dev" / "data").symlink_to(data_folder(CHECKOUT))
    stand_in(folder / ".dev" / f"venv-{sys.version_info.major}.{sys.version_info.minor}", folder / "Testing")
    return folder


def stand_in(made, testing):
    """Let the environment that runs this test stand in for the one that dev.py would install."""
    made.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(("installed-", "unfinished")):
            (made / entry.name).symlink_to(entry)
    for name in (environment.HOST, environment.ASSETS):
        stamp = made / f"installed-{Path(name).stem}"
        stamp.write_text(environment._fingerprint(testing / name), encoding="utf-8")


@contextlib.contextmanager
def in_background(script, folder, variables):
    """Run a script until the end of the block; gives a function that waits for a line."""
    with subprocess.Popen(
        ["bash", "-euc", script],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        lines, is_there = [], threading.Event()

        def read():
            for line in process.stdout:
                lines.append(line)
                if line.startswith("AgentBridge ready"):
                    is_there.set()
            is_there.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            is_in_time = is_there.wait(DEADLINE_S)
            assert is_in_time, "".join(lines)[-3000:]
            assert process.poll() is None, "".join(lines)[-3000:]
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)
            reader.join(60)


@pytest.mark.needs("orthanc", "curl")
def test_dicom_section_of_the_readme_works_as_written(clone, tmp_path, a_lung_ct_file):
    """issue:#6: start Orthanc, push, find, read the report, load, segment, send SEG and SR back, see them there."""
    port = free_port()
    start, session = (
        block.replace(":8042", f":{port}").replace("--port 8042", f"--port {port}") for block in section()
    )
    connection = tmp_path / "connection.json"
    start = start.replace(
        " serve ", f" serve --port 0 --home {tmp_path / 'home'} --connection-file {connection} "
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path}
    with in_background(start, clone, variables):
        client = Client.from_connection_file(connection)
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", session],
            cwd=clone,
            env={**variables, "URL": client.base_url, "TOKEN": client.token},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        client.close()
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert ran.stdout.endswith("CT OT SEG SR SR\n")
        assert "Mass of the lung." in ran.stdout
        assert_objects_are_right(f"http://127.0.0.1:{port}", a_lung_ct_file)


def assert_objects_are_right(pacs, scan_path):
    """Compare what Orthanc has now with the scan itself."""
    scan = lung_series.read_scan(scan_path)
    files = {}
    for one in requests.get(f"{pacs}/instances", timeout=10).json():
        content = requests.get(f"{pacs}/instances/{one}/file", timeout=10).content
        made = pydicom.dcmread(io.BytesIO(content))
        files.setdefault(made.Modality, []).append(made)
    (seg,) = files["SEG"]
    assert (seg.PatientID, str(seg.StudyInstanceUID)) == ("LUNG1", lung_series.STUDY)
    lungs = (scan.voxels >= -950) & (scan.voxels <= -500)
    found = np.zeros(lungs.shape, bool)
    for pixels, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        position = float(group.PlanePositionSequence[0].ImagePositionPatient[2])
        found[round((position - scan.origin_lps[2]) / scan.spacing_mm[2])] = pixels
    assert np.array_equal(found, lungs)
    (made,) = [one for one in files["SR"] if one.get("SeriesDescription") == "Measurements"]
    assert (made.PatientID, str(made.StudyInstanceUID)) == ("LUNG1", lung_series.STUDY)
    (length,) = re.findall(r"Numeric Value +DS: '?([0-9.]+)", str(made))
    assert float(length) == pytest.approx(240.0)
    (picture,) = files["OT"]
    assert (picture.PatientID, picture.BurnedInAnnotation, len(picture.SourceImageSequence)) == (
        "LUNG1",
        "YES",
        48,
    )
    assert picture.pixel_array.std() > 10
