"""A patient who is in the scene in every way, and a pattern that finds whatever tells of them."""

from __future__ import annotations

import re

NAME, PATIENT_ID, BIRTH, STUDY, ACCESSION, STATION, PHYSICIAN, UID = (
    "QUUXBY^ZEBEDEE^X", "MRN7734921", "19310917", "Zqstudy hippocampus", "ACC998877Q", "SCANNERZQ9",
    "HOUSEMAN^GREGORIA", "1.2.826.0.1.3680043.8.498.77349211",
)  # fmt: skip
TELLTALES = re.compile(
    rb"quuxby|zebedee|mrn7734921|19310917|1931-09-17|zqstudy|acc998877q|scannerzq9|houseman|gregoria|77349211|093Y",
    re.IGNORECASE,
)
PLANT = f"""
import slicer, logging
volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "QUUXBY ZEBEDEE CT 1931-09-17")
import vtk
image = vtk.vtkImageData(); image.SetDimensions(4, 5, 6); image.AllocateScalars(vtk.VTK_SHORT, 1)
image.GetPointData().GetScalars().Fill(7); volume.SetAndObserveImageData(image); volume.CreateDefaultDisplayNodes()
for keyword, value in dict(PatientName={NAME!r}, PatientID={PATIENT_ID!r}, PatientBirthDate={BIRTH!r},
        StudyDescription={STUDY!r}, AccessionNumber={ACCESSION!r}, StationName={STATION!r}, PatientAge="093Y",
        ReferringPhysicianName={PHYSICIAN!r}, SeriesInstanceUID={UID!r}, instanceUIDs="{UID}.1 {UID}.2").items():
    volume.SetAttribute("DICOM." + keyword, value)
hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), {NAME!r})
hierarchy.SetItemUID(patient, "DICOM", {PATIENT_ID!r})
study = hierarchy.CreateStudyItem(patient, {STUDY!r})
hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), study)
logging.getLogger("plant").error("could not read /data/QUUXBY_ZEBEDEE/IM1")
volume.GetID()
"""
