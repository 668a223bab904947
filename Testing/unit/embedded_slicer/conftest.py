"""The embedded host, once per pytest process, and child processes for what ends or changes a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import EmbeddedSlicer
from EmbeddedSlicer import startup

if TYPE_CHECKING:
    from collections.abc import Callable

if startup.host.application is None:
    EmbeddedSlicer.start(web_server=False)

import slicer
import vtk

TESTING = Path(__file__).resolve().parents[2]
CHILD_DEADLINE_S = 60.0
PREAMBLE = f"import sys; sys.path.insert(0, {str(TESTING)!r}); import EmbeddedSlicer\n"


@pytest.fixture
def scene():
    """Slicer's scene, empty."""
    slicer.mrmlScene.Clear(0)
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def io_manager(scene):
    """The manager of readers and writers."""
    return slicer.app.coreIOManager()


@pytest.fixture
def a_volume(scene):
    """16-bit voxels of 5 x 6 x 7, rotated, anisotropic and off the origin."""
    ijk_to_ras = np.array([[0, -2.0, 0, 11], [0.5, 0, 0, -7], [0, 0, 3.0, 90], [0, 0, 0, 1]])
    voxels = np.arange(7 * 6 * 5, dtype=np.int16).reshape(7, 6, 5) - 60
    node = slicer.util.addVolumeFromArray(voxels, ijk_to_ras, "volume")
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def a_segmentation(a_volume):
    """One segment, "bright", where the volume is above 0."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "segmentation")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(a_volume)
    node.GetSegmentation().AddEmptySegment("bright", "bright")
    inside = (slicer.util.arrayFromVolume(a_volume) > 0).astype(np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(inside, node, "bright", a_volume)
    return node


@pytest.fixture
def a_model(scene):
    """A sphere of 10 mm around (30, 40, 50)."""
    source = vtk.vtkSphereSource()
    source.SetRadius(10)
    source.SetCenter(30, 40, 50)
    source.Update()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", "sphere")
    node.SetAndObserveMesh(source.GetOutput())
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def run_child() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script that begins with `import EmbeddedSlicer` in a process of its own, to its end."""

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", PREAMBLE + script, *arguments],
            capture_output=True,
            text=True,
            timeout=CHILD_DEADLINE_S,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def start_child():
    """Start such a script and leave it running; it ends with the module's tests."""
    children = []

    def start(script: str, *arguments: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-u", "-c", PREAMBLE + script, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate(timeout=CHILD_DEADLINE_S)
