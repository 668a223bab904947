"""What the bridge needs of the application itself: settings, log, modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class SettingsStore(Protocol):
    """Slicer's user settings, as text."""

    def read(self, key: str) -> str | None:
        """Text stored under ``AgentBridge/<key>``; None when there is none."""

    def write(self, key: str, text: str | None) -> None:
        """Store, or remove with None."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One message of Slicer or VTK. `time` is ISO 8601 in UTC; level is error, warning or info."""

    number: int
    time: str
    level: str
    origin: str
    text: str


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """A loaded module. `kind` is loadable (C++), scripted (Python) or command_line."""

    name: str
    title: str
    kind: Literal["loadable", "scripted", "command_line"]
    categories: tuple[str, ...]
    dependencies: tuple[str, ...]
    is_hidden: bool


class ApplicationHost(Protocol):
    """The application itself."""

    name: str
    version: str
    revision: str
    operating_system: str
    architecture: str

    @property
    def has_main_window(self) -> bool:
        """False with ``--no-main-window``: no views, no panel."""

    @property
    def temporary_folder(self) -> str:
        """Slicer's temporary folder; ours is a private one inside."""

    @property
    def data_folder(self) -> str:
        """The user's AgentBridge folder: token, instance files. Created with mode 0700."""

    def module_names(self) -> Sequence[str]:
        """Loaded modules."""

    def modules(self) -> Sequence[ModuleInfo]:
        """Describe the loaded modules, by name."""

    def available_memory_bytes(self) -> int | None:
        """Memory that can still be had; None when the system does not tell."""

    def log_entries(self) -> Sequence[LogEntry]:
        """Recent warnings and errors of Slicer and VTK, oldest first, at most 1,000."""
