"""Slicer behind its ports: the one object that composition hands to dispatch and operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.host.application import SlicerApplication
from AgentBridgeLib.host.checkpoints import SlicerSceneCopier
from AgentBridgeLib.host.cli import SlicerCli
from AgentBridgeLib.host.dicom import SlicerDicom
from AgentBridgeLib.host.file_checks import FileChecks
from AgentBridgeLib.host.files import SlicerFiles
from AgentBridgeLib.host.processes import SlicerProcesses
from AgentBridgeLib.host.sample_data import SlicerSampleData
from AgentBridgeLib.host.scene import SlicerScene
from AgentBridgeLib.host.settings import SlicerSettings
from AgentBridgeLib.host.views import SlicerViews

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports.application import ApplicationHost, SettingsStore
    from AgentBridgeLib.host.ports.dicom import DicomHost
    from AgentBridgeLib.host.ports.files import FileHost, SampleDataHost
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.host.ports.programs import CliHost, ProcessRunner
    from AgentBridgeLib.host.ports.scene import SceneCopier, SceneHost
    from AgentBridgeLib.host.ports.views import ViewHost


class SlicerHost:
    """All of Slicer that the bridge uses; implements `ports.Host`.

    Parameters
    ----------
    loop
        Sockets and time; owned by the caller, who closes it after this.
    """

    def __init__(self, loop: EventLoop) -> None:
        application, scene, processes = SlicerApplication(), SlicerScene(loop), SlicerProcesses()
        views, dicom = SlicerViews(scene, loop), SlicerDicom()
        self.loop: EventLoop = loop
        self.application: ApplicationHost = application
        self.settings: SettingsStore = SlicerSettings()
        self.scene: SceneHost = scene
        self.copier: SceneCopier = SlicerSceneCopier(scene)
        self.cli: CliHost = SlicerCli()
        self.files: FileHost = SlicerFiles(scene, FileChecks(application.available_memory_bytes))
        self.views: ViewHost = views
        self.dicom: DicomHost = dicom
        self.processes: ProcessRunner = processes
        self.samples: SampleDataHost = SlicerSampleData()
        self._closings = (dicom.close, processes.close, views.close, scene.close, application.close)

    def close(self) -> None:
        """End children, remove every observer and the temporary folder. Safe to repeat."""
        for close in self._closings:
            close()
