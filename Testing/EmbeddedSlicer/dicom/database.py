"""`slicer.dicomDatabase`: ctkDICOMDatabase as Python sees it, on the same SQLite tables.

Follows CTK `Libs/DICOM/Core/ctkDICOMDatabase.h` and `.cpp`. Names that are Q_PROPERTYs there are attributes here;
lists are tuples; what is unknown gives an empty text or tuple, never an exception. Left out: thumbnails,
displayed fields, connections, schema updates, insertion of anything but files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from EmbeddedSlicer.application.signals import Emitter, Signal
from EmbeddedSlicer.dicom import schema
from EmbeddedSlicer.dicom.values import read_header, text_of

_STUDY_TAGS = (
    *("0020,000D", "0020,0010", "0008,0020", "0008,0030", "0008,0050", "0008,0061", "0008,0080", "0008,0090"),
    *("0008,1050", "0008,1030"),
)
_STUDY_COLUMNS = (
    "StudyInstanceUID, StudyID, StudyDate, StudyTime, AccessionNumber, ModalitiesInStudy, InstitutionName, "
    "ReferringPhysician, PerformingPhysiciansName, StudyDescription"
)
_SERIES_TAGS = (
    *("0020,000E", "0020,0011", "0008,0021", "0008,0031", "0008,103E", "0008,0060", "0018,0015", "0020,0052"),
    *("0020,0012", "0018,0010", "0018,0020", "0018,0086", "0020,0100"),
)
_SERIES_COLUMNS = (
    "SeriesInstanceUID, SeriesNumber, SeriesDate, SeriesTime, SeriesDescription, Modality, BodyPartExamined, "
    "FrameOfReferenceUID, AcquisitionNumber, ContrastAgent, ScanningSequence, EchoNumber, TemporalPosition"
)
_DATES = {"0008,0020", "0008,0021"}
_NUMBERS = {"0020,0011", "0020,0012", "0018,0086", "0020,0100"}


class Database(Emitter):
    """ctkDICOMDatabase."""

    stands_for = "ctkDICOMDatabase"

    isOpen = False
    lastError = ""
    databaseFilename = ""
    databaseDirectory = ""
    tagsToPrecache: tuple[str, ...] = schema.TAGS_TO_PRECACHE
    tagsToExcludeFromStorage: tuple[str, ...] = ()
    useShortStoragePath = True
    patientFieldNames: tuple[str, ...] = ()
    studyFieldNames: tuple[str, ...] = ()
    seriesFieldNames: tuple[str, ...] = ()
    opened: Signal = None  # type: ignore[assignment]
    closed: Signal = None  # type: ignore[assignment]
    databaseChanged: Signal = None  # type: ignore[assignment]
    instanceAdded: Signal = None  # type: ignore[assignment]
    seriesRemoved: Signal = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._cache: sqlite3.Connection | None = None
        for name in ("opened", "closed", "databaseChanged", "instanceAdded", "seriesRemoved"):
            setattr(self, name, Signal())

    def openDatabase(self, databaseFile: str, /) -> bool:
        """Open or make the database; the tag cache lies beside it."""
        self.closeDatabase()
        path = Path(databaseFile)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _open(path, schema.TABLES, schema.VERSION)
            self._cache = _open(path.parent / "ctkDICOMTagCache.sql", schema.TAG_CACHE, None)
        except (sqlite3.Error, OSError) as fault:
            self.lastError = str(fault)
            return False
        self.databaseFilename, self.databaseDirectory = str(path), str(path.parent)
        self.patientFieldNames = self._columns("Patients")
        self.studyFieldNames = self._columns("Studies")
        self.seriesFieldNames = self._columns("Series")
        self.isOpen = True
        self.opened.emit()
        return True

    def closeDatabase(self) -> None:
        """Close it."""
        for connection in (self._connection, self._cache):
            if connection is not None:
                connection.close()
        self._connection = self._cache = None
        if self.isOpen:
            self.isOpen = False
            self.closed.emit()

    def schemaVersion(self) -> str:
        """Version of the schema that this code makes."""
        return schema.VERSION

    def schemaVersionLoaded(self) -> str:
        """Version of the schema of the open database."""
        return self._first("SELECT Version FROM SchemaInfo")

    def patients(self) -> tuple[str, ...]:
        """Row numbers of the patients, as text."""
        return self._column("SELECT UID FROM Patients")

    def studiesForPatient(self, patientUID: str, /) -> tuple[str, ...]:
        """Studies of a patient row."""
        return self._column("SELECT StudyInstanceUID FROM Studies WHERE PatientsUID = ?", patientUID)

    def seriesForStudy(self, studyUID: str, /) -> tuple[str, ...]:
        """Series of a study."""
        return self._column("SELECT SeriesInstanceUID FROM Series WHERE StudyInstanceUID = ?", studyUID)

    def instancesForSeries(self, seriesUID: str, hits: int = -1, /) -> tuple[str, ...]:
        """Instances of a series, unsorted."""
        return self._column(
            "SELECT SOPInstanceUID FROM Images WHERE SeriesInstanceUID = ? LIMIT ?",
            seriesUID,
            hits if hits > 0 else -1,
        )

    def filesForSeries(self, seriesUID: str, hits: int = -1, /) -> tuple[str, ...]:
        """Files of a series, unsorted, absolute."""
        found = self._column(
            "SELECT Filename FROM Images WHERE SeriesInstanceUID = ? LIMIT ?",
            seriesUID,
            hits if hits > 0 else -1,
        )
        return tuple(self._absolute(name) for name in found)

    def fileForInstance(self, sopInstanceUID: str, /) -> str:
        """File of an instance, absolute."""
        return self._absolute(
            self._first("SELECT Filename FROM Images WHERE SOPInstanceUID = ?", sopInstanceUID)
        )

    def instanceForFile(self, fileName: str, /) -> str:
        """Instance that a file holds."""
        query = "SELECT SOPInstanceUID FROM Images WHERE Filename IN (?, ?)"
        return self._first(query, fileName, self._internal(fileName))

    def seriesForFile(self, fileName: str, /) -> str:
        """Series that a file belongs to."""
        query = "SELECT SeriesInstanceUID FROM Images WHERE Filename IN (?, ?)"
        return self._first(query, fileName, self._internal(fileName))

    def studyForSeries(self, seriesUID: str, /) -> str:
        """Study of a series."""
        return self._first("SELECT StudyInstanceUID FROM Series WHERE SeriesInstanceUID = ?", seriesUID)

    def patientForStudy(self, studyUID: str, /) -> str:
        """Patient row of a study."""
        return self._first("SELECT PatientsUID FROM Studies WHERE StudyInstanceUID = ?", studyUID)

    def nameForPatient(self, patientUID: str, /) -> str:
        """Name of a patient row."""
        return self._first("SELECT PatientsName FROM Patients WHERE UID = ?", patientUID)

    def fieldForPatient(self, field: str, patientUID: str, /) -> str:
        """A column; CTK pastes its name into SQL, here an unknown one gives an empty text."""
        return self._field("Patients", self.patientFieldNames, "UID", field, patientUID)

    def fieldForStudy(self, field: str, studyInstanceUID: str, /) -> str:
        """A column; see `fieldForPatient`."""
        return self._field("Studies", self.studyFieldNames, "StudyInstanceUID", field, studyInstanceUID)

    def fieldForSeries(self, field: str, seriesInstanceUID: str, /) -> str:
        """A column; see `fieldForPatient`."""
        return self._field("Series", self.seriesFieldNames, "SeriesInstanceUID", field, seriesInstanceUID)

    def patientsCount(self) -> int:
        """Count the patients."""
        return int(self._first("SELECT COUNT(*) FROM Patients") or 0)

    def studiesCount(self) -> int:
        """Count the studies."""
        return int(self._first("SELECT COUNT(*) FROM Studies") or 0)

    def seriesCount(self) -> int:
        """Count the series."""
        return int(self._first("SELECT COUNT(*) FROM Series") or 0)

    def imagesCount(self) -> int:
        """Count the instances."""
        return int(self._first("SELECT COUNT(*) FROM Images") or 0)

    def instanceValue(self, sopInstanceUID: str, tag: str, /) -> str:
        """Value of a tag ``gggg,eeee``: from the tag cache, else from the file, which fills the cache."""
        tag = tag.upper()
        cached = self.cachedTag(sopInstanceUID, tag)
        if cached:
            return "" if cached in schema.NOT_A_VALUE else cached
        path = self.fileForInstance(sopInstanceUID)
        return self._value_from_file(path, sopInstanceUID, tag) if path else ""

    def fileValue(self, fileName: str, tag: str, /) -> str:
        """Value of a tag of a file; files outside the database are read each time."""
        instance = self.instanceForFile(fileName)
        if instance:
            return self.instanceValue(instance, tag)
        return self._value_from_file(fileName, "", tag.upper()) if fileName else ""

    def cachedTag(self, sopInstanceUID: str, tag: str, /) -> str:
        """What the tag cache has; CTK's marker texts included."""
        query = "SELECT Value FROM TagCache WHERE SOPInstanceUID = ? AND Tag = ?"
        row = self._cache.execute(query, (sopInstanceUID, tag.upper())).fetchone() if self._cache else None
        return str(row[0]) if row else ""

    def removeCachedTags(self, sopInstanceUID: str, /) -> None:
        """Forget the cached values of an instance."""
        if self._cache is not None:
            self._cache.execute("DELETE FROM TagCache WHERE SOPInstanceUID = ?", (sopInstanceUID,))

    def insert(self, filePath: str, storeFile: bool = True, generateThumbnail: bool = True, /) -> None:
        """Add one file; silent when it cannot be read or lacks what CTK demands."""
        dataset = read_header(filePath)
        if dataset is not None:
            self._insert(dataset, filePath, storeFile)

    def removeSeries(
        self, seriesInstanceUID: str, clearCachedTags: bool = False, cleanup: bool = True, /
    ) -> bool:
        """Remove a series; files inside the database folder go, linked files stay."""
        query = "SELECT Filename, SOPInstanceUID FROM Images WHERE SeriesInstanceUID = ?"
        rows = self._rows(query, seriesInstanceUID)
        self._execute("DELETE FROM Images WHERE SeriesInstanceUID = ?", seriesInstanceUID)
        for name, instance in rows:
            if clearCachedTags:
                self.removeCachedTags(instance)
            if not Path(name).is_absolute():
                self._remove_stored(Path(self._absolute(name)))
        if cleanup:
            self._clean_up(seriesInstanceUID)
        self.seriesRemoved.emit(seriesInstanceUID)
        self.databaseChanged.emit()
        return True

    def removeStudy(self, studyInstanceUID: str, cleanup: bool = True, /) -> bool:
        """Remove a study; as in CTK the tag cache keeps its values."""
        return all(
            self.removeSeries(series, False, cleanup) for series in self.seriesForStudy(studyInstanceUID)
        )

    def removePatient(self, patientUID: str, cleanup: bool = True, /) -> bool:
        """Remove a patient; as in CTK the tag cache keeps its values."""
        for study in self.studiesForPatient(patientUID):
            self.removeStudy(study, cleanup)
        return True

    # What ctkDICOMDatabasePrivate does.

    def _insert(self, dataset: Any, path: str, store: bool) -> bool:
        study, series, instance = (text_of(dataset, tag) for tag in ("0020,000D", "0020,000E", "0008,0018"))
        patient_id = text_of(dataset, "0010,0020") or study
        name = text_of(dataset, "0010,0010") or patient_id
        if not (name and study and series and instance and patient_id):
            return False
        if self._first("SELECT 1 FROM Images WHERE SOPInstanceUID = ?", instance):
            if not store and self.fileForInstance(instance) == path:
                return False
            self._execute("DELETE FROM Images WHERE SOPInstanceUID = ?", instance)
            self.removeCachedTags(instance)
        stored = self._store(path, study, series, instance) if store else path
        self._insert_parents(dataset, name, patient_id, study)
        self._execute(
            "INSERT INTO Images (SOPInstanceUID, Filename, URL, SeriesInstanceUID, InsertTimestamp) "
            "VALUES (?,?,'',?,?)",
            *(instance, stored, series, _now()),
        )
        self._precache(dataset, instance)
        self.instanceAdded.emit(instance)
        return True

    def _insert_parents(self, dataset: Any, name: str, patient_id: str, study: str) -> None:
        query = "SELECT UID FROM Patients WHERE PatientID = ? AND PatientsName = ?"
        patient = self._first(query, patient_id, name)
        if not patient:
            details = (
                text_of(dataset, "0010,0032"),
                text_of(dataset, "0010,0040"),
                text_of(dataset, "0010,4000"),
            )
            self._execute(
                "INSERT INTO Patients (PatientsName, PatientID, PatientsBirthDate, PatientsBirthTime, PatientsSex, "
                "PatientsComments, InsertTimestamp) VALUES (?,?,?,?,?,?,?)",
                *(name, patient_id, _date(text_of(dataset, "0010,0030")), *details, _now()),
            )
            patient = self._first(query, patient_id, name)
        values = [_column_value(dataset, tag) for tag in _STUDY_TAGS]
        marks = ",".join("?" * (len(values) + 2))
        self._execute(
            f"INSERT OR IGNORE INTO Studies ({_STUDY_COLUMNS}, PatientsUID, InsertTimestamp) VALUES ({marks})",
            *(*values, int(patient), _now()),
        )
        values = [_column_value(dataset, tag) for tag in _SERIES_TAGS]
        marks = ",".join("?" * (len(values) + 2))
        self._execute(
            f"INSERT OR IGNORE INTO Series ({_SERIES_COLUMNS}, StudyInstanceUID, InsertTimestamp) VALUES ({marks})",
            *(*values, study, _now()),
        )

    def _precache(self, dataset: Any, instance: str) -> None:
        rows = [
            (instance, tag, text_of(dataset, tag) or schema.TAG_NOT_IN_INSTANCE)
            for tag in self.tagsToPrecache
        ]
        if self._cache is not None:
            self._cache.executemany("INSERT OR REPLACE INTO TagCache VALUES (?,?,?)", rows)

    def _value_from_file(self, path: str, instance: str, tag: str) -> str:
        dataset = read_header(path)
        if dataset is None:
            return ""
        value = text_of(dataset, tag)
        if instance and self._cache is not None:
            row = (instance, tag, value or schema.TAG_NOT_IN_INSTANCE)
            self._cache.execute("INSERT OR REPLACE INTO TagCache VALUES (?,?,?)", row)
        return value

    def _store(self, path: str, study: str, series: str, instance: str) -> str:
        parts = [study, series, instance]
        if self.useShortStoragePath:
            digests = [hashlib.md5(part.encode(), usedforsecurity=False).hexdigest() for part in parts]
            parts = [digests[0][:8], digests[1][:8], digests[2]]
        relative = "/".join(("dicom", *parts)) + ".dcm"
        target = Path(self.databaseDirectory) / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return relative

    def _remove_stored(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == Path(self.databaseDirectory):
                return
            with suppress(OSError):
                folder.rmdir()

    def _clean_up(self, series: str) -> None:
        study = self.studyForSeries(series)
        patient = self.patientForStudy(study)
        self._execute(
            "DELETE FROM Series WHERE SeriesInstanceUID = ? AND NOT EXISTS "
            "(SELECT 1 FROM Images WHERE Images.SeriesInstanceUID = Series.SeriesInstanceUID)",
            series,
        )
        self._execute(
            "DELETE FROM Studies WHERE StudyInstanceUID = ? AND NOT EXISTS "
            "(SELECT 1 FROM Series WHERE Series.StudyInstanceUID = Studies.StudyInstanceUID)",
            study,
        )
        self._execute(
            "DELETE FROM Patients WHERE UID = ? AND NOT EXISTS "
            "(SELECT 1 FROM Studies WHERE Studies.PatientsUID = Patients.UID)",
            patient,
        )

    def _absolute(self, name: str) -> str:
        return str(Path(self.databaseDirectory) / name) if name else ""

    def _internal(self, name: str) -> str:
        path, folder = Path(name), Path(self.databaseDirectory)
        return path.relative_to(folder).as_posix() if name and path.is_relative_to(folder) else name

    def _field(self, table: str, known: tuple[str, ...], key: str, field: str, uid: str) -> str:
        return self._first(f"SELECT {field} FROM {table} WHERE {key} = ?", uid) if field in known else ""

    def _columns(self, table: str) -> tuple[str, ...]:
        assert self._connection is not None
        return tuple(row[1] for row in self._connection.execute(f"PRAGMA table_info({table})"))

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return [] if self._connection is None else self._connection.execute(query, values).fetchall()

    def _column(self, query: str, *values: Any) -> tuple[str, ...]:
        return tuple(str(row[0]) for row in self._rows(query, *values))

    def _first(self, query: str, *values: Any) -> str:
        rows = self._rows(query, *values)
        return "" if not rows or rows[0][0] is None else str(rows[0][0])

    def _execute(self, query: str, *values: Any) -> None:
        if self._connection is not None:
            self._connection.execute(query, values)


def _open(path: Path, script: str, version: str | None) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    if not connection.execute("SELECT name FROM sqlite_master").fetchone():
        connection.executescript(script)
        if version:
            connection.execute("INSERT INTO SchemaInfo VALUES (?)", (version,))
    return connection


def _column_value(dataset: Any, tag: str) -> str | int | None:
    text = text_of(dataset, tag)
    if tag in _DATES:
        return _date(text)
    if tag in _NUMBERS:  # ctkDICOMItem::GetElementAsInteger gives 0 for what is missing
        with suppress(ValueError):
            return int(text.partition("\\")[0])
        return 0
    return text


def _date(text: str) -> str | None:
    """Write a date as Qt writes a QDate into SQLite; None for what is none."""
    try:
        return dt.datetime.strptime(text, "%Y%m%d").date().isoformat()
    except ValueError:
        return None


def _now() -> str:
    return dt.datetime.now(tz=dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


facade = Database
