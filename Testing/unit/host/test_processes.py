"""Child processes: lines, ends, errors, kills."""

from __future__ import annotations

import sys
import time

import pytest
import qt

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.host import processes
from AgentBridgeLib.host.processes import MOST_LINE_BYTES, LineSplitter, SlicerProcesses


@pytest.fixture
def runner():
    runner = SlicerProcesses()
    yield runner
    runner.close()


class Run:
    """A script that was started, and what came of it."""

    def __init__(self, runner, tmp_path, source, arguments=()):
        script = tmp_path / "script.py"
        script.write_text(source)
        self.lines = []
        self.ends = []
        self.process = runner.run_python(str(script), arguments, self.lines.append, self._on_end)

    def _on_end(self):
        self.ends.append(list(self.lines))

    def wait(self, condition=None):
        """Turn the event loop until the process ended, or until a condition holds; at most 20 s."""
        deadline = time.monotonic() + 20
        while not (condition() if condition else self.ends):
            assert time.monotonic() < deadline
            qt.QApplication.instance().processEvents(qt.QEventLoop.WaitForMoreEvents, 100)
        return self


def test_lines_arrive_in_order_and_the_end_once_after_the_last(runner, tmp_path):
    """house: on_end comes once, after the last line; a last line without its end counts."""
    source = "import sys\nfor n in range(1000): print('line', n)\nsys.stdout.write('rest ü')"
    run = Run(runner, tmp_path, source).wait()
    expected = [f"line {number}" for number in range(1000)] + ["rest ü"]
    assert run.ends == [expected]
    assert run.process.exit_code == 0


def test_arguments_arrive_as_they_are(runner, tmp_path):
    """house: no shell in between."""
    run = Run(runner, tmp_path, "import sys; print(sys.argv[1:])", ["a b", "$HOME", "ü*", ""]).wait()
    assert run.lines == ["['a b', '$HOME', 'ü*', '']"]


def test_the_child_has_slicers_packages_and_no_input(runner, tmp_path):
    """slicer: PythonSlicer brings numpy and vtk; input is at its end."""
    run = Run(runner, tmp_path, "import sys, numpy; print(numpy.__name__, repr(sys.stdin.read()))").wait()
    assert run.lines == ["numpy ''"]


def test_exit_code_and_the_last_errors_are_kept(runner, tmp_path):
    """house: at most 8 KiB of standard error."""
    source = (
        "import sys\nprint('x' * 20000, file=sys.stderr)\nprint('the reason', file=sys.stderr)\nsys.exit(3)"
    )
    run = Run(runner, tmp_path, source).wait()
    assert run.process.exit_code == 3
    assert run.process.errors.endswith("the reason\n")
    assert len(run.process.errors) == 8 * 1024


def test_a_killed_child_ends_once_with_a_negative_code(runner, tmp_path):
    """house: kill is safe to repeat."""
    run = Run(runner, tmp_path, "import time; print('up'); time.sleep(100)")
    run.wait(lambda: run.lines)
    run.process.kill()
    run.process.kill()
    run.wait()
    run.process.kill()
    assert run.process.exit_code < 0
    assert run.ends == [["up"]]


def test_callbacks_that_raise_do_not_stop_the_end(runner, tmp_path):
    """house: nothing leaves a slot."""
    ends, lines = [], []

    def fail_first(line):
        lines.append(line)
        if len(lines) == 1:
            raise SystemExit

    script = tmp_path / "s.py"
    script.write_text("print(1); print(2)")
    child = runner.run_python(str(script), [], fail_first, lambda: ends.append(1))
    deadline = time.monotonic() + 20
    while not ends:
        assert time.monotonic() < deadline
        qt.QApplication.instance().processEvents(qt.QEventLoop.WaitForMoreEvents, 100)
    assert ends == [1]
    assert lines == ["1", "2"]
    assert child.exit_code == 0


def test_closing_ends_children(runner, tmp_path):
    """house: nothing outlives the bridge."""
    run = Run(runner, tmp_path, "import time; time.sleep(100)")
    runner.close()
    assert run.process.exit_code < 0
    assert run.ends == [[]]


def test_without_a_python_executable_pythonslicer_is_looked_for(monkeypatch, tmp_path):
    """slicer: sys.executable is empty there; its launcher puts PythonSlicer on the path, which lies in bin."""
    program = tmp_path / "PythonSlicer"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for executable in ("", None, "/opt/slicer/bin/SlicerApp-real"):
        monkeypatch.setattr(sys, "executable", executable)
        assert processes.find_python() == str(program)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FeatureMissingError, match="PythonSlicer"):
        processes.find_python()


def test_an_interpreter_that_does_not_start_is_reported(runner, monkeypatch, tmp_path):
    """house: host.feature_missing, and nothing is left running."""
    program = tmp_path / "python3"
    program.write_bytes(b"no program")
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(FeatureMissingError, match="did not start"):
        runner.run_python("x.py", [], print, print)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_are_whole_however_the_bytes_are_cut(size):
    """house: pieces end anywhere, within a letter too."""
    text = "eins\r\nzwei ü€\n\nlast"
    data = text.encode()
    splitter = LineSplitter()
    lines = [
        line for start in range(0, len(data), size) for line in splitter.feed(data[start : start + size])
    ]
    assert lines + splitter.finish() == ["eins", "zwei ü€", "", "last"]
    assert splitter.finish() == []


def test_an_endless_line_is_cut_and_the_next_one_is_whole():
    """house: a child must not fill Slicer's memory."""
    splitter = LineSplitter()
    for _ in range(20):
        assert splitter.feed(b"x" * 100_000) == []
    first, second = splitter.feed(b"y\nnext\n")
    assert first == "x" * MOST_LINE_BYTES
    assert second == "next"
