"""Read the attributes of an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.model.dicom import DicomMetadata
from AgentBridgeLib.operations.dicom.instances import OneInstance, ask_node, burned_in, read_instance
from AgentBridgeLib.operations.dicom.json_writing import JsonWriter
from AgentBridgeLib.operations.dicom.values import plain, without_binary
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext


@operation(
    name="dicom.metadata",
    capability="dicom.read",
    route="GET /dicom/instances/{sop_instance_uid}/metadata",
    read_only=True,
    execution="process",
    revision_scope="none",
    keywords="DICOM tags header attributes acquisition parameters kVp echo time",
)
def metadata(
    context: OperationContext, arguments: OneInstance
) -> Generator[Progress | Suspend, None, DicomMetadata]:
    """Read the attributes of one instance, sequences included, without pixels, binary and private values.

    Returns
    -------
    DicomMetadata
        Names of what was left out stand beside the attributes.

    Raises
    ------
    FileMissingError
        The database or the node has no such instance.
    FileUnreadableError
        Its file is gone or broken.
    ArgumentInvalidError, OperationFailedError
        The settings name no such node; it cannot be reached, refuses, or answers what cannot be used.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.18, annex F.
    """
    if arguments.source == "local":
        dataset = yield from read_instance(context, arguments)
        writer = JsonWriter()
        shown = yield from writer.write_in_steps(dataset)
        left_out = writer.left_out
        flag = burned_in(dataset)
    else:
        answer = yield from ask_node(context, arguments, "metadata", "The retrieval")
        shown, left_out = without_binary(answer["dataset"])
        flag = burned_in(plain({tag: shown[tag] for tag in ("00280301",) if tag in shown}))
    return DicomMetadata(attributes=plain(shown), left_out=left_out, burned_in_annotation=flag)
