"""Find one instance in Slicer's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from AgentBridgeLib.errors import FileMissingError

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.dicom_index import Instance


def find_instance(context: OperationContext, sop_uid: str) -> Instance:
    """Find an instance by its UID.

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


def burned_in(dataset: Any) -> Literal["yes", "no", "unknown"]:
    """Tell what a file says about text in its pixels (0028,0301)."""
    said = str(dataset.get("BurnedInAnnotation", "") or "").upper()
    return "yes" if said == "YES" else "no" if said == "NO" else "unknown"
