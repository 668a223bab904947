"""What the bridge needs of Slicer's DICOM database, plugins and listener."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from AgentBridgeLib.host.dicom_index import DicomIndex
    from AgentBridgeLib.host.ports.scene import SceneHost


class RunningImport(Protocol):
    """Files on their way into the DICOM database."""

    @property
    def is_running(self) -> bool:
        """Whether files are still being added."""

    def cancel(self) -> None:
        """Stop; what is in the database stays there. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class DicomOrigin:
    """What a node was loaded from."""

    study_uid: str
    series_uid: str
    instance_uids: tuple[str, ...]


class DicomOffer(Protocol):
    """One way in which a DICOM plugin of Slicer would load some files."""

    @property
    def plugin_name(self) -> str:
        """Class of the plugin."""

    @property
    def warning(self) -> str:
        """What the person should know before it is loaded; empty for nothing."""

    @property
    def confidence(self) -> float:
        """From 0 to 1: how sure the plugin is that this is how the files are meant."""

    @property
    def paths(self) -> Sequence[str]:
        """The files that it would load."""

    @property
    def derived_files(self) -> Sequence[str]:
        """Files that the plugin has written while it loaded, for the database."""

    def load(self, scene: SceneHost) -> Sequence[Any]:
        """Load it in one go; give the nodes that came. OperationFailedError: nothing stays of what it made."""


class DicomPluginHost(Protocol):
    """Slicer's DICOM plugins."""

    def names(self) -> Sequence[str]:
        """Names of those that the person has not disabled; empty in a Slicer without the DICOM module."""

    def examine(self, name: str, paths: Sequence[str]) -> Sequence[DicomOffer]:
        """Ask one plugin what it would make of the files of a series."""


class DicomListenerHost(Protocol):
    """Slicer's DICOM listener (C-STORE), one per application."""

    @property
    def is_running(self) -> bool:
        """Whether it receives, whoever has started it."""

    @property
    def port(self) -> int | None:
        """Where it listens; None when it does not."""

    @property
    def received_count(self) -> int | None:
        """Files received since the bridge started it; None when the bridge did not."""

    def stop(self) -> None:
        """End it, whoever has started it. Safe to repeat."""


class DicomHost(Protocol):
    """Slicer's DICOM database. Each call raises FeatureMissingError when none is open."""

    @property
    def plugins(self) -> DicomPluginHost:
        """What loads DICOM objects in Slicer."""

    @property
    def listener(self) -> DicomListenerHost:
        """What receives from other programs."""

    def start_listener(self, port: int | None) -> None:
        """Start it on a port, or on that of Slicer's settings; it runs when it says so.

        Raises
        ------
        FeatureMissingError
            This Slicer has no listener.
        OperationFailedError
            The port is taken, or it did not start.
        """

    @property
    def index(self) -> DicomIndex:
        """What is in the database."""

    def add_files(
        self,
        paths: Sequence[str],
        *,
        copies: bool,
        on_progress: Callable[[float], None],
        on_end: Callable[[], None],
    ) -> RunningImport:
        """Begin to add files beside the event loop; `on_progress` gets 0 to 1, `on_end` comes once."""

    def remove_series(self, series_uid: str) -> None:
        """Remove a series with its stored files and its cached values; linked files stay."""

    def origins(self) -> Mapping[str, DicomOrigin]:
        """Node id to where it came from, of all nodes in the scene that the subject hierarchy says so of."""

    def place(self, node: Any, values: Mapping[str, str], instance_uids: Sequence[str]) -> None:
        """Put a node under its patient and study in the subject hierarchy; `values` by DICOM keyword."""
