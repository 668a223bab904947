"""Find one instance, in Slicer's database or on a remote node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.errors import FileMissingError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import Uid
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.nodes import find_node, speak

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from AgentBridgeLib.dispatch.context import OperationContext, Progress, Suspend
    from AgentBridgeLib.host.dicom_index import Instance


class OneInstance(Arguments):
    """Which instance, and where it is."""

    sop_instance_uid: Uid = Field(description="SOP instance UID; dicom.find_instances gives it.")
    source: str = Field(
        default="local",
        min_length=1,
        max_length=100,
        description="`local` for Slicer's database, or the name of a remote node of the settings.",
    )
    study_instance_uid: Uid | None = Field(
        default=None, description="Its study; saves a remote node a search, together with the series."
    )
    series_instance_uid: Uid | None = Field(default=None, description="Its series.")

    def also_requires(self) -> tuple[str, ...]:
        """Require the network for a remote node."""
        return () if self.source == "local" else ("network",)


def find_instance(context: OperationContext, sop_uid: str) -> Instance:
    """Find an instance of Slicer's database by its UID.

    Raises
    ------
    FileMissingError
        The database has none.
    """
    found = context.host.dicom.index.instance(sop_uid)
    if found is None:
        raise FileMissingError(
            "The DICOM database has no instance with this UID; dicom.find_instances lists what it has."
        )
    return found


def read_instance(
    context: OperationContext, wanted: OneInstance, *, pixels: bool = False
) -> Generator[Progress | Suspend, None, Any]:
    """Read an instance, fetched first when a remote node has it.

    Raises
    ------
    FileMissingError
        There is none.
    FileUnreadableError
        Its file is gone or broken.
    ArgumentInvalidError, OperationFailedError
        The settings name no such node; it cannot be reached, refuses, or answers what cannot be used.
    """
    if wanted.source == "local":
        return read_dataset(_local(context, wanted).path, pixels=pixels)
    result = yield from ask_node(context, wanted, "instance", "The retrieval")
    return read_dataset(result["path"], pixels=pixels)


def _local(context: OperationContext, wanted: OneInstance) -> Instance:
    found = find_instance(context, wanted.sop_instance_uid)
    named = (wanted.study_instance_uid, wanted.series_instance_uid)
    if any(
        uid not in {None, own}
        for uid, own in zip(named, (found.series.study.uid, found.series.uid), strict=True)
    ):
        raise FileMissingError(
            "The DICOM database has this instance, but not in the study or series that is named."
        )
    return found


def ask_node(
    context: OperationContext, wanted: OneInstance, action: str, purpose: str
) -> Generator[Progress | Suspend, None, dict[str, Any]]:
    """Let the child process do something with one instance of a remote node; errors as in `read_instance`."""
    node = find_node(context, wanted.source, "/source")
    request = {
        "action": action,
        "uid": wanted.sop_instance_uid,
        "study": wanted.study_instance_uid,
        "series": wanted.series_instance_uid,
        "folder": context.work_folder(),
    }
    return (yield from speak(context, node, request, purpose))


BurnedIn = Literal["yes", "no", "unknown"]


def burned_in(dataset: Any) -> BurnedIn:
    """Tell what a file says about text in its pixels (0028,0301)."""
    said = str(dataset.get("BurnedInAnnotation", "") or "").upper()
    return "yes" if said == "YES" else "no" if said == "NO" else "unknown"


def burned_in_any(flags: Iterable[BurnedIn]) -> BurnedIn:
    """Tell it of several instances: any that has such text is enough, and none has it only when all say so."""
    said = set(flags)
    return "yes" if "yes" in said else "no" if said == {"no"} else "unknown"
