from pathlib import Path

import numpy as np
import pytest
import slicer

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import OperationFailedError, RevisionConflictError
from AgentBridgeLib.operations.common import child_process
from AgentBridgeLib.operations.volumes import denoising
from AgentBridgeLib.operations.volumes.workers import median


def denoise(context, node, **arguments):
    return denoising.denoise(context, denoising.DenoiseArguments(volume_id=node.GetID(), **arguments))


class FakeProcess:
    """A child that a test moves."""

    def __init__(self, runner):
        self.exit_code = None
        self.errors = ""
        self.is_killed = False
        self._runner = runner

    def kill(self):
        self.is_killed = self.is_killed or self.exit_code is None


class FakeRunner:
    """Starts children that a test moves."""

    def run_python(self, script, arguments, on_line, on_end):
        self.script, self.arguments, self.on_line, self.on_end = script, arguments, on_line, on_end
        self.child = FakeProcess(self)
        return self.child

    def end(self, exit_code):
        self.child.exit_code = exit_code
        self.on_end()


@pytest.fixture
def runner(host):
    host.processes.close()
    host.processes = FakeRunner()
    host.processes.close = lambda: None
    return host.processes


def to_suspension(steps):
    for step in steps:
        if isinstance(step, Suspend):
            return step
    raise AssertionError("it did not wait")


def windowed_median(array, radius):
    """Median of windows that are cut off at the border, the upper of two middle values."""
    result = np.empty_like(array)
    for index in np.ndindex(array.shape):
        window = array[tuple(slice(max(0, at - radius), at + radius + 1) for at in index)]
        values = np.sort(window, axis=None)
        result[index] = values[values.size // 2]
    return result


@pytest.mark.parametrize("radius", [1, 2])
def test_worker_gives_the_median_of_each_window(tmp_path, radius, capsys):
    """slicer: vtkImageMedian3D, in slabs."""
    array = np.random.default_rng(5).integers(0, 5000, (11, 9, 8)).astype(np.int16)
    np.save(tmp_path / "in.npy", array)
    assert median.main([str(tmp_path / "in.npy"), str(tmp_path / "out.npy"), str(radius)]) == 0
    result = np.load(tmp_path / "out.npy")
    assert result.dtype == np.int16
    inner = (slice(radius, -radius),) * 3
    assert np.array_equal(result[inner], windowed_median(array, radius)[inner])
    assert capsys.readouterr().out.splitlines()[-1] == "<filter-progress>1.0000</filter-progress>"


def test_progress_of_the_child_is_passed_on_and_its_result_becomes_a_volume(
    context, runner, run, a_volume, oblique
):
    """issue:#2."""
    steps = denoise(context, a_volume, radius_voxels=2, name="quiet")
    suspension = to_suspension(steps)
    woken = []
    suspension.arm(lambda: woken.append(1))
    runner.on_line("<filter-progress>0.25</filter-progress>")
    assert woken == [1]
    step = next(steps)
    assert isinstance(step, Progress)
    assert step.fraction == 0.25
    assert runner.arguments[2] == "2"
    assert Path(runner.script).name == "median.py"
    median.main(list(runner.arguments))
    suspension = to_suspension(steps)
    runner.end(0)
    suspension.arm(lambda: woken.append(2))
    assert woken == [1, 2]
    made = run(steps)
    node = slicer.mrmlScene.GetNodeByID(made.id)
    assert (made.name, made.scalar_type) == ("quiet", "int16")
    assert np.array_equal(slicer.util.arrayFromVolume(node), np.load(runner.arguments[1]))


def test_cancel_kills_the_child(context, runner, a_volume, scene):
    """issue:#2."""
    before = scene.GetNumberOfNodes()
    steps = denoise(context, a_volume)
    to_suspension(steps)
    steps.close()
    assert runner.child.is_killed
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize(("code", "words"), [(1, "exit code 1"), (-9, "killed or crashed")])
def test_child_that_fails_makes_nothing(context, runner, run, a_volume, scene, code, words):
    """issue:#2."""
    before = scene.GetNumberOfNodes()
    steps = denoise(context, a_volume)
    to_suspension(steps)
    runner.end(code)
    with pytest.raises(OperationFailedError, match=words):
        run(steps)
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", bytes(100)])
def test_child_that_lies_about_its_success_makes_nothing(context, runner, run, a_volume, content):
    """house."""
    steps = denoise(context, a_volume)
    to_suspension(steps)
    Path(runner.arguments[1]).write_bytes(content)
    runner.end(0)
    with pytest.raises(OperationFailedError, match="no complete result"):
        run(steps)


def test_input_that_changed_meanwhile_makes_nothing(context, runner, run, a_volume):
    """house."""
    steps = denoise(context, a_volume)
    to_suspension(steps)
    median.main(list(runner.arguments))
    a_volume.SetSpacing(1, 1, 1)
    runner.end(0)
    with pytest.raises(RevisionConflictError):
        run(steps)


def test_real_child_works_beside_slicer(context, a_volume):
    """issue:#2: a job in a process, with Slicer's own interpreter."""
    steps = denoise(context, a_volume, radius_voxels=1)
    made, fractions = None, []
    while made is None:
        try:
            step = next(steps)
        except StopIteration as end:
            made = end.value
            break
        if isinstance(step, Suspend):
            woken = []
            step.arm(lambda woken=woken: woken.append(1))
            for _ in range(10_000):
                if woken:
                    break
                slicer.app.processEvents()
                context.host.processes._running and context.host.processes._running[
                    0
                ]._process.waitForReadyRead(10)
        else:
            fractions.append(step.fraction)
    array = slicer.util.arrayFromVolume(slicer.mrmlScene.GetNodeByID(made.id))
    source = slicer.util.arrayFromVolume(a_volume)
    inner = (slice(1, -1),) * 3
    assert np.array_equal(array[inner], windowed_median(source, 1)[inner])


def test_news_that_come_before_anybody_waits_are_not_lost():
    """house."""
    watch = child_process._Watch()
    watch.on_line("<filter-progress>0.5</filter-progress>")
    woken = []
    watch.arm(lambda: woken.append(1))
    assert woken == [1]
