"""The same DICOM files in our database, in a real Orthanc, and in memory.

The files are those that pydicom and pynetdicom bring: many modalities, all usual transfer syntaxes, 13 character sets.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pydicom
import pynetdicom
import pytest
import requests
from pydicom.data import get_testdata_file

from components import component
from orthanc import running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client import Answer, Client

SAMPLES = Path(get_testdata_file("CT_small.dcm")).parent
GRANTS = {"dicom.write": "allow", "files.read": "allow"}
BINARY = {"OB", "OW", "OF", "OD", "OL", "OV", "UN"}
NUMBERS = {"DS", "IS", "FL", "FD", "US", "SS", "UL", "SL"}

ORTHANC_REFUSES = {
    "SC_rgb_jpeg.dcm",  # implicit VR under a transfer syntax that is explicit
    "MR_truncated.dcm",  # cut off
    "rtplan_truncated.dcm",
}
ORTHANC_GARBLES = {
    "chrH32.dcm",  # ISO 2022 with several character sets
    "chrJapMultiExplicitIR6.dcm",
    "rtdose_rle.dcm",  # leaves out FrameIncrementPointer
    "rtdose_rle_1frame.dcm",
    "J2K_pixelrep_mismatch.dcm",  # takes backslashes for yen signs under ISO_IR 13
}


def readable_samples() -> list[Sample]:
    """Give name, bytes and data set of the sample files that a database can hold.

    Several are encodings of one instance; they get UIDs of their own, of the same length, in the encoded file.
    """
    found: dict[str, Sample] = {}
    paths = [*SAMPLES.glob("*.dcm"), *(SAMPLES / "dicomdirtests").rglob("*")]
    paths += (SAMPLES.parent / "charset_files").glob("*.dcm")
    paths += (Path(pynetdicom.__file__).parent / "tests" / "dicom_files").glob("*.dcm")
    for path in sorted(paths):
        if not path.is_file() or path.name == "DICOMDIR" or path.stat().st_size > 700_000:
            continue
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            data = path.read_bytes()
            dataset = pydicom.dcmread(io.BytesIO(data))
            uid = str(dataset.SOPInstanceUID)
            if not all(
                dataset.get(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
            ):
                continue
            if uid in found:
                other = f"{uid[:-3]}9{len(found) % 100:02d}"
                data = data.replace(uid.encode(), other.encode())
                dataset = pydicom.dcmread(io.BytesIO(data))
                uid = str(dataset.SOPInstanceUID)
            found.setdefault(uid, Sample(path, data, dataset))
    return list(found.values())


class Sample(NamedTuple):
    """A file that all peers have."""

    path: Path
    data: bytes
    dataset: pydicom.Dataset

    @property
    def name(self) -> str:
        """Name of its file."""
        return self.path.name


class Peers:
    """The same files in our database, in Orthanc, and in memory."""

    def __init__(self, client: Client, url: str, samples: list[Sample]) -> None:
        self.client, self.url, self.samples = client, url, samples
        self.root = url.removesuffix("/dicom-web")

    def ours(self, path: str, **headers: str) -> Answer:
        """Ask us; the answer has to be 200."""
        return self.client.get(f"/dicomweb{path}", headers=headers).expect(200)

    def theirs(self, path: str, **headers: str) -> requests.Response:
        """Ask Orthanc."""
        return requests.get(f"{self.url}{path}", headers=headers, timeout=30)


def running_peers(factory: pytest.TempPathFactory) -> Iterator[Peers]:
    """Give the peers with the samples in them, identifiers shown; skip without Orthanc."""
    program = component("orthanc").find()
    if program is None:
        pytest.skip(component("orthanc").reason)
    samples = readable_samples()
    folder, home = factory.mktemp("files"), factory.mktemp("home")
    write_setting(home, "patient_identifiers", "show")
    for number, sample in enumerate(samples):
        (folder / f"{number}.dcm").write_bytes(sample.data)
    options = [f"--allow-folder={folder}", "--no-views"]
    with (
        running_orthanc(program, factory.mktemp("orthanc")) as url,
        ServedBridge(home, grants=GRANTS, options=options) as served,
    ):
        peers = Peers(served.client, url, samples)
        taken = {
            sample.name: requests.post(f"{peers.root}/instances", data=sample.data, timeout=30).ok
            for sample in samples
        }
        assert {name for name, is_taken in taken.items() if not is_taken} <= ORTHANC_REFUSES
        job = served.client.start_job("dicom.import_files", path=str(folder))
        assert served.client.job_result(job["id"])["counts"] == {"added": len(samples)}
        yield peers


def place(dataset: pydicom.Dataset) -> str:
    """Give the path of an instance below the root of a DICOMweb service."""
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)
    return "/studies/{}/series/{}/instances/{}".format(*uids)


def plain(item: dict[str, Any]) -> list[Any]:
    """Bring one element of DICOM JSON into a form that does not depend on how a server writes it."""
    kind, values = item.get("vr", ""), item.get("Value", [])
    if kind in BINARY:
        return []
    if kind == "SQ":
        return [{tag: plain(inner) for tag, inner in part.items() if tag[4:] != "0000"} for part in values]
    made: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            parts = (value.get(name, "").rstrip("^ ") for name in ("Alphabetic", "Ideographic", "Phonetic"))
            made.append("=".join(parts).rstrip("="))
        elif kind in NUMBERS and value is not None:
            made.append(_rounded(value))
        else:
            made.append(value.strip() if isinstance(value, str) else value or "")
    while made and made[-1] in (None, ""):
        made.pop()
    return made


def _rounded(value: Any) -> Any:
    with contextlib.suppress(ValueError):
        return float(f"{np.float32(value):.6g}")  # Orthanc computes in single precision
    return value.strip()


def differing(ours: dict[str, Any], other: dict[str, Any]) -> set[str]:
    """Give the tags whose values differ; private ones, encodings and bulk data aside."""
    tags = {
        tag
        for tag in {*ours, *other}
        if int(tag[:4], 16) % 2 == 0 and tag != "00080005" and tag >= "00080000"
    }
    return {tag for tag in tags if plain(ours.get(tag, {})) != plain(other.get(tag, {}))}
