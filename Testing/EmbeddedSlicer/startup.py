"""Putting the host together, in the order of `qSlicerCoreApplicationPrivate::init`."""

from __future__ import annotations

import atexit
import logging
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from EmbeddedSlicer import environment
from EmbeddedSlicer.not_emulated import refuse


class Host:
    """The one running host of this process."""

    application: Any = None
    qt_application: Any = None
    settings_folder: str = ""
    is_started_up = False


host = Host()


def start(settings_folder: str | Path | None, views: bool, web_server: bool, testing: bool) -> Any:
    """Make everything; see `EmbeddedSlicer.start`."""
    if host.application is not None:
        message = "the embedded host was started before; there is one per process"
        raise RuntimeError(message)
    process_environment = _environment_before()
    environment.prepare()
    import qt

    host.qt_application = qt.QApplication.instance() or qt.QApplication(sys.argv[:1])
    slicer = _import_slicer()
    folder = _private_folder()
    host.settings_folder = str(settings_folder or Path(folder) / "settings")
    parts = _make_parts(folder, process_environment, testing)
    _publish(slicer, parts)
    _fill(parts, views)
    load_modules([str(environment.SCRIPTED_MODULES_PATH / "SampleData.py")])
    if web_server:
        load_modules([str(environment.SCRIPTED_MODULES_PATH / "WebServer.py")])
    return host.application


def load_modules(paths: list[str]) -> list[Any]:
    """Construct and load scripted modules."""
    from EmbeddedSlicer.modules.loading import load_scripted_modules

    return load_scripted_modules(host.application.moduleManager(), paths)


def finish_startup() -> None:
    """Tell that the application is up, once."""
    if not host.is_started_up:
        host.is_started_up = True
        _publish_dicom_database()
        host.application.startupCompleted.emit()


def shut_down() -> None:
    """Unload the modules, tell that the application quits (see `qSlicerCoreApplication::onAboutToQuit`)."""
    application, host.application = host.application, None
    if application is not None:
        application.moduleManager().unload_all()
        application.aboutToQuit.emit()


def _publish_dicom_database() -> None:
    """Make the alias as the DICOM module does when the application is up (`DICOM.py`, onStartupCompleted)."""
    import slicer

    slicer.dicomDatabase = host.application.dicomDatabase()


def _environment_before() -> Any:
    from PySide6 import QtCore

    return QtCore.QProcessEnvironment.systemEnvironment()


def _import_slicer() -> Any:
    """Import the wheel's `slicer` and make Slicer's other submodules importable below it.

    Not through a folder called `slicer` on sys.path: the wheel's package would import all of it at once.
    """
    import slicer

    slicer.__path__.append(str(Path(__file__).parent / "slicer_package"))
    slicer.modules = types.ModuleType("slicer.modules")
    slicer.moduleNames = types.ModuleType("slicer.moduleNames")
    sys.modules["slicer.modules"] = slicer.modules
    sys.modules["slicer.moduleNames"] = slicer.moduleNames

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        error = refuse(f"slicer.{name}")
        raise error

    slicer.__getattr__ = missing
    return slicer


def _private_folder() -> str:
    folder = tempfile.mkdtemp(prefix="embedded-slicer-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _make_parts(folder: str, process_environment: Any, testing: bool) -> Any:
    from EmbeddedSlicer.application import command_options, error_log, settings, version
    from EmbeddedSlicer.application.application import Parts
    from EmbeddedSlicer.modules.module_manager import ModuleManager
    from EmbeddedSlicer.scene import logics, messages

    model = error_log.ErrorLogModel()
    error_log.install_qt_messages(model)
    logging.getLogger().addHandler(error_log.LogHandler(model))
    vtk_messages = messages.VTKMessages(lambda level, text: model.append_entry(level, "VTK", text))
    scene, application_logic = logics.make_scene()
    user_settings = settings.open_user_settings(host.settings_folder, host.qt_application)
    return Parts(
        qt_application=host.qt_application,
        scene=scene,
        application_logic=application_logic,
        temporary_folder=folder,
        options=command_options.CommandOptions(testing),
        user_settings=user_settings,
        revision_settings=settings.open_revision_settings(user_settings, version.REVISION),
        error_log=model,
        module_manager=ModuleManager(application_logic),
        startup_environment=process_environment,
        keep=[vtk_messages],
    )


def _publish(slicer: Any, parts: Any) -> None:
    from EmbeddedSlicer.application.application import Application

    host.application = slicer.app = Application(parts)
    slicer.mrmlScene = parts.scene
    slicer.selfTests = {}
    from EmbeddedSlicer.modules import scripted_module

    slicer.qMRMLWidget = scripted_module.MRMLWidget
    slicer.qSlicerScriptedLoadableModule = scripted_module.ScriptedModule
    slicer.qSlicerScriptedLoadableModuleWidget = scripted_module.ScriptedModuleWidget


def _fill(parts: Any, views: bool) -> None:
    from EmbeddedSlicer.cli import module as cli_module
    from EmbeddedSlicer.ctk_widgets.settings_dialog import SettingsDialog
    from EmbeddedSlicer.dicom.database import Database as DICOMDatabase
    from EmbeddedSlicer.file_io.manager import CoreIOManager
    from EmbeddedSlicer.scene import logics, subject_hierarchy

    scene, application_logic = parts.scene, parts.application_logic
    made = logics.make_logics(scene, application_logic)
    parts.keep += logics.make_file_manager(
        scene, application_logic, str(Path(parts.temporary_folder) / "cache")
    )
    parts.keep.append(subject_hierarchy.SubjectHierarchyPlugins(scene))
    cli_module.load_modules(parts.module_manager)
    _add_modules(parts.module_manager, made)
    parts.io_manager = CoreIOManager(scene, application_logic, made)
    parts.settings_dialog = SettingsDialog(parts.user_settings)
    parts.dicom_database = DICOMDatabase()
    parts.dicom_database.openDatabase(str(Path(host.settings_folder) / "DICOMDatabase" / "ctkDICOM.sql"))
    if views:
        parts.layout_manager = _make_views(scene, application_logic)
    host.qt_application.aboutToQuit.connect(shut_down)


def _add_modules(manager: Any, logics: dict[str, Any]) -> None:
    import slicer

    from EmbeddedSlicer.modules.module import Module

    for name, logic in logics.items():
        module = Module(name, logic)
        setattr(slicer.modules, name.lower(), module)
        setattr(slicer.moduleNames, name, name)
        manager.add(module)


def _make_views(scene: Any, application_logic: Any) -> Any:
    from EmbeddedSlicer.views.layout_manager import LayoutManager

    if not environment.can_render():
        message = "no usable graphics driver: install libegl1 and libegl-mesa0, or start with views=False"
        raise RuntimeError(message)
    return LayoutManager(scene, application_logic)
