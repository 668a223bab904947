"""Which DICOM attributes in a scene identify a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "DICOM."

# DICOM PS3.15 table E.1-1 as far as Slicer and its extensions write it into scenes. Sex is left out on purpose:
# "M" and "F" are letters of every text; the policy covers that attribute by its name.
KEYWORDS = frozenset(
    """
    AccessionNumber AcquisitionDate AcquisitionDateTime AcquisitionTime AdditionalPatientHistory AdmissionID
    BranchOfService ContentDate ContentTime CountryOfResidence CurrentPatientLocation DeviceSerialNumber EthnicGroup
    FrameOfReferenceUID InstanceUIDs InstitutionAddress InstitutionName InstitutionalDepartmentName IssuerOfPatientID
    MedicalRecordLocator MilitaryRank NameOfPhysiciansReadingStudy Occupation OperatorsName OtherPatientIDs
    OtherPatientNames PatientAddress PatientAge PatientBirthDate PatientBirthName PatientBirthTime PatientComments
    PatientID PatientInstitutionResidence PatientMotherBirthName PatientName PatientTelephoneNumbers
    PerformedProcedureStepID PerformingPhysicianName PhysiciansOfRecord ProtocolName ReferencedInstanceUIDs
    ReferringPhysicianAddress ReferringPhysicianName RegionOfResidence RequestAttributesSequence RequestingPhysician
    RequestingService ResponsibleOrganization ResponsiblePerson SOPInstanceUID ScheduledProcedureStepID SeriesDate
    SeriesDescription SeriesInstanceUID SeriesTime StationName StudyComments StudyDate StudyDescription StudyID
    StudyInstanceUID StudyTime instanceUIDs
    """.split(),  # noqa: SIM905  sixty quoted words on sixty lines would hide what is missing
)
_UID_LISTS = {"instanceUIDs", "InstanceUIDs", "ReferencedInstanceUIDs"}  # separated by spaces


def attribute_identifiers(node: Any) -> Iterator[tuple[str, str]]:
    """Walk over the identifying values among a node's ``DICOM.`` attributes."""
    for name in node.GetAttributeNames():
        if name.startswith(PREFIX):
            yield from of_keyword(name.removeprefix(PREFIX), node.GetAttribute(name))


def of_keyword(keyword: str, value: str | None) -> Iterator[tuple[str, str]]:
    """Give the value of an attribute with its kind, if that kind identifies; lists of UIDs are taken apart."""
    if keyword in _UID_LISTS:
        for uid in (value or "").split():
            yield uid, "SOPInstanceUID"
    elif keyword in KEYWORDS:
        yield from pair(keyword, value)


def pair(kind: str, value: str | None) -> Iterator[tuple[str, str]]:
    """Give a value with its kind, unless it is empty."""
    text = (value or "").strip()
    if text:
        yield text, kind
