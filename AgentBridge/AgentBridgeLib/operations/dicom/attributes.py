"""Read the attributes of an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomMetadata, Uid
from AgentBridgeLib.operations.dicom.instances import burned_in, find_instance
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.values import dataset_to_json, plain
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from AgentBridgeLib.dispatch.context import OperationContext


class MetadataArguments(Arguments):
    """Which instance."""

    sop_instance_uid: Uid = Field(description="SOP instance UID; dicom.find_instances gives it.")


@operation(
    name="dicom.metadata",
    capability="dicom.read",
    route="GET /dicom/instances/{sop_instance_uid}/metadata",
    read_only=True,
    revision_scope="none",
)
def metadata(context: OperationContext, arguments: MetadataArguments) -> DicomMetadata:
    """Read the attributes of one instance, sequences included, without pixels, binary and private values.

    Returns
    -------
    DicomMetadata
        Names of what was left out stand beside the attributes.

    Raises
    ------
    FileMissingError
        The database has no such instance.
    FileUnreadableError
        Its file is gone or broken.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Notes
    -----
    Source: DICOM PS3.18, annex F.
    """
    found = find_instance(context, arguments.sop_instance_uid)
    dataset = read_dataset(found.path)
    shown, left_out = dataset_to_json(dataset)
    return DicomMetadata(attributes=plain(shown), left_out=left_out, burned_in_annotation=burned_in(dataset))
