"""Names, folders, memory, settings and messages of the application."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path

import pytest
import qt
import slicer
import vtk

from AgentBridgeLib.host import memory
from AgentBridgeLib.host.application import SlicerApplication
from AgentBridgeLib.host.messages import MOST_ENTRIES, MessageLog, iso_time
from AgentBridgeLib.host.settings import SlicerSettings


@pytest.fixture
def application(monkeypatch, tmp_path):
    monkeypatch.delenv("AGENTBRIDGE_HOME", raising=False)
    application = SlicerApplication()
    yield application
    application.close()


def test_the_application_says_what_it_is(application):
    """slicer: attributes of slicer.app are Qt properties."""
    assert application.name == "Slicer"
    assert re.match(r"5\.\d+", application.version)
    assert application.operating_system in {"linux", "win", "macosx"}
    assert application.architecture
    assert application.has_main_window is False
    assert {"Volumes", "Segmentations"} <= set(application.module_names())


def test_the_temporary_folder_is_private_inside_slicers_and_goes_at_the_end(application):
    """house: exchange files are nobody else's."""
    folder = Path(application.temporary_folder)
    assert folder.parent == Path(slicer.app.temporaryPath)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert application.temporary_folder == str(folder)
    (folder / "x").mkdir()
    application.close()
    assert not folder.exists()
    assert Path(application.temporary_folder).is_dir()


def test_the_data_folder_lies_beside_the_settings_and_is_private(application):
    """house: token and instance files are 0700."""
    folder = Path(application.data_folder)
    assert folder.parent == Path(slicer.app.userSettings().fileName()).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert stat.S_IMODE(Path(application.data_folder).stat().st_mode) == 0o700


def test_the_data_folder_can_be_put_elsewhere(application, monkeypatch, tmp_path):
    """house: AGENTBRIDGE_HOME."""
    monkeypatch.setenv("AGENTBRIDGE_HOME", str(tmp_path / "deep" / "home"))
    assert application.data_folder == str(tmp_path / "deep" / "home")
    assert (tmp_path / "deep" / "home").is_dir()


def test_available_memory_is_the_smaller_of_system_and_container():
    """house: VTK ends the process when an allocation fails."""
    text = "MemTotal:       8000000 kB\nMemAvailable:   2000000 kB\n"
    assert memory.linux_available(text, None) == 2_048_000_000
    assert memory.linux_available(text, 5_000) == 5_000
    assert memory.linux_available("", None) is None
    assert memory.linux_available("", 7) == 7


def test_available_memory_of_this_machine_is_plausible():
    """house: bytes, not kilobytes."""
    assert (memory.available_memory_bytes() or 0) > 50 * 1024 * 1024


def test_memory_is_unknown_where_the_system_does_not_tell(monkeypatch, tmp_path):
    """house: None, never a guess."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert memory.available_memory_bytes() is None


def test_settings_come_back_as_the_text_they_were():
    """slicer: everything but text changes its type in the settings file."""
    settings = SlicerSettings()
    assert settings.read("tests/none") is None
    for text in ("plain", "true", "[1, 2]", '{"a": "b, c"}', "", "ümläut; = \\ %20", "two\nlines"):
        settings.write("tests/text", text)
        fresh = qt.QSettings()
        fresh.sync()
        assert settings.read("tests/text") == text
    settings.write("tests/text", None)
    assert settings.read("tests/text") is None
    settings.write("tests/text", None)


def test_settings_live_in_the_bridges_own_group():
    """house: AgentBridge/<key> in the user's settings."""
    SlicerSettings().write("tests/place", "here")
    assert slicer.app.userSettings().value("AgentBridge/tests/place") == "here"
    SlicerSettings().write("tests/place", None)


def test_messages_of_python_and_vtk_are_found_with_level_and_time():
    """slicer: errorLogModel has them all."""
    log = MessageLog()
    known = len(log.entries())
    logging.getLogger("test").warning("from python")
    logging.getLogger("test").info("not worth a warning")
    vtk.vtkOutputWindow.GetInstance().DisplayErrorText("from vtk")
    found = log.entries()[known:]
    assert [(entry.level, entry.origin, entry.text) for entry in found] == [
        ("warning", "Python", "from python"),
        ("error", "VTK", "from vtk"),
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[0].time)
    assert found[1].number == found[0].number + 1
    assert log.entries()[known:] == found


def write_alone(text, *values):
    """Write a warning with an information before it: Slicer joins only what is of one level."""
    logger = logging.getLogger("test")
    logger.setLevel(logging.INFO)
    logger.info("between")
    logger.warning(text, *values)


def test_messages_that_slicer_joins_with_the_last_one_are_found():
    """slicer: qSlicerApplication sets logEntryGrouping: what follows within a second grows the last row."""
    log = MessageLog()
    write_alone("first")
    before = len(log.entries())
    logging.getLogger("test").warning("second")
    logging.getLogger("test").warning("third")
    found = log.entries()
    assert found[before - 1].text == "first"
    assert "\n".join(entry.text for entry in found[before:]) == "second\nthird"
    assert log.entries() == found


def test_messages_are_bounded_and_numbers_go_on():
    """house: at most 1,000, oldest first."""
    log = MessageLog()
    for number in range(MOST_ENTRIES + 5):
        write_alone("message %d", number)
    entries = log.entries()
    assert len(entries) == MOST_ENTRIES
    assert entries[-1].text == f"message {MOST_ENTRIES + 4}"
    assert [entry.number for entry in entries] == list(range(entries[0].number, entries[-1].number + 1))


def test_messages_after_the_log_was_cleared_are_found_once():
    """slicer: the person may clear the error log."""
    log = MessageLog()
    write_alone("before")
    log.entries()
    slicer.app.errorLogModel().clear()
    logging.getLogger("test").warning("after")
    texts = [entry.text for entry in log.entries()]
    assert texts[-2:] == ["before", "after"]
    assert [entry.text for entry in log.entries()].count("after") == 1


def test_messages_after_old_rows_were_dropped_are_found_once():
    """house: the embedded host bounds its log; Slicer's may be bounded some day."""
    log = MessageLog()
    for number in range(4):
        write_alone("old %d", number)
    log.entries()
    model = slicer.app.errorLogModel()
    model.property("sourceModel").removeRows(0, model.logEntryCount() - 2)
    logging.getLogger("test").warning("new")
    texts = [entry.text for entry in log.entries()]
    assert texts[-5:] == ["old 0", "old 1", "old 2", "old 3", "new"]


def test_local_times_of_the_log_become_utc(monkeypatch):
    """house: ISO 8601 in UTC."""
    import time

    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        assert iso_time("29.02.2024 00:30:00") == "2024-02-28T23:30:00Z"
        assert iso_time("no time") == ""
    finally:
        monkeypatch.undo()
        time.tzset()
