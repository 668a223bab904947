"""What Slicer's DICOM database holds, read from its own SQLite files.

CTK has no search. This reads the tables of schema 0.8 (CTK `Libs/DICOM/Core/Resources/dicom-schema.sql`) and the tag
cache beside it, read only, with fixed column names; everything that writes goes through CTK. The files are
open only while they are read, so that Slicer can move or wipe its database at any time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from AgentBridgeLib.errors import FeatureMissingError, SceneBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Values = dict[str, str]
"""Keyword to value as DICOM writes it in text: several values joined by a backslash."""

PATIENT_COLUMNS: Mapping[str, str] = {
    "PatientName": "PatientsName",
    "PatientID": "PatientID",
    "PatientBirthDate": "PatientsBirthDate",
    "PatientBirthTime": "PatientsBirthTime",
    "PatientSex": "PatientsSex",
    "PatientComments": "PatientsComments",
}
STUDY_COLUMNS: Mapping[str, str] = {
    "StudyInstanceUID": "StudyInstanceUID",
    "StudyDate": "StudyDate",
    "StudyTime": "StudyTime",
    "StudyID": "StudyID",
    "AccessionNumber": "AccessionNumber",
    "StudyDescription": "StudyDescription",
    "InstitutionName": "InstitutionName",
    "ReferringPhysicianName": "ReferringPhysician",
}
SERIES_COLUMNS: Mapping[str, str] = {
    "SeriesInstanceUID": "SeriesInstanceUID",
    "SeriesNumber": "SeriesNumber",
    "SeriesDate": "SeriesDate",
    "SeriesTime": "SeriesTime",
    "SeriesDescription": "SeriesDescription",
    "Modality": "Modality",
    "BodyPartExamined": "BodyPartExamined",
    "FrameOfReferenceUID": "FrameOfReferenceUID",
}
INSTANCE_TAGS: Mapping[str, str] = {
    "SOPClassUID": "0008,0016",
    "InstanceNumber": "0020,0013",
    "Rows": "0028,0010",
    "Columns": "0028,0011",
    "NumberOfFrames": "0028,0008",
}
_DATES = {"PatientBirthDate", "StudyDate", "SeriesDate"}
LONGEST_WAIT_S = 0.5  # for a writer; Slicer stands still meanwhile
_NOT_A_VALUE = {"__TAG_NOT_IN_INSTANCE__", "__VALUE_IS_EMPTY_STRING__", "__VALUE_IS_NOT_STORED__"}
_CHANGE_COUNTER = slice(24, 28)  # of a SQLite file's head: moves with every transaction


@dataclass(slots=True)
class Instance:
    """One SOP instance. `is_complete`: all of `INSTANCE_TAGS` were in the tag cache or have been filled in."""

    uid: str
    series: Series
    path: str
    values: Values
    is_complete: bool


@dataclass(slots=True)
class Series:
    """One series."""

    uid: str
    study: Study
    values: Values
    count: int = 0


@dataclass(slots=True)
class Study:
    """One study with the values of its patient."""

    uid: str
    values: Values
    patient: str
    series: list[Series] = field(default_factory=list)


class DicomIndex:
    """Studies, series and instances, read again when the database has changed.

    Parameters
    ----------
    database_file
        Path of ``ctkDICOM.sql``.
    """

    def __init__(self, database_file: str) -> None:
        self.database_file = database_file
        self._folder = Path(database_file).parent
        self._state: object = None
        self._studies: dict[str, Study] = {}
        self._series: dict[str, Series] = {}
        self._instances: dict[str, list[Instance]] = {}

    def studies(self) -> Mapping[str, Study]:
        """Give all studies by UID."""
        self._refresh()
        return self._studies

    def series(self) -> Mapping[str, Series]:
        """Give all series by UID."""
        self._refresh()
        return self._series

    def instances(self, series_uid: str) -> list[Instance]:
        """Give the instances of a series, by UID; empty when there is no such series."""
        self._refresh()
        if series_uid not in self._series:
            return []
        if series_uid not in self._instances:
            self._instances[series_uid] = list(self._read_instances(self._series[series_uid]))
        return self._instances[series_uid]

    def instance(self, sop_uid: str) -> Instance | None:
        """Find one instance."""
        self._refresh()
        with self._reading() as base:
            row = base.execute(
                "SELECT SeriesInstanceUID FROM Images WHERE SOPInstanceUID = ?", (sop_uid,)
            ).fetchone()
        found = self.instances(row[0]) if row else []
        return next((one for one in found if one.uid == sop_uid), None)

    def _refresh(self) -> None:
        state = self._file_state()
        if state == self._state:
            return
        with self._reading() as base:
            self._studies = dict(_read_studies(base))
            self._series = dict(_read_series(base, self._studies))
        self._instances.clear()
        self._state = state

    def _file_state(self) -> object:
        try:
            with Path(self.database_file).open("rb") as file:
                head = file.read(32)
            about = Path(self.database_file).stat()
        except OSError:
            raise FeatureMissingError(
                "Slicer's DICOM database cannot be read. Open the DICOM module and choose a database folder there."
            ) from None
        return head[_CHANGE_COUNTER], about.st_mtime_ns, about.st_size

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as base:
                yield base
        except sqlite3.Error as fault:
            if getattr(fault, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise SceneBusyError(
                    "Files are just being written to Slicer's DICOM database; repeat the call."
                ) from None
            raise FeatureMissingError(f"Slicer's DICOM database cannot be read: {fault}.") from None

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(f"{_uri(self.database_file)}?mode=ro", uri=True, timeout=LONGEST_WAIT_S)
        cache = self._folder / "ctkDICOMTagCache.sql"
        if cache.is_file():
            base.execute("ATTACH DATABASE ? AS cache", (f"{_uri(str(cache))}?mode=ro",))
        return base

    def _read_instances(self, series: Series) -> Iterator[Instance]:
        with self._reading() as base:
            rows = base.execute(
                "SELECT SOPInstanceUID, Filename FROM Images WHERE SeriesInstanceUID = ?", (series.uid,)
            ).fetchall()
            cached = _read_tags(base, series.uid)
        for uid, name in sorted(rows):
            known = cached.get(uid, {})
            yield Instance(uid, series, self._absolute(name), known, len(known) == len(INSTANCE_TAGS))

    def _absolute(self, name: str | None) -> str:
        return str(self._folder / name) if name else ""


def _uri(path: str) -> str:
    return "file:" + quote(Path(path).absolute().as_posix())


def _read_studies(base: sqlite3.Connection) -> Iterator[tuple[str, Study]]:
    names = [*PATIENT_COLUMNS, *STUDY_COLUMNS]
    columns = [f"p.{name}" for name in PATIENT_COLUMNS.values()] + [
        f"s.{name}" for name in STUDY_COLUMNS.values()
    ]
    query = f"SELECT {', '.join(columns)}, p.UID FROM Studies s JOIN Patients p ON p.UID = s.PatientsUID"  # noqa: S608
    for row in base.execute(query):
        values = _values(names, row)
        yield values["StudyInstanceUID"], Study(values["StudyInstanceUID"], values, str(row[-1]))


def _read_series(base: sqlite3.Connection, studies: Mapping[str, Study]) -> Iterator[tuple[str, Series]]:
    counts = dict(base.execute("SELECT SeriesInstanceUID, COUNT(*) FROM Images GROUP BY SeriesInstanceUID"))
    query = f"SELECT {', '.join(SERIES_COLUMNS.values())}, StudyInstanceUID FROM Series"  # noqa: S608 - fixed names
    for row in base.execute(query):
        study = studies.get(row[-1])
        if study is not None:
            values = _values(list(SERIES_COLUMNS), row)
            made = Series(values["SeriesInstanceUID"], study, values, int(counts.get(row[0], 0)))
            study.series.append(made)
            yield made.uid, made


def _read_tags(base: sqlite3.Connection, series_uid: str) -> dict[str, Values]:
    """Read what the tag cache has of the instances of a series; what is in no row is not known."""
    marks = ",".join("?" * len(INSTANCE_TAGS))
    query = (
        "SELECT c.SOPInstanceUID, c.Tag, c.Value FROM Images i JOIN cache.TagCache c USING (SOPInstanceUID) "  # noqa: S608
        f"WHERE i.SeriesInstanceUID = ? AND c.Tag IN ({marks})"
    )
    keywords = {tag: keyword for keyword, tag in INSTANCE_TAGS.items()}
    found: dict[str, Values] = {}
    try:
        for uid, tag, value in base.execute(query, (series_uid, *keywords)):
            found.setdefault(uid, {})[keywords[tag]] = "" if value in _NOT_A_VALUE else str(value)
    except sqlite3.Error:  # no tag cache beside this database: the files have it all
        return {}
    return found


def _values(names: list[str], row: tuple[object, ...]) -> Values:
    values = {}
    for name, value in zip(names, row, strict=False):
        text = "" if value is None else str(value)
        values[name] = text.replace("-", "") if name in _DATES else text
    return values
