"""The application itself: names, folders, modules, memory, messages."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import slicer
import slicer.util

from AgentBridgeLib.host.memory import available_memory_bytes
from AgentBridgeLib.host.messages import MessageLog
from AgentBridgeLib.host.ports.application import ModuleInfo

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports.application import LogEntry

#: Puts the data folder elsewhere: for tests, and for people with several accounts of Slicer on one home folder.
HOME_VARIABLE = "AGENTBRIDGE_HOME"
FOLDER_NAME = "AgentBridge"
_KINDS: tuple[tuple[str, Literal["command_line", "scripted"]], ...] = (
    ("qSlicerCLIModule", "command_line"),
    ("qSlicerScriptedLoadableModule", "scripted"),
)


class SlicerApplication:
    """What a client may know about the running application.

    Attributes
    ----------
    name, version, revision
        As the About box says them.
    operating_system, architecture
        Such as ``linux`` and ``amd64``.
    """

    def __init__(self) -> None:
        self.name = str(slicer.app.applicationName)
        self.version = str(slicer.app.applicationVersion)
        self.revision = str(slicer.app.revision)
        self.operating_system = str(slicer.app.os)
        self.architecture = str(slicer.app.arch)
        self._messages = MessageLog()
        self._temporary_folder: str | None = None

    @property
    def has_main_window(self) -> bool:
        """False with ``--no-main-window``: no views, no panel."""
        return slicer.util.mainWindow() is not None

    @property
    def temporary_folder(self) -> str:
        """A private folder (0700) inside Slicer's temporary folder, made at the first use, removed by `close`."""
        if self._temporary_folder is None or not Path(self._temporary_folder).is_dir():
            parent = Path(str(slicer.app.temporaryPath))
            parent.mkdir(parents=True, exist_ok=True)
            self._temporary_folder = tempfile.mkdtemp(prefix=f"{FOLDER_NAME}-{os.getpid()}-", dir=str(parent))
        return self._temporary_folder

    @property
    def data_folder(self) -> str:
        """The user's AgentBridge folder, 0700: beside Slicer's settings file, or what AGENTBRIDGE_HOME says.

        Beside the settings, as the ScreenCapture module does it: the place is per user and known to a client without
        asking Slicer, and a portable installation keeps it with itself.
        """
        chosen = os.environ.get(HOME_VARIABLE)
        folder = Path(chosen) if chosen else Path(slicer.app.userSettings().fileName()).parent / FOLDER_NAME
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077 and os.name == "posix":
            folder.chmod(0o700)
        return str(folder)

    def module_names(self) -> list[str]:
        """Loaded modules."""
        return sorted(str(name) for name in slicer.util.moduleNames())

    def modules(self) -> list[ModuleInfo]:
        """Describe the loaded modules, by name."""
        manager = slicer.app.moduleManager()
        return [_describe_module(name, manager.module(name)) for name in self.module_names()]

    def available_memory_bytes(self) -> int | None:
        """Memory that can still be had; None when the system does not tell."""
        return available_memory_bytes()

    def log_entries(self) -> list[LogEntry]:
        """Recent warnings and errors, oldest first, at most 1,000."""
        return self._messages.entries()

    def close(self) -> None:
        """Remove the temporary folder. Safe to repeat."""
        if self._temporary_folder is not None:
            shutil.rmtree(self._temporary_folder, ignore_errors=True)
            self._temporary_folder = None


def _describe_module(name: str, module: Any) -> ModuleInfo:
    kinds = [kind for class_name, kind in _KINDS if module.inherits(class_name)]
    return ModuleInfo(
        name,
        str(module.title),
        kinds[0] if kinds else "loadable",
        tuple(str(category) for category in module.categories),
        tuple(str(dependency) for dependency in module.dependencies),
        bool(module.hidden),
    )
