"""The embedded host, started once for all tests of the adapter; each test begins with an empty scene."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import pytest

import EmbeddedSlicer
from EmbeddedSlicer import startup

if TYPE_CHECKING:
    from collections.abc import Callable

if startup.host.application is None:
    # Before test modules import `AgentBridgeLib.host`, which imports `slicer` and `qt`.
    EmbeddedSlicer.start(web_server=False)

import slicer
import vtk


class ManualLoop:
    """An event loop whose turns a test makes."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self.time = 0.0

    def now(self) -> float:
        """The time that the test set."""
        return self.time

    def call_later(self, _delay_s: float, callback: Callable[[], None]) -> ManualLoop:
        """Note the call for the next turn."""
        self._calls.append(callback)
        return self

    def cancel(self) -> None:
        """Forget all calls."""
        self._calls.clear()

    def turn(self) -> int:
        """Make the noted calls; says how many there were."""
        for _ in range(count := len(self._calls)):
            self._calls.popleft()()
        return count


@pytest.fixture
def scene():
    """Slicer's scene, without what earlier tests left."""
    slicer.mrmlScene.Clear(0)
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def loop():
    """A loop that turns when told."""
    return ManualLoop()


@pytest.fixture
def host_scene(scene, loop):
    """The adapter's scene."""
    from AgentBridgeLib.host.scene import SlicerScene

    adapter = SlicerScene(loop)
    yield adapter
    adapter.close()


def ijk_to_ras():
    """A rotated, anisotropic, off-origin geometry (4x4, mm)."""
    angle = np.radians(25)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]],
    ) @ np.array([[1, 0, 0], [0, np.cos(0.3), -np.sin(0.3)], [0, np.sin(0.3), np.cos(0.3)]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag([0.8, 1.1, 2.5])
    matrix[:3, 3] = (-31.0, 12.5, 77.0)
    return matrix


@pytest.fixture
def a_volume(scene):
    """A scalar volume of 20 x 24 x 16 voxels with a bright ball, rotated, anisotropic and off the origin."""
    k, j, i = np.mgrid[0:16, 0:24, 0:20]
    ball = ((i - 10) ** 2 + (j - 12) ** 2 + (2 * (k - 8)) ** 2 < 36) * 900 + i * 3 + j
    node = slicer.util.addVolumeFromArray(ball.astype(np.int16), ijk_to_ras(), "ball")
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def a_model(scene):
    """A sphere of 20 mm around (30, -10, 50)."""
    source = vtk.vtkSphereSource()
    source.SetRadius(20)
    source.SetCenter(30, -10, 50)
    source.Update()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", "sphere")
    node.SetAndObserveMesh(source.GetOutput())
    node.CreateDefaultDisplayNodes()
    return node
