"""The event loop under the transport, on a Qt loop that holds the interpreter lock."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def a_run():
    """Let the probe run once."""
    script = Path(__file__).parent / "event_loop_probe.py"
    return subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True
    )


@pytest.fixture(scope="module")
def seen(a_run):
    """Give what the probe saw."""
    return json.loads(a_run.stdout)


def test_calls_run_in_the_order_of_their_time_and_new_ones_in_a_later_turn(seen):
    """house: one persistent timer with a queue."""
    assert seen["order"] == ["first", "second", "third", "a later turn", "soon", "late"]


def test_a_callback_that_raises_system_exit_is_logged_and_nothing_ends(a_run, seen):
    """slicer: `SystemExit` in a slot ends Slicer."""
    assert seen["after a fault"] == ["still here"]
    assert "SystemExit: 7" in a_run.stderr
    assert "AgentBridge incident" in a_run.stderr


def test_canceled_calls_do_not_pile_up(seen):
    """slicer: `singleShot` keeps every call alive."""
    assert seen["queue after 5000 canceled calls"] < 600


def test_a_nested_loop_never_enters_a_callback_that_is_on_the_stack(seen):
    """slicer: unread data re-enters the same notifier; seen 10 deep. The timer goes on meanwhile."""
    assert seen["nested"] == ["enter", "leave"]


def test_a_watch_pauses_resumes_and_closes_from_its_own_callback(seen):
    """house: ports.Watch."""
    assert seen["paused after one"] == ["a"]
    assert seen["resumed"] == ["b", "writable"]
