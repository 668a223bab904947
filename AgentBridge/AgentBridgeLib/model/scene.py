"""What the bridge says about the application and about the scene as a whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from AgentBridgeLib.model.base import Listing, Result, SceneResult
from AgentBridgeLib.model.frames import Framed
from AgentBridgeLib.model.geometry import BoundsLps, BoundsRas
from AgentBridgeLib.model.nodes import NodeSummary

LogLevel = Literal["info", "warning", "error"]


class SceneSummary(Framed, SceneResult):
    """The scene at a glance."""

    node_count: int = Field(description="Nodes that Slicer lists.")
    hidden_node_count: int = Field(description="Views, colors, display and storage nodes, and the like.")
    counts_by_class: dict[str, int] = Field(description="How many nodes of each class Slicer lists.")
    bounds_ras: BoundsRas | None = Field(
        default=None,
        description="Bounds in RAS, mm, of everything that has an extent; null in an empty scene.",
    )
    bounds_lps: BoundsLps | None = None
    active_volume_id: str | None = Field(description="The volume that new views and modules begin with.")
    active_segmentation_id: str | None = Field(description="Null when the scene has none, or more than one.")
    layout: str | None = Field(
        description="Arrangement of the views, such as FourUpView; null without views."
    )
    layout_number: int | None = Field(description="Slicer's number of the layout.")
    checkpoint_count: int = Field(
        description="States of the scene that can be restored; checkpoints.list has them."
    )
    undo_operation: str | None = Field(
        description="Operation that scene.undo would take back; null when there is none."
    )
    undo_problem: str | None = Field(description="Why scene.undo cannot take that back; null when it can.")
    file_name: str | None = Field(description="File that the scene was read from or saved to.")


class SceneCleared(SceneResult):
    """What clearing left."""

    removed_count: int = Field(description="How many nodes went.")
    node_count: int = Field(description="Listed nodes that are left.")


class SceneLoaded(SceneResult):
    """What a scene file brought."""

    nodes: tuple[NodeSummary, ...] = Field(description="The listed nodes that came, at most the first 1000.")
    loaded_count: int


class ApplicationDescription(Result):
    """The application that the bridge lives in."""

    name: str
    version: str
    revision: str
    operating_system: str
    architecture: str
    has_main_window: bool
    has_views: bool = Field(description="Whether pictures of views can be made.")
    python_version: str
    vtk_version: str
    bridge_version: str
    module_count: int
    modules: tuple[str, ...] = Field(description="Loaded modules, sorted.")


class ModuleDescription(Result):
    """A loaded module of Slicer."""

    name: str
    title: str
    kind: Literal["loadable", "scripted", "command_line"] = Field(
        description="Written in C++, written in Python, or a command line module, which cli_modules.run can run."
    )
    categories: tuple[str, ...] = Field(description="Where Slicer's list of modules has it.")
    dependencies: tuple[str, ...] = Field(description="Modules that it needs.")
    is_hidden: bool = Field(description="Whether Slicer leaves it out of its list of modules.")


class ModuleList(Listing[ModuleDescription]):
    """The loaded modules, by name."""


class LogLine(Result):
    """One message of Slicer or VTK."""

    number: int = Field(description="Rises by one with each message.")
    time: str = Field(description="ISO 8601 in UTC.")
    level: LogLevel
    origin: str
    text: str = Field(description="At most 2000 characters.")


class LogPage(Result):
    """Messages, oldest first."""

    items: tuple[LogLine, ...]
    last_number: int = Field(description="Ask with `since` of this number for what comes later.")
    dropped_count: int = Field(
        description="Messages that passed the filter and did not fit into `limit` (older ones)."
    )
