# ruff: noqa: ARG002, N803 - written as Slicer modules are
"""A double of the extension TotalSegmentator: no network, no model; it follows the API of the extension's logic.

Followed: `TotalSegmentatorLogic` of github.com/lassoan/SlicerTotalSegmentator (May 2026): `tasks`,
`totalSegmentatorLabelTerminology`, `getSupportedQualityModesForTask`, `isMultiLabelSupportedForTask`,
`executableName`, `readSegmentation`, `readSegmentationFolder`. What its program computes is a threshold: `program.py`.
"""

import os
from pathlib import Path

import slicer
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)


class TotalSegmentator(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Total Segmentator (double)"
        parent.categories = ["Segmentation"]


class TotalSegmentatorWidget(ScriptedLoadableModuleWidget):
    """The panel, where `slicer.util.getModuleLogic` finds the logic."""

    def setup(self):
        """Make the logic."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = TotalSegmentatorLogic()


class TotalSegmentatorLogic(ScriptedLoadableModuleLogic):
    """The names that the bridge uses."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        qualities = ["normal", "fast", "faster"]
        self.tasks = {
            "total": {"title": "total", "qualityModes": qualities, "supportsMultiLabel": True},
            "body": {"title": "body", "qualityModes": ["normal", "fast"]},
        }
        liver = "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~~^^~^^"
        self.totalSegmentatorLabelTerminology = {"liver": liver, "spleen": ""}

    def getSupportedQualityModesForTask(self, task):
        """Give the qualities of a task."""
        return self.tasks.get(task, {}).get("qualityModes", ["normal"])

    def isMultiLabelSupportedForTask(self, task):
        """Tell whether the program writes one file with all labels."""
        return bool(self.tasks.get(task, {}).get("supportsMultiLabel"))

    @staticmethod
    def executableName(name):
        """Give the file name of a program."""
        return name + ".exe" if os.name == "nt" else name

    def readSegmentation(self, outputSegmentation, outputSegmentationFile, task):
        """Read the file with all labels; liver is 1, spleen is 2."""
        labels = slicer.util.loadLabelVolume(outputSegmentationFile)
        slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, outputSegmentation)
        slicer.mrmlScene.RemoveNode(labels)
        segmentation = outputSegmentation.GetSegmentation()
        for number, name in enumerate(("liver", "spleen")):
            segment = segmentation.GetNthSegment(number)
            if segment is not None:
                segment.SetName(name)
                text = self.totalSegmentatorLabelTerminology[name]
                segment.SetTag(segment.GetTerminologyEntryTagName(), text)

    def readSegmentationFolder(self, outputSegmentation, output_segmentation_dir, task, subset=None):
        """Read one file for each structure."""
        for path in sorted(Path(output_segmentation_dir).glob("*.nii.gz")):
            labels = slicer.util.loadLabelVolume(str(path))
            slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, outputSegmentation)
            slicer.mrmlScene.RemoveNode(labels)
            segmentation = outputSegmentation.GetSegmentation()
            segmentation.GetNthSegment(segmentation.GetNumberOfSegments() - 1).SetName(
                path.name.split(".")[0]
            )
