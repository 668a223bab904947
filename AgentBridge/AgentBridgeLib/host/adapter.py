"""Slicer behind its ports: the one object that composition hands to dispatch and operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.host.application import SlicerApplication
from AgentBridgeLib.host.file_checks import FileChecks
from AgentBridgeLib.host.files import SlicerFiles
from AgentBridgeLib.host.processes import SlicerProcesses
from AgentBridgeLib.host.scene import SlicerScene
from AgentBridgeLib.host.settings import SlicerSettings
from AgentBridgeLib.host.views import SlicerViews

if TYPE_CHECKING:
    from AgentBridgeLib.host.ports import EventLoop


class SlicerHost:
    """All of Slicer that the bridge uses; implements `ports.Host`.

    Parameters
    ----------
    loop
        Sockets and time; owned by the caller, who closes it after this.
    """

    def __init__(self, loop: EventLoop) -> None:
        self.loop = loop
        self.application = SlicerApplication()
        self.settings = SlicerSettings()
        self.scene = SlicerScene(loop)
        self.files = SlicerFiles(self.scene, FileChecks(self.application.available_memory_bytes))
        self.views = SlicerViews(self.scene, loop)
        self.processes = SlicerProcesses()

    def close(self) -> None:
        """End children, remove every observer and the temporary folder. Safe to repeat."""
        self.processes.close()
        self.views.close()
        self.scene.close()
        self.application.close()
