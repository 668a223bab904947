"""Exchange data with remote DICOMweb nodes: list them, pull a study, push a study or series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem, FileMissingError
from AgentBridgeLib.model.base import Arguments, PageArguments, example
from AgentBridgeLib.model.dicom import DicomNodes, DicomPulled, DicomPushed, FailedInstance, NodeSummary, Uid
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.operations.dicom.database import add_to_database
from AgentBridgeLib.operations.dicom.nodes import failure, find_node, known_nodes, speak
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext

MOST_FAILURES = 1000
Made = TypeVar("Made")


class PullArguments(Arguments):
    """What to fetch, and from where."""

    model_config = example(node="pacs", study_instance_uid="1.2.3")

    node: str = Field(
        min_length=1, max_length=100, description="Name of a remote node; dicom.nodes lists them."
    )
    study_instance_uid: Uid = Field(description="The study.")
    series_instance_uids: list[Uid] = Field(
        default_factory=list, max_length=1000, description="Only these series; without any the whole study."
    )

    def also_requires(self) -> tuple[str, ...]:
        """Require that the database may be written."""
        return ("dicom.write",)


class PushArguments(Arguments):
    """What to send, and where to: exactly one of a study and a series."""

    model_config = example(node="pacs", series_instance_uid="1.2.3.4")

    node: str = Field(
        min_length=1, max_length=100, description="Name of a remote node; dicom.nodes lists them."
    )
    study_instance_uid: Uid | None = Field(default=None, description="A whole study.")
    series_instance_uid: Uid | None = Field(default=None, description="One series.")

    def also_requires(self) -> tuple[str, ...]:
        """Require that the database may be read."""
        return ("dicom.read",)


@operation(
    name="dicom.nodes",
    capability="dicom.read",
    route="GET /dicom/nodes",
    read_only=True,
    revision_scope="none",
    keywords="PACS servers archives list",
)
def nodes(context: OperationContext, arguments: PageArguments) -> DicomNodes:
    """List the remote DICOMweb nodes that the person has named in the settings.

    Returns
    -------
    DicomNodes
        Names only; addresses and credentials stay in the settings.

    Raises
    ------
    OperationFailedError
        The setting is unreadable.
    """
    found = [NodeSummary(name=node.name, auth=node.auth) for node in known_nodes(context)]
    return page_of(DicomNodes, found, arguments, lambda node: node.name, "remote nodes")


@operation(
    name="dicom.pull",
    capability="network",
    route="POST /dicom/pull",
    execution="process",
    long=True,
    revision_scope="none",
    keywords="fetch retrieve download from PACS query",
)
def pull(
    context: OperationContext, arguments: PullArguments
) -> Generator[Progress | Suspend, None, DicomPulled]:
    """Pull a study, or some of its series, from a remote node into Slicer's DICOM database.

    Only instances that the database does not have are fetched, so a pull that was cut goes on where it ended. Failures
    that may pass are repeated with growing pauses. An instance is kept only when all of it came. They go into the
    database in batches of about 64 MiB; cancel keeps what is in by then.

    Returns
    -------
    DicomPulled
        What came, what was there before, and what failed, instance by instance.

    Raises
    ------
    ArgumentInvalidError
        The settings name no such node.
    FileMissingError
        The node has no such study or series.
    OperationFailedError
        The node cannot be reached, refuses the credentials, redirects, or nothing could be fetched.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.18, 10.4 and 10.6.
    """
    node = find_node(context, arguments.node, "/node")
    index = context.host.dicom.index
    study = index.studies().get(arguments.study_instance_uid)
    known = [one.uid for series in (study.series if study else ()) for one in index.instances(series.uid)]
    request = {
        "action": "pull",
        "study": arguments.study_instance_uid,
        "series": arguments.series_instance_uids,
        "known": known,
        "folder": context.work_folder(),
        "wanted": None,
        "done": 0,
    }
    already, arrived, failed = 0, list[dict[str, str]](), list[dict[str, str]]()
    while request["wanted"] is None or request["wanted"]:
        told = f"Fetching; {len(arrived)} instances are in the database and stay there if it is canceled"
        result = yield from _saying(speak(context, node, request, "The transfer"), words=told)
        settled = len(arrived) + len(failed) + len(result["fetched"]) + len(result["failed"])
        share = settled / max(1, settled + len(result["left"]))
        came = yield from _saying(_taken_in(context, result["fetched"], failed), fraction=share)
        arrived += came
        already += result["already"]
        failed += result["failed"]
        request |= {"wanted": result["left"], "done": len(arrived) + len(failed)}
    if not (already or arrived or failed):
        raise FileMissingError(f"The node {node.name} has no such study or series.")
    if failed and not arrived:
        raise failure(node, "incomplete", failed[0]["reason"])
    return DicomPulled(
        study_instance_uid=arguments.study_instance_uid,
        series=sorted({one["series"] for one in arrived}),
        added_count=len(arrived),
        already_there_count=already,
        failed=_failures(failed),
    )


def _taken_in(
    context: OperationContext, fetched: list[dict[str, str]], failed: list[dict[str, str]]
) -> Generator[Progress | Suspend, None, list[dict[str, str]]]:
    """Add files to the database; give those that it took, the others are added to `failed`."""
    if not fetched:
        return []
    yield from add_to_database(context, [one["path"] for one in fetched], copies=True)
    index = context.host.dicom.index
    arrived = [one for one in fetched if index.instance(one["uid"]) is not None]
    lost = [one for one in fetched if one not in arrived]
    failed += [{"uid": one["uid"], "reason": "the database did not take it"} for one in lost]
    return arrived


@operation(
    name="dicom.push",
    capability="network",
    route="POST /dicom/push",
    execution="process",
    long=True,
    revision_scope="none",
    keywords="send to PACS upload store archive",
)
def push(
    context: OperationContext, arguments: PushArguments
) -> Generator[Progress | Suspend, None, DicomPushed]:
    """Push a study or a series of Slicer's DICOM database to a remote node (STOW-RS), identifiers included.

    Returns
    -------
    DicomPushed
        What the node has taken, and what failed, instance by instance.

    Raises
    ------
    ArgumentInvalidError
        The settings name no such node, or not exactly one of study and series is named.
    FileMissingError
        The database has no such study or series.
    OperationFailedError
        The node took nothing.
    FeatureMissingError
        No DICOM database is open.

    Warnings
    --------
    The files leave as they are, whatever the identifier policy says: the person has named the node.

    Notes
    -----
    Source: DICOM PS3.18, 10.5.
    """
    node = find_node(context, arguments.node, "/node")
    if (arguments.study_instance_uid is None) == (arguments.series_instance_uid is None):
        raise ArgumentInvalidError(
            "Name either a study or a series.",
            errors=[FieldProblem("", "must name one of study_instance_uid and series_instance_uid")],
        )
    index = context.host.dicom.index
    study = index.studies().get(arguments.study_instance_uid or "")
    one = index.series().get(arguments.series_instance_uid or "")
    chosen = list(study.series) if study else [one] if one else []
    files = [
        {"uid": each.uid, "path": each.path} for series in chosen for each in index.instances(series.uid)
    ]
    if not files:
        raise FileMissingError(
            "The database has no such study or series; dicom.find_series lists what it has."
        )
    told = "Sending; if it is canceled now, the node keeps what it has"
    steps = speak(context, node, {"action": "push", "files": files}, "The transfer")
    result = yield from _saying(steps, words=told)
    if not result["sent"]:
        raise failure(node, "incomplete", result["failed"][0]["reason"])
    return DicomPushed(sent_count=len(result["sent"]), failed=_failures(result["failed"]))


def _saying(
    steps: Generator[Progress | Suspend, None, Made], *, words: str = "", fraction: float | None = None
) -> Generator[Progress | Suspend, None, Made]:
    """Pass steps on, with other words for a person, or another share of the whole."""
    try:
        while True:
            try:
                said = next(steps)
            except StopIteration as end:
                result: Made = end.value
                return result
            if isinstance(said, Progress):
                said = Progress(said.fraction if fraction is None else fraction, words or said.message)
            yield said
    finally:
        steps.close()


def _failures(failed: list[dict[str, Any]]) -> list[FailedInstance]:
    return [
        FailedInstance(sop_instance_uid=one["uid"], reason=one["reason"]) for one in failed[:MOST_FAILURES]
    ]
