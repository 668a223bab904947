"""`slicer.app`.

Follows `Base/QTCore/qSlicerCoreApplication.h` and `Base/QTGUI/qSlicerApplication.h`. Names without
parentheses are Q_PROPERTYs there, hence attributes here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt

from EmbeddedSlicer.application import version
from EmbeddedSlicer.application.signals import Emitter, Signal
from EmbeddedSlicer.not_emulated import NotEmulatedError

if TYPE_CHECKING:
    from EmbeddedSlicer.application.command_options import CommandOptions
    from EmbeddedSlicer.file_io.manager import CoreIOManager
    from EmbeddedSlicer.modules.module_manager import ModuleManager
    from EmbeddedSlicer.views.layout_manager import LayoutManager


@dataclass
class Parts:
    """What `startup.py` made and the application hands out."""

    qt_application: Any
    scene: Any
    application_logic: Any
    temporary_folder: str
    options: CommandOptions
    user_settings: Any
    revision_settings: Any
    error_log: Any
    module_manager: ModuleManager
    startup_environment: Any
    io_manager: CoreIOManager | None = None
    layout_manager: LayoutManager | None = None
    settings_dialog: Any = None
    dicom_database: Any = None
    keep: list[Any] = field(default_factory=list)


class Application(Emitter):
    """qSlicerApplication."""

    stands_for = "qSlicerApplication"

    applicationName = mainApplicationName = "Slicer"
    applicationDisplayName = mainApplicationDisplayName = "3D Slicer (embedded host)"
    applicationVersion = version.WHEEL_VERSION
    mainApplicationVersion = version.WHEEL_VERSION
    majorVersion = mainApplicationMajorVersion = int(version.MAJOR)
    minorVersion = mainApplicationMinorVersion = int(version.MINOR)
    mainApplicationPatchVersion = 0
    revision = mainApplicationRevision = version.REVISION
    repositoryRevision = mainApplicationRepositoryRevision = ""
    repositoryUrl = repositoryBranch = mainApplicationRepositoryUrl = ""
    releaseType = "Embedded"
    isCustomMainApplication = False
    isInstalled = False
    os = version.OPERATING_SYSTEM
    arch = version.ARCHITECTURE
    platform = f"{version.OPERATING_SYSTEM}-{version.ARCHITECTURE}"
    intDir = ""
    slicerSharePath = f"share/Slicer-{version.MAJOR}.{version.MINOR}"
    documentationBaseUrl = "https://slicer.readthedocs.io/en/latest/"
    documentationVersion = "latest"
    documentationLanguage = "en"
    applicationLocaleName = "en_US"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exit_code: int | None = None
        self.startupCompleted = Signal()
        self.aboutToQuit = Signal()
        self.renderPaused = Signal()
        self.temporaryPath = parts.temporary_folder

    startupCompleted: Signal = None  # type: ignore[assignment]
    aboutToQuit: Signal = None  # type: ignore[assignment]
    renderPaused: Signal = None  # type: ignore[assignment]
    defaultScenePath = ""

    @property
    def temporaryPath(self) -> str:
        """The folder for files of this run."""
        return self._parts.temporary_folder

    @temporaryPath.setter
    def temporaryPath(self, path: str) -> None:
        self._parts.temporary_folder = str(path)
        self._parts.application_logic.SetTemporaryPath(str(path))

    @property
    def slicerHome(self) -> str:
        """The folder of the installation; here the one of the emulation."""
        return str(Path(__file__).resolve().parent.parent)

    @property
    def cachePath(self) -> str:
        """The folder for downloaded files."""
        return str(Path(self.temporaryPath) / "cache")

    @property
    def startupWorkingPath(self) -> str:
        """The working folder at the start."""
        return str(self._parts.startup_environment.value("PWD", str(Path.cwd())))

    @property
    def slicerUserSettingsFilePath(self) -> str:
        """The file of the user's settings."""
        return str(self._parts.user_settings.fileName())

    @property
    def slicerRevisionUserSettingsFilePath(self) -> str:
        """The file of the settings that belong to this revision."""
        return str(self._parts.revision_settings.fileName())

    def mrmlScene(self) -> Any:
        """Give the scene."""
        return self._parts.scene

    def applicationLogic(self) -> Any:
        """Give the vtkSlicerApplicationLogic."""
        return self._parts.application_logic

    def moduleLogic(self, name: str, /) -> Any:
        """Give the logic of a module by name, or None."""
        return self._parts.application_logic.GetModuleLogic(name)

    def moduleManager(self) -> ModuleManager:
        """Give the manager of modules."""
        return self._parts.module_manager

    def coreIOManager(self) -> CoreIOManager | None:
        """Give the manager of file readers and writers."""
        return self._parts.io_manager

    ioManager = coreIOManager

    def layoutManager(self) -> LayoutManager | None:
        """Give the manager of views; None without views, as with --no-main-window."""
        return self._parts.layout_manager

    def commandOptions(self) -> CommandOptions:
        """Give the options of this run."""
        return self._parts.options

    def testingEnabled(self) -> bool:
        """Tell whether the run is a test (--testing)."""
        return self._parts.options.testingEnabled

    def errorLogModel(self) -> Any:
        """Give the model of messages."""
        return self._parts.error_log

    def userSettings(self) -> Any:
        """Give the user's settings; a plain qt.QSettings() opens the same."""
        return self._parts.user_settings

    settings = userSettings

    def revisionUserSettings(self) -> Any:
        """Give the settings that belong to this revision."""
        return self._parts.revision_settings

    def settingsDialog(self) -> Any:
        """Give the settings dialog."""
        return self._parts.settings_dialog

    def dicomDatabase(self) -> Any:
        """Give the ctkDICOMDatabase of the application."""
        return self._parts.dicom_database

    def startupEnvironment(self) -> Any:
        """Give the environment of the process before the host changed it, a QProcessEnvironment."""
        return self._parts.startup_environment

    def environment(self) -> Any:
        """Give the environment of the process, a QProcessEnvironment."""
        return qt.QProcessEnvironment.systemEnvironment()

    def translate(self, _context: str, text: str, /, *_: object) -> str:
        """Translate: the host speaks English only."""
        return text

    def moduleDocumentationUrl(self, name: str, /) -> str:
        """Give the address of a module's documentation."""
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def pauseRender(self) -> None:
        """Hold back rendering until as many calls of resumeRender()."""
        self.setRenderPaused(True)

    def resumeRender(self) -> None:
        """Take back one pauseRender()."""
        self.setRenderPaused(False)

    def setRenderPaused(self, paused: bool, /) -> None:
        """Pause or resume all views."""
        if self._parts.layout_manager is not None:
            self._parts.layout_manager.setRenderPaused(paused)
        self.renderPaused.emit(paused)

    def processEvents(self, *arguments: object) -> None:
        """Deliver pending events; nested, so for foreign code only."""
        self._parts.qt_application.processEvents(*arguments)

    def exit(self, code: int = 0, /) -> None:
        """End the event loop with a return code; before the loop runs, end it as soon as it starts."""
        self._exit_code = code
        if self._parts.qt_application.thread().loopLevel():  # else `run()` finds the code
            self._parts.qt_application.exit(code)

    def quit(self) -> None:
        """End the event loop."""
        self.exit(0)

    def returnCode(self) -> int:
        """Give the code that was asked for, or -1 (ExitNotRequested)."""
        return -1 if self._exit_code is None else self._exit_code

    def topLevelWidgets(self) -> tuple[Any, ...]:
        """Give all top-level widgets."""
        return tuple(self._parts.qt_application.topLevelWidgets())

    def pythonConsole(self) -> None:
        """Give the Python console: there is none without a main window."""

    def restart(self) -> None:
        """Refuse: a host of tests does not start itself again."""
        message = "qSlicerApplication.restart is not emulated on the embedded host"
        raise NotEmulatedError(message)

    def setOverrideCursor(self, cursor: Any, /) -> None:
        """Show another cursor."""
        self._parts.qt_application.setOverrideCursor(cursor)

    def restoreOverrideCursor(self) -> None:
        """Take back one setOverrideCursor()."""
        self._parts.qt_application.restoreOverrideCursor()

    def keyboardModifiers(self) -> Any:
        """Give the modifier keys that are down."""
        return self._parts.qt_application.keyboardModifiers()

    def clipboard(self) -> Any:
        """Give the clipboard."""
        return self._parts.qt_application.clipboard()
