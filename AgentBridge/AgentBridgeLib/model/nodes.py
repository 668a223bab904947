"""What the bridge says about nodes: a line in a list, and one whole node typed by its class."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from AgentBridgeLib.model.base import Listing, Result, SceneResult
from AgentBridgeLib.model.geometry import ColorRgb, DimensionsIjk, Matrix4, SpacingMm


class NodeSummary(Result):
    """One node in a list."""

    id: str = Field(description="The handle; unique and stable while the scene is open.")
    name: str = Field(description="A label; not unique.")
    class_name: str = Field(description="MRML class, such as vtkMRMLScalarVolumeNode.")
    is_hidden: bool = Field(description="Whether Slicer hides it from its node lists.")


class ListedNode(NodeSummary):
    """One node in a list of the scene."""

    parent_transform_id: str | None = Field(
        description="Transform that is applied to the node; null without one."
    )
    folder: str | None = Field(
        description="Folder of the subject hierarchy, such as Case 1/Lungs, within the node's patient and study; null "
        "when it lies in none."
    )


class NodeDisplay(Result):
    """How a node is shown (its first display node)."""

    id: str
    class_name: str
    visibility: bool
    color: ColorRgb
    opacity: float = Field(description="From 0 (invisible) to 1 (opaque).")


class NodeStorage(Result):
    """Where a node was read from or saved to."""

    id: str
    file_name: str | None = Field(description="Full path; null when it has never been in a file.")
    file_extension: str = Field(description="Ending that the node is written with by default, such as .nrrd.")
    has_unsaved_changes: bool


class NodeProvenance(Result):
    """Which call of the bridge made the node."""

    operation: str
    client: str
    time: str = Field(description="ISO 8601 in UTC.")
    job_id: str | None = None


class VolumeDetails(Result):
    """A volume; `volumes.get` says more."""

    kind: Literal["volume"] = "volume"
    dimensions_ijk: DimensionsIjk | None = Field(description="Null while the volume has no voxels.")
    spacing_mm: SpacingMm
    scalar_type: str | None = Field(description="NumPy's name, such as int16.")
    component_count: int
    is_labelmap: bool


class SegmentationDetails(Result):
    """A segmentation; `segmentations.get` says more."""

    kind: Literal["segmentation"] = "segmentation"
    segment_count: int
    source_representation: str
    source_volume_id: str | None


class MarkupsDetails(Result):
    """A markup; `markups.get` says more."""

    kind: Literal["markups"] = "markups"
    type: str = Field(description="Such as line or fiducial.")
    control_point_count: int
    is_locked: bool


class TransformDetails(Result):
    """A transform."""

    kind: Literal["transform"] = "transform"
    is_linear: bool
    matrix_to_parent_ras: Matrix4 | None = Field(description="Null when the transform is not linear.")


class ModelDetails(Result):
    """A surface or volumetric mesh."""

    kind: Literal["model"] = "model"
    point_count: int
    cell_count: int


class TableDetails(Result):
    """A table."""

    kind: Literal["table"] = "table"
    row_count: int
    column_names: tuple[str, ...] = Field(description="At most the first 100.")
    column_count: int


class TextDetails(Result):
    """A text."""

    kind: Literal["text"] = "text"
    length_characters: int


class OtherDetails(Result):
    """Anything else."""

    kind: Literal["other"] = "other"


NodeDetails = Annotated[
    VolumeDetails
    | SegmentationDetails
    | MarkupsDetails
    | TransformDetails
    | ModelDetails
    | TableDetails
    | TextDetails
    | OtherDetails,
    Field(discriminator="kind", description="What depends on the kind of node."),
]


class NodeDescription(SceneResult):
    """One node."""

    id: str = Field(description="The handle; unique and stable while the scene is open.")
    name: str = Field(description="A label; not unique.")
    class_name: str = Field(description="MRML class, such as vtkMRMLScalarVolumeNode.")
    is_hidden: bool = Field(description="Whether Slicer hides it from its node lists.")
    node_revision: int = Field(description="Scene revision at which this node last changed.")
    details: NodeDetails
    parent_transform_id: str | None = Field(
        description="Transform that is applied to the node; null without one."
    )
    folder: str | None = Field(
        default=None,
        description="Folder of the subject hierarchy, such as Case 1/Lungs, within the node's patient and study; null "
        "when it lies in none.",
    )
    display: NodeDisplay | None = Field(description="Null when the node has no display node.")
    storage: NodeStorage | None = Field(description="Null when the node has no storage node.")
    references: dict[str, tuple[str, ...]] = Field(
        description="Ids of other nodes by role; at most 100 for each role."
    )
    attributes: dict[str, str] = Field(
        description="MRML attributes; at most 200, longer values than 1000 characters are cut."
    )
    provenance: NodeProvenance | None = Field(description="Null when the bridge did not make the node.")


class NodesDeleted(SceneResult):
    """What was deleted."""

    deleted_ids: tuple[str, ...] = Field(
        description="The nodes asked for, and the display and storage nodes that belonged to them."
    )
    warnings: tuple[str, ...] = Field(
        default=(),
        description="What else changes: nodes that lie elsewhere now that their transform is gone.",
    )


class NodesLoaded(SceneResult):
    """What a file became."""

    nodes: tuple[NodeSummary, ...]
    warnings: tuple[str, ...] = Field(description="What a careful reader of the file would want to know.")


class FileSaved(SceneResult):
    """A file that was written."""

    path: str
    size_bytes: int
    warnings: tuple[str, ...] = Field(
        default=(), description="What whoever shares the file would want to know."
    )


class SampleDescription(Result):
    """A sample that a module of Slicer offers."""

    name: str
    title: str
    category: str = Field(description="Which module it is from; BuiltIn for Slicer itself.")
    files: tuple[str, ...]
    is_on_this_computer: bool = Field(description="Whether loading it downloads nothing.")
    is_loadable: bool = Field(
        description="False for archives, scenes and samples with a downloader of their own."
    )


class SampleList(Listing[SampleDescription]):
    """The samples, those that come with Slicer first."""
