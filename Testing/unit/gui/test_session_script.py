"""The script of a session, as text; that it runs is shown over a real window."""

from __future__ import annotations

import pytest

from AgentBridgeLib.dispatch.journal import SentBytes, Step
from AgentBridgeLib.gui.session_script import script
from AgentBridgeLib.registry.operation import Route


def lines(*steps, route=None):
    text = script(steps, lambda _name: route)
    compile(text, "session.py", "exec")
    return text.partition("FILES = find_files()")[2].strip().splitlines()


def deleted(node_id, checkpoint_id):
    return Step("nodes.delete", {"node_id": node_id}, is_read_only=False, checkpoint_id=checkpoint_id)


def restored(checkpoint_id):
    return Step("checkpoints.restore", {"checkpoint_id": checkpoint_id}, is_read_only=False)


def test_checkpoint_that_was_made_by_itself_is_found_by_its_step():
    """issue:#4: its number is another in another session"""
    assert lines(deleted("a", "cp1"), deleted("b", "cp2"), restored("cp2")) == [
        "step_1 = run('nodes.delete', node_id='a')",
        "step_2 = run('nodes.delete', node_id='b')",
        "step_2_before = checkpoint_before('nodes.delete')",
        "step_3 = run('checkpoints.restore', checkpoint_id=step_2_before)",
    ]


def test_checkpoint_that_a_call_gave_is_found_in_its_answer():
    """issue:#4"""
    made = Step("checkpoints.create", {}, is_read_only=False, made={"cp7": ("checkpoint", "id")})
    undone = Step("scene.undo", {}, is_read_only=False, made={"cp9": ("redo_checkpoint_id",)})
    assert lines(made, undone, restored("cp7"), restored("cp9"))[2:] == [
        "step_3 = run('checkpoints.restore', checkpoint_id=step_1['checkpoint']['id'])",
        "step_4 = run('checkpoints.restore', checkpoint_id=step_2['redo_checkpoint_id'])",
    ]


def test_checkpoint_of_before_the_session_ends_the_script_there():
    """issue:#4: better than restoring whatever has that number"""
    (line,) = lines(restored("cp3"))
    assert line.startswith("sys.exit('checkpoints.restore: the checkpoint was made before")


def test_bytes_are_named_by_size_and_digest():
    """issue:#4"""
    step = Step("volumes.create", {"name": "x"}, is_read_only=False, sent=SentBytes(5, "ab12"))
    assert lines(step, route=Route("POST", "/volumes")) == [
        "step_1 = send('step_1', 'POST', '/volumes', name='x')"
    ]
    assert "'step_1': ('volumes.create', 5, 'ab12')" in script(
        [step], lambda _name: Route("POST", "/volumes")
    )


def test_operation_that_is_gone_ends_the_script_there():
    """house: an extension was removed meanwhile"""
    step = Step("other.upload", {}, is_read_only=False, sent=SentBytes(5, "ab12"))
    assert lines(step)[0].startswith("sys.exit(")


@pytest.mark.parametrize("steps", [[], [Step("nodes.list", {}, is_read_only=True)]])
def test_session_that_changed_nothing_says_so(steps):
    """house"""
    assert lines(*steps) == ["# Nothing was changed in this session."]
