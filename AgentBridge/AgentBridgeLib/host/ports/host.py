"""Everything that the bridge needs of the program it lives in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports.application import ApplicationHost, SettingsStore
    from AgentBridgeLib.host.ports.dicom import DicomHost
    from AgentBridgeLib.host.ports.files import FileHost, SampleDataHost
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.programs import CliHost, ProcessRunner
    from AgentBridgeLib.host.ports.scene import SceneCopier, SceneHost
    from AgentBridgeLib.host.ports.views import ViewHost


class Host(Protocol):
    """All of the above, as composition hands it to dispatch and to operations."""

    loop: EventLoop
    scene: SceneHost
    copier: SceneCopier
    cli: CliHost
    files: FileHost
    views: ViewHost
    dicom: DicomHost
    settings: SettingsStore
    processes: ProcessRunner
    samples: SampleDataHost
    application: ApplicationHost
