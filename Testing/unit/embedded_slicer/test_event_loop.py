"""Running and ending: the lock, signals, exit codes, the order of shutting down."""

from __future__ import annotations

import signal
import sys

import pytest

START = "app = EmbeddedSlicer.start(views=False, web_server=False, testing='testing' in sys.argv)\nimport qt, slicer\n"
SOON = "timer = qt.QTimer(); timer.setSingleShot(True); timer.timeout.connect(act); timer.start(0)\n"
END = "print('code', EmbeddedSlicer.run('free' not in sys.argv))\n"


def test_exit_ends_the_loop_with_its_code(run_child):
    """slicer: slicer.app.exit."""
    done = run_child(START + "def act(*_): app.exit(7)\n" + SOON + END)
    assert done.stdout.split() == ["code", "7"], done.stderr


def test_exit_before_the_loop_is_remembered(run_child):
    """slicer: slicer.util.exit in a startup script."""
    done = run_child(START + "app.exit(5)\n" + END)
    assert done.stdout.split() == ["code", "5"], done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("lock", ["held", "free"])
def test_a_signal_ends_an_idle_loop_cleanly(start_child, number, lock):
    """issue:#2: Ctrl-C or SIGTERM ends the host cleanly."""
    script = START + "app.aboutToQuit.connect(lambda: print('quit'))\n"
    script += "def act(*_): print('ready')\n" + SOON + END
    child = start_child(script, lock)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    output, _ = child.communicate(timeout=60)
    assert output.split() == ["quit", "code", "0"]
    assert child.returncode == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C++ function is known for Linux only")
@pytest.mark.parametrize(("lock", "few"), [("held", True), ("free", False)])
def test_a_python_thread_stands_still_while_the_loop_idles_with_the_lock_held(run_child, lock, few):
    """slicer: the interpreter lock is not released while the event loop waits."""
    script = START + (
        "import threading, time\n"
        "ticks = []\n"
        "def tick():\n"
        "    while True:\n"
        "        time.sleep(0.005); ticks.append(1)\n"
        "def act(*_):\n"
        "    before.append(len(ticks)); threading.Thread(target=tick, daemon=True).start(); end.start(700)\n"
        "before, end = [], qt.QTimer()\n"
        "end.timeout.connect(lambda: (print(len(ticks)), app.exit(0)))\n"
    )
    done = run_child(script + SOON + END, lock)
    count = int(done.stdout.split()[0])
    assert (count < 10) is few, done.stdout + done.stderr


def test_shutting_down_has_the_order_of_slicer(run_child):
    """slicer: onAboutToQuit unloads the modules first; the scene goes with the application."""
    script = START + (
        "order = []\n"
        "app.startupCompleted.connect(lambda: order.append('started'))\n"
        "app.moduleManager().moduleAboutToBeUnloaded.connect(order.append)\n"
        "app.aboutToQuit.connect(lambda: order.append(('quit', hasattr(slicer.modules, 'volumes'))))\n"
        "node = slicer.mrmlScene.AddNewNodeByClass('vtkMRMLModelNode')\n"
        "slicer.mrmlScene.AddObserver(slicer.vtkMRMLScene.StartCloseEvent, lambda *_: order.append('cleared'))\n"
        "def act(*_): app.quit()\n"
    )
    done = run_child(script + SOON + END + "print(order)\n")
    order = eval(done.stdout.splitlines()[-1])
    assert order[0] == "started"
    assert order[1] == "SampleData"  # loaded last
    assert order[-2:] == [("quit", False), "cleared"]


def test_startup_completes_once(run_child):
    """slicer: startupCompleted."""
    script = START + (
        "app.startupCompleted.connect(lambda: print('started'))\n"
        "EmbeddedSlicer.finish_startup(); EmbeddedSlicer.finish_startup()\n"
        "def act(*_): app.exit(0)\n"
    )
    assert run_child(script + SOON + END).stdout.split() == ["started", "code", "0"]


@pytest.mark.parametrize(("mode", "code"), [("testing", "1"), ("plain", "0")])
def test_an_exception_in_a_slot_is_printed_and_fails_a_test_run_at_its_end(run_child, mode, code):
    """slicer: a sticky flag makes --testing runs fail at exit."""
    script = START + "def act(*_):\n    app.exit(0)\n    raise ValueError('seen')\n"
    done = run_child(script + SOON + END, mode)
    assert "ValueError: seen" in done.stderr
    assert done.stdout.split() == ["code", code]


def test_a_signal_of_the_application_keeps_going_after_a_failing_slot(run_child):
    """slicer: PythonQt prints the exception; arguments are trimmed to the slot."""
    script = START + (
        "def fails(): raise ValueError('seen')\n"
        "manager = app.moduleManager()\n"
        "manager.moduleLoaded.connect(fails)\n"
        "manager.connect('moduleLoaded(QString)', lambda name: print(name))\n"
        "manager.moduleLoaded.emit('X')\n"
    )
    done = run_child(script)
    assert done.stdout.split() == ["X"]
    assert "ValueError: seen" in done.stderr
