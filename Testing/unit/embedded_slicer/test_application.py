"""slicer.app: what it knows, what it logs, and how it says that something is missing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import slicer
import vtk

import EmbeddedSlicer


def test_versions_have_the_types_of_slicer():
    """slicer: qSlicerCoreApplication.h, majorVersion is an int, revision is text."""
    app = slicer.app
    assert isinstance(app.majorVersion, int)
    assert isinstance(app.revision, str)
    assert app.applicationVersion.startswith(f"{app.majorVersion}.{app.minorVersion}")
    assert app.applicationName == "Slicer"


def test_the_scene_is_one(scene):
    """slicer: slicer.mrmlScene is slicer.app.mrmlScene()."""
    assert slicer.app.mrmlScene() is scene
    assert slicer.app.applicationLogic().GetMRMLScene() is scene


@pytest.mark.parametrize("name", ["createDICOMBrowserForMainDatabase", "extensionsManagerModel"])
def test_a_missing_name_raises_what_hasattr_understands(name):
    """house: not emulated means NotImplementedError naming it."""
    with pytest.raises(EmbeddedSlicer.NotEmulatedError, match=name):
        getattr(slicer.app, name)
    assert not hasattr(slicer.app, name)
    assert issubclass(EmbeddedSlicer.NotEmulatedError, (NotImplementedError, AttributeError))


def test_a_missing_name_of_slicer_itself_is_named():
    """house: not emulated means NotImplementedError naming it."""
    with pytest.raises(NotImplementedError, match=r"slicer\.qMRMLNodeComboBox"):
        _ = slicer.qMRMLNodeComboBox
    assert getattr(slicer, "dicomDatabase", None) is None


def test_the_application_takes_no_new_attribute():
    """slicer: PythonQt wrappers take none."""
    with pytest.raises(AttributeError):
        slicer.app.note = 1


def test_a_second_start_is_refused():
    """house: one host per process."""
    with pytest.raises(RuntimeError, match="before"):
        EmbeddedSlicer.start()


def descriptions():
    model = slicer.app.errorLogModel()
    return [model.logEntryDescription(row) for row in range(model.logEntryCount())]


def last_entry():
    model = slicer.app.errorLogModel()
    level_and_origin = tuple(model.index(model.rowCount() - 1, column).data() for column in (2, 3))
    return level_and_origin, descriptions()[-1]


def test_messages_of_vtk_are_readable_instead_of_printed(capfd):
    """slicer: ctkErrorLogVTKMessageHandler."""
    reader = vtk.vtkXMLPolyDataReader()
    reader.SetFileName("/nowhere.vtp")
    reader.Update()
    assert capfd.readouterr() == ("", "")
    assert last_entry()[0] == ("Error", "VTK")
    assert any("nowhere.vtp" in text for text in descriptions())


def test_messages_of_python_carry_their_level():
    """slicer: Python's log goes into the application's."""
    logging.getLogger("a.module").warning("seen %d", 3)
    assert last_entry() == (("Warning", "Python"), "seen 3")


def test_a_new_entry_is_told_and_a_clear_empties_the_log():
    """ctk: ctkErrorLogAbstractModel::entryAdded, clear."""
    model, levels = slicer.app.errorLogModel(), []
    model.entryAdded.connect(levels.append)
    logging.getLogger().error("one")
    model.entryAdded.disconnect(levels.append)
    assert levels == [0x40]
    model.clear()
    assert model.logEntryCount() == 0
    assert model.logEntryDescription(0) == ""


def test_log_entry_data_is_invisible():
    """ctk: logEntryData is neither slot nor Q_INVOKABLE."""
    with pytest.raises(AttributeError):
        slicer.app.errorLogModel().logEntryData(0)


def test_the_startup_environment_lacks_what_the_host_added(run_child):
    """slicer: startupEnvironment() is the one before the changes of the launcher."""
    done = run_child(
        "import os; os.environ.pop('VTK_DEFAULT_OPENGL_WINDOW', None)\n"
        "app = EmbeddedSlicer.start(views=False, web_server=False)\n"
        "import slicer; environment = slicer.util.startupEnvironment()\n"
        "print('VTK_DEFAULT_OPENGL_WINDOW' in environment, environment['PATH'] == os.environ['PATH'])"
    )
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_the_temporary_folder_exists_and_the_logic_knows_it():
    """slicer: qSlicerCoreApplication::temporaryPath."""
    assert Path(slicer.app.temporaryPath).is_dir()
    assert slicer.app.applicationLogic().GetTemporaryPath() == slicer.app.temporaryPath


def test_render_pauses_are_counted_and_told():
    """slicer: qSlicerApplication::setRenderPaused."""
    told = []
    slicer.app.renderPaused.connect(told.append)
    with slicer.util.RenderBlocker():
        assert slicer.app.layoutManager().allViewsPauseRenderCount() == 1
    slicer.app.renderPaused.disconnect(told.append)
    assert told == [True, False]
    assert slicer.app.layoutManager().allViewsPauseRenderCount() == 0


def test_without_views_the_layout_manager_is_none(run_child):
    """slicer: --no-main-window."""
    done = run_child(
        "app = EmbeddedSlicer.start(views=False, web_server=False)\n"
        "import slicer; print(app.layoutManager(), slicer.util.mainWindow(), app.commandOptions().noMainWindow)"
    )
    assert done.stdout.split() == ["None", "None", "True"], done.stderr


def test_importing_the_package_needs_no_wheel(run_child):
    """house: dev.py imports it before anything is installed."""
    done = run_child("print(sorted({'PySide6', 'vtk', 'slicer', 'numpy'} & set(sys.modules)))")
    assert done.stdout.strip() == "[]"
