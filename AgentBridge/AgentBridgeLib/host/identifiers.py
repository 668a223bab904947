"""Patient-identifying texts in the scene, so that the identifier policy can find them in answers.

Sources: the subject hierarchy's patient and study items with their attributes and UIDs, the UIDs of what lies below
them, and node attributes that begin with ``DICOM.``. Only what changed since the last call is looked at again.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import vtk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from AgentBridgeLib.host.revision import SceneTracker

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
    """.split(),
)
_UID_LISTS = {"instanceUIDs", "InstanceUIDs", "ReferencedInstanceUIDs"}  # separated by spaces
_UID_KINDS = {"Patient": "PatientID", "Study": "StudyInstanceUID"}
_NAME_KINDS = {"Patient": "PatientName", "Study": "StudyDescription"}


class IdentifierCollector:
    """Keeps the identifying texts of one scene, by revision.

    Parameters
    ----------
    scene
        Read at each call.
    tracker
        Knows what changed.
    """

    def __init__(self, scene: Any, tracker: SceneTracker) -> None:
        self._scene = scene
        self._tracker = tracker
        self._revision = -1
        self._by_node: dict[str, dict[str, str]] = {}
        self._all: Mapping[str, str] = MappingProxyType({})

    def collect(self) -> Mapping[str, str]:
        """Give value to kind (DICOM keyword)."""
        revision = self._tracker.revision
        if revision != self._revision:
            changed = self._tracker.changed_since(self._revision)
            if self._take_changes(changed):
                self._all = MappingProxyType(self._merge())
            self._revision = revision
        return self._all

    def _take_changes(self, changed: list[str]) -> bool:
        """Look at changed and removed nodes again; says whether anything came of it."""
        is_different = False
        for node_id in [known for known in self._by_node if self._scene.GetNodeByID(known) is None]:
            del self._by_node[node_id]
            is_different = True
        for node_id in changed:
            found = self._look_at(self._scene.GetNodeByID(node_id))
            if found != self._by_node.get(node_id, {}):
                self._by_node[node_id] = found
                is_different = True
        return is_different

    def _look_at(self, node: Any) -> dict[str, str]:
        if node is None:
            return {}
        found = dict(attribute_identifiers(node))
        if node.IsA("vtkMRMLSubjectHierarchyNode"):
            found.update(hierarchy_identifiers(node))
        return found

    def _merge(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for found in self._by_node.values():
            merged.update(found)
        return merged


def attribute_identifiers(node: Any) -> Iterator[tuple[str, str]]:
    """Walk over the identifying values among a node's ``DICOM.`` attributes."""
    for name in node.GetAttributeNames():
        if name.startswith(PREFIX):
            yield from _of_keyword(name.removeprefix(PREFIX), node.GetAttribute(name))


def hierarchy_identifiers(hierarchy: Any) -> Iterator[tuple[str, str]]:
    """Walk over patient and study items of a subject hierarchy and what lies below them."""
    waiting = _children(hierarchy, hierarchy.GetSceneItemID())
    while waiting:
        item = waiting.pop()
        level = hierarchy.GetItemLevel(item)
        is_dicom = level in _UID_KINDS
        if is_dicom:
            yield from _item_identifiers(hierarchy, item, level)
            yield from _series_identifiers(hierarchy, item)
        if is_dicom or level == "Folder":
            waiting.extend(_children(hierarchy, item))


def _item_identifiers(hierarchy: Any, item: int, level: str) -> Iterator[tuple[str, str]]:
    yield from _pair(_NAME_KINDS[level], hierarchy.GetItemName(item))
    yield from _pair(_UID_KINDS[level], hierarchy.GetItemUID(item, "DICOM"))
    for name in hierarchy.GetItemAttributeNames(item):
        yield from _of_keyword(name.removeprefix(PREFIX), hierarchy.GetItemAttribute(item, name))


def _series_identifiers(hierarchy: Any, parent: int) -> Iterator[tuple[str, str]]:
    for item in _children(hierarchy, parent):
        if hierarchy.GetItemLevel(item) in _UID_KINDS:
            continue
        yield from _pair("SeriesInstanceUID", hierarchy.GetItemUID(item, "DICOM"))
        for uid in hierarchy.GetItemUID(item, "DICOMInstanceUID").split():
            yield uid, "SOPInstanceUID"
        for name in hierarchy.GetItemAttributeNames(item):
            yield from _of_keyword(name.removeprefix(PREFIX), hierarchy.GetItemAttribute(item, name))


def _children(hierarchy: Any, item: int) -> list[int]:
    found = vtk.vtkIdList()
    hierarchy.GetItemChildren(item, found, False)
    return [found.GetId(index) for index in range(found.GetNumberOfIds())]


def _of_keyword(keyword: str, value: str | None) -> Iterator[tuple[str, str]]:
    if keyword in _UID_LISTS:
        for uid in (value or "").split():
            yield uid, "SOPInstanceUID"
    elif keyword in KEYWORDS:
        yield from _pair(keyword, value)


def _pair(kind: str, value: str | None) -> Iterator[tuple[str, str]]:
    text = (value or "").strip()
    if text:
        yield text, kind
