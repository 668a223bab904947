"""Speed of DICOM: search, metadata and retrieval of a series of 200 slices, beside Orthanc on the same data."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import requests

import dicom_data
from client import END_STATES
from components import component
from EmbeddedSlicer.dicom import schema
from orthanc import running_orthanc
from served_bridge import ServedBridge
from stored_settings import write_setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Figures
    from client import Client

STUDY, SERIES, FRAME = "1.2.826.9.1", "1.2.826.9.2", "1.2.826.9.3"
SLICES = 200
SIDE_PX = 512
MANY_SERIES = 50
IN_A_SERIES = 200


def measure_dicom(figures: Figures, home: Path) -> None:
    """Fill a database with 10,000 small instances and a real-sized series, then ask."""
    import numpy as np

    data = home / "dicom"
    noise = np.random.default_rng(1).integers(0, 4096, (SIDE_PX, SIDE_PX), dtype="<i2")
    big = [
        dicom_data.ct_slice(
            STUDY,
            SERIES,
            FRAME,
            k,
            Rows=SIDE_PX,
            Columns=SIDE_PX,
            PixelData=(noise + k).astype("<i2").tobytes(),
        )
        for k in range(SLICES)
    ]
    for k, one in enumerate(big):
        dicom_data.write(one, data / "big" / f"{k}.dcm")
    fill(home / "served" / "DICOMDatabase")
    grants = {"dicom.write": "allow", "files.read": "allow"}
    options = [f"--allow-folder={data}", "--no-views"]
    with ServedBridge(home / "served", grants=grants, options=options) as bridge:
        client = bridge.client
        began = time.perf_counter()
        client.job_result(client.start_job("dicom.import_files", path=str(data))["id"])
        figures.at_most("import of 200 slices of 512 x 512", time.perf_counter() - began, "s", 30)
        question = "/dicomweb/instances?limit=100&SOPClassUID=1.2.840.10008.5.1.4.1.1.2"
        client.get(question).expect()
        figures.at_most(
            "query over 10,200 instances, p50", median_s(lambda: client.get(question)) * 1000, "ms", 50
        )
        studies = "/dicomweb/studies?PatientName=Doe*"
        figures.at_most("query of studies, p50", median_s(lambda: client.get(studies)) * 1000, "ms", 50)
        path = f"/dicomweb/studies/{STUDY}"
        figures.at_most("metadata of 200 slices", median_s(lambda: client.get(f"{path}/metadata"), 3), "s", 1)
        hidden = SLICES / median_s(lambda: client.get(path), 5)
        _measure_loading(figures, client)
    figures.at_least("retrieve, identifiers hidden", hidden, "slices/s", 0)
    write_setting(home / "served", "patient_identifiers", "show")
    with ServedBridge(home / "served", grants=grants, options=options) as bridge:
        client = bridge.client
        shown = SLICES / median_s(lambda: client.get(path), 5)
    figures.at_least("retrieve, identifiers shown", shown, "slices/s", 0)
    _beside_orthanc(figures, big, shown, hidden)


def _measure_loading(figures: Figures, client: Client) -> None:
    """Load the series, and see how long a client has to wait for an answer meanwhile."""
    began = time.perf_counter()
    job = client.start_job("dicom.load", series_instance_uid=SERIES)
    longest, is_running = 0.0, True
    while is_running:
        asked = time.perf_counter()
        is_running = client.get(f"/jobs/{job['id']}").expect().json()["state"] not in END_STATES
        longest = max(longest, time.perf_counter() - asked)
    client.job_result(job["id"])
    figures.at_most("loading 200 slices of 512 x 512", time.perf_counter() - began, "s", 10)
    figures.at_most("longest wait for an answer while they are loaded", longest, "s", 5)


def fill(folder: Path) -> None:
    """Write 10,000 instances into the tables of Slicer's database, as an import leaves them, without files."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "ctkDICOM.sql")) as base, base:
        base.executescript(schema.TABLES)
        base.execute("INSERT INTO SchemaInfo VALUES (?)", (schema.VERSION,))
        base.execute(
            "INSERT INTO Patients (UID, PatientsName, PatientID, InsertTimestamp) VALUES (1, 'Doe^John', 'Q', '')"
        )
        for number in range(MANY_SERIES):
            study, series = f"1.2.826.8.{number // 10}", f"1.2.826.7.{number}"
            base.execute(
                "INSERT OR IGNORE INTO Studies (StudyInstanceUID, PatientsUID, StudyDate, InsertTimestamp) "
                "VALUES (?, 1, '2025-03-04', '')",
                (study,),
            )
            base.execute(
                "INSERT INTO Series (SeriesInstanceUID, StudyInstanceUID, SeriesNumber, Modality, InsertTimestamp) "
                "VALUES (?, ?, ?, 'CT', '')",
                (series, study, number),
            )
            base.executemany(
                "INSERT INTO Images (SOPInstanceUID, Filename, URL, SeriesInstanceUID, InsertTimestamp) "
                "VALUES (?, ?, '', ?, '')",
                [(f"{series}.{k}", f"dicom/{number}/{k}.dcm", series) for k in range(IN_A_SERIES)],
            )
    tags = (("0008,0016", dicom_data.CT_IMAGE), ("0028,0010", "512"), ("0028,0011", "512"))
    with closing(sqlite3.connect(folder / "ctkDICOMTagCache.sql")) as cache, cache:
        cache.execute(schema.TAG_CACHE)
        for number in range(MANY_SERIES):
            for k in range(IN_A_SERIES):
                rows = [*tags, ("0020,0013", str(k + 1)), ("0028,0008", schema.TAG_NOT_IN_INSTANCE)]
                uid = f"1.2.826.7.{number}.{k}"
                cache.executemany("INSERT INTO TagCache VALUES (?, ?, ?)", [(uid, *row) for row in rows])


def _beside_orthanc(figures: Figures, big: list[object], shown: float, hidden: float) -> None:
    executable = component("orthanc").find()
    if executable is None:
        return
    from dicomweb_client.api import DICOMwebClient

    with tempfile.TemporaryDirectory() as folder, running_orthanc(executable, Path(folder)) as url:
        for one in big:
            one.preamble = bytes(128)  # type: ignore[attr-defined]
        for start in range(0, SLICES, 20):
            DICOMwebClient(url).store_instances(big[start : start + 20])
        rate = SLICES / median_s(lambda: requests.get(f"{url}/studies/{STUDY}", timeout=120), 5)
    figures.at_least("retrieve from Orthanc", rate, "slices/s", 0)
    figures.at_least("retrieve, share of Orthanc's rate (identifiers shown)", shown / rate, "", 0.5)
    figures.at_least("retrieve, share of Orthanc's rate (identifiers hidden)", hidden / rate, "", 0.5)


def median_s(work: Callable[[], object], repeats: int = 9) -> float:
    """Time some work several times."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
