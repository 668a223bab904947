"""What the bridge says about DICOM data."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from AgentBridgeLib.model.base import Listing, Result

Uid = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=64)]
"""A DICOM UID (PS3.5, 9.1)."""


class DicomResult(Result):
    """Result whose UIDs are the handles of further calls; the identifier policy leaves them."""

    keeps_handles: ClassVar[bool] = True


class DicomMatches(DicomResult):
    """One page of what a search found, in an order that stays while the data stay."""

    items: list[dict[str, Any]] = Field(
        description="One object per match: DICOM keyword to value; several values are a list; dates as YYYYMMDD."
    )
    total: int | None = Field(description="How many match in all; null when a remote node does not tell.")
    offset: int = Field(
        json_schema_extra={"x-unit": "matches"}, description="Position of the first item in the whole result."
    )
    is_truncated: bool = Field(
        description="Whether more match than are shown; ask again with a larger offset."
    )


class DicomMetadata(DicomResult):
    """The attributes of one instance without its pixels."""

    attributes: dict[str, Any] = Field(
        description="DICOM keyword (or tag of 8 hex digits) to value; sequences are lists of objects."
    )
    left_out: list[str] = Field(description="Binary and private attributes, which are not shown.")
    burned_in_annotation: Literal["yes", "no", "unknown"] = Field(
        description="Whether the pixels show text about the patient, as far as the file says."
    )


class ReportText(DicomResult):
    """A structured report as text."""

    title: str
    sop_class: str = Field(description="Name of the SOP class.")
    completion: str = Field(description="COMPLETE or PARTIAL; empty when not said.")
    verification: str = Field(description="VERIFIED or UNVERIFIED; empty when not said.")
    text: str = Field(description="The whole content tree, one line per item, indented by level.")
    item_count: int


class DocumentText(DicomResult):
    """The text of an encapsulated PDF document."""

    title: str
    page_count: int
    pages: list[str] = Field(description="Text of each page, in order.")


class ImportedFile(DicomResult):
    """What became of one file."""

    path: str = Field(
        description="What the identifier policy hides of the database's patients is hidden in it."
    )
    outcome: Literal["added", "replaced", "already_there", "not_dicom", "incomplete", "failed"] = Field(
        description="incomplete: patient, study, series or instance is not named in it."
    )
    sop_instance_uid: str | None = None


class DicomImported(DicomResult):
    """What an import did."""

    counts: dict[str, int] = Field(description="Outcome to number of files.")
    series: list[str] = Field(description="UIDs of the series that the added files belong to.")
    problems: list[ImportedFile] = Field(description="Files that did not get in, at most 1000.")


class DicomDeleted(DicomResult):
    """What was removed from the database."""

    series: list[str] = Field(description="UIDs of the series that are gone.")
    instance_count: int


class SkippedSeries(DicomResult):
    """A series that was not loaded, and why."""

    series_instance_uid: str
    reason: str


class LoadedSeries(DicomResult):
    """What became of one series in the scene."""

    study_instance_uid: str
    series_instance_uid: str
    node_ids: list[str]
    reader: str = Field(
        description="A DICOM plugin of Slicer by its name, or `stack`, `multi-frame`, `segmentation` for the bridge's."
    )
    warnings: list[str] = Field(description="What to know before these nodes are used.")


class DicomLoaded(DicomResult):
    """What was loaded into the scene."""

    node_ids: list[str] = Field(description="All new nodes with data.")
    loaded: list[LoadedSeries]
    skipped: list[SkippedSeries]


class LoadedNode(DicomResult):
    """A node of the scene that was loaded from DICOM, whoever did."""

    node_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uids: list[str] = Field(
        description="What it was made of, in the order of its slices; at most 5000."
    )
    is_in_database: bool = Field(description="Whether Slicer's DICOM database still has the series.")


class LoadedNodes(Listing[LoadedNode], DicomResult):
    """Which nodes were loaded from DICOM."""


class NodeSummary(Result):
    """One remote node."""

    name: str
    auth: Literal["none", "basic", "bearer"] = Field(description="How the bridge introduces itself to it.")


class DicomNodes(Listing[NodeSummary]):
    """The remote nodes that the person has named."""


class DicomListenerState(Result):
    """Slicer's DICOM listener."""

    is_running: bool
    is_allowed: bool = Field(description="Whether the person has allowed in the settings that it is started.")
    port: int | None = Field(description="Where it listens; null when it does not.")
    received_count: int | None = Field(
        description="Files received since the bridge started it; null when the bridge did not."
    )


class FailedInstance(DicomResult):
    """An instance that did not get through."""

    sop_instance_uid: str
    reason: str


class DicomPulled(DicomResult):
    """What a pull brought."""

    study_instance_uid: str
    series: list[str] = Field(description="UIDs of the series that got new instances.")
    added_count: int
    already_there_count: int
    failed: list[FailedInstance] = Field(description="What is missing; pull again to fetch it. At most 1000.")


class DicomPushed(DicomResult):
    """What a push delivered."""

    sent_count: int
    failed: list[FailedInstance] = Field(description="What the node has not taken, at most 1000.")


class DicomObjectMade(DicomResult):
    """A new object in Slicer's DICOM database."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
