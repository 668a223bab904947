import sqlite3

import ctk
import pytest
import slicer

import dicom_data


@pytest.fixture
def database(tmp_path):
    """A database of this test's own."""
    opened = ctk.ctkDICOMDatabase()
    assert opened.openDatabase(str(tmp_path / "base" / "ctkDICOM.sql"))
    yield opened
    opened.closeDatabase()


def index(database, folder, copy=True):
    indexer, counts = ctk.ctkDICOMIndexer(), []
    indexer.indexingComplete.connect(lambda *found: counts.append(found))
    indexer.addDirectory(database, str(folder), copy)
    return counts


def test_application_has_one_open_database():
    """slicer: qSlicerCoreApplication::dicomDatabase."""
    assert slicer.app.dicomDatabase().isOpen


def test_indexed_folder_can_be_walked_from_patient_to_file(database, tmp_path):
    """slicer: ctkDICOMDatabase; files are copied below the database's folder and not sorted."""
    study, series = dicom_data.write_ct(tmp_path / "in", 6)
    assert index(database, tmp_path / "in") == [(1, 1, 1, 6)]
    (patient,) = database.patients()
    assert database.nameForPatient(patient) == dicom_data.PATIENT_NAME
    assert database.studiesForPatient(patient) == (study,)
    assert database.seriesForStudy(study) == (series,)
    instances = database.instancesForSeries(series)
    assert sorted(database.instanceValue(one, "0020,0013") for one in instances) == list("123456")
    files = database.filesForSeries(series)
    assert all(path.startswith(database.databaseDirectory) for path in files)
    assert database.instanceForFile(files[2]) == instances[2]
    assert database.fieldForStudy("StudyDate", study) == "2026-01-05"


def test_second_import_of_the_same_files_makes_no_duplicates(database, tmp_path):
    """slicer: ctkDICOMDatabasePrivate::insert replaces an instance it has."""
    dicom_data.write_ct(tmp_path / "in", 3)
    index(database, tmp_path / "in")
    assert index(database, tmp_path / "in") == [(0, 0, 0, 0)]


def test_removed_series_leaves_neither_files_nor_cached_tags(database, tmp_path):
    """slicer: removeSeries(uid, True, True); removeStudy leaves the tag cache, as CTK does."""
    _, series = dicom_data.write_ct(tmp_path / "in", 3)
    index(database, tmp_path / "in")
    cache = sqlite3.connect(tmp_path / "base" / "ctkDICOMTagCache.sql")
    count = "SELECT COUNT(*) FROM TagCache WHERE Value LIKE '%Doe%'"
    assert cache.execute(count).fetchone() == (3,)
    database.removeSeries(series, True, True)
    assert cache.execute(count).fetchone() == (0,)
    assert database.patients() == ()
    assert not list((tmp_path / "base").rglob("*.dcm"))
    index(database, tmp_path / "in")
    database.removePatient(database.patients()[0])
    assert cache.execute(count).fetchone() == (3,)
    cache.close()


def test_unknown_names_and_fields_give_empty_texts(database):
    """slicer: nothing raises for what is not there."""
    assert database.instancesForSeries("1.2.3") == ()
    assert database.fileForInstance("1.2.3") == ""
    assert database.fieldForSeries("1; DROP TABLE Series", "1.2.3") == ""
    with pytest.raises(NotImplementedError):
        database.thumbnailPathForInstance("1", "2", "3")
