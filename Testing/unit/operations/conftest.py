"""Operations called in process, on the embedded host through the shipped adapter, each in an empty scene."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import pytest

import EmbeddedSlicer
from EmbeddedSlicer import startup

if startup.host.application is None:
    # Before `AgentBridgeLib.host` is imported, which imports `slicer` and `qt`.
    EmbeddedSlicer.start(web_server=False)

import slicer

from AgentBridgeLib.dispatch.context import Caller, OperationContext
from AgentBridgeLib.host.adapter import SlicerHost
from AgentBridgeLib.host.event_loop import QtEventLoop


@pytest.fixture
def scene():
    """Slicer's scene, without what earlier tests left."""
    slicer.mrmlScene.Clear(0)
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def host(scene):
    """Slicer through its ports, as operations get it."""
    loop = QtEventLoop()
    slicer_host = SlicerHost(loop)
    yield slicer_host
    slicer_host.close()
    loop.close()


@pytest.fixture
def context(host, tmp_path):
    """What dispatch hands to an operation."""
    return OperationContext(
        host=host,
        caller=Caller(client="pytest", request_id="r1", door="listener"),
        job_id="job7",
        settings=None,
        catalog=None,
        operation_name="tested.operation",
        started_at="2026-07-01T12:00:00Z",
        work_folder=lambda: tempfile.mkdtemp(dir=tmp_path),
    )


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
def oblique():
    """The geometry of `a_volume`."""
    return ijk_to_ras()


@pytest.fixture
def make_volume(scene, oblique):
    """Add a volume of given voxels (k, j, i), rotated, anisotropic and off the origin."""

    def make(array: Any, name: str = "volume", node_class: str | None = None) -> Any:
        return slicer.util.addVolumeFromArray(np.ascontiguousarray(array), oblique, name, node_class)

    return make


@pytest.fixture
def a_volume(make_volume):
    """A scalar volume of 20 x 24 x 16 voxels (i, j, k) in which every voxel is another int16."""
    k, j, i = np.mgrid[0:16, 0:24, 0:20]
    return make_volume((k * 480 + j * 20 + i - 4000).astype(np.int16), "ramp")


def run(steps: Any) -> Any:
    """Run a stepped operation to its end and give its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture(name="run")
def run_fixture():
    """Run a stepped operation to its end."""
    return run


@pytest.fixture
def run_jobs():
    """Run an operation to its end that waits for the event loop in between."""

    def run_to_end(steps: Any) -> Any:
        import time

        import qt

        from AgentBridgeLib.dispatch.context import Suspend

        deadline = time.monotonic() + 30
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            if isinstance(step, Suspend):
                woken: list[bool] = []
                step.arm(lambda: woken.append(True))  # noqa: B023 - called before the next round
                while not woken:
                    assert time.monotonic() < deadline, "nothing woke the operation"
                    qt.QCoreApplication.processEvents(qt.QEventLoop.WaitForMoreEvents, 100)

    return run_to_end
