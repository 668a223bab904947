import pytest

from AgentBridgeLib.dispatch.checkpoints import CheckpointLimits, Checkpoints
from AgentBridgeLib.errors import CheckpointUnknownError, OutOfMemoryError, UndoUnavailableError
from AgentBridgeLib.registry.operation import Mark, Route
from doubles.memory_host import MemoryCopier, MemoryScene


def a_mark(name="nodes.delete", *, destructive=True, read_only=False, capability="scene.delete"):
    route = Route("POST", "/x")
    return Mark(name, capability, route, read_only, destructive, False, "inline", False, False, "scene", 200)


@pytest.fixture
def scene():
    return MemoryScene()


@pytest.fixture
def make_store(scene, tmp_path):
    def make(**limits):
        return Checkpoints(
            MemoryCopier(scene), scene, lambda: str(tmp_path), lambda: 0.0, CheckpointLimits(**limits)
        )

    return make


def add(scene, node_id, size=0):
    node = scene.add(node_id)
    node.attributes["bytes"] = size
    return node


def test_restore_brings_back_and_is_itself_undoable(scene, make_store):
    """issue:#3: restore is exact and itself undoable."""
    store = make_store()
    add(scene, "a")
    first = store.create("first")
    add(scene, "b")
    del scene.nodes["a"]
    before = store.restore(first.id)
    assert list(scene.nodes) == ["a"]
    store.restore(before.id)
    assert list(scene.nodes) == ["b"]


def test_unknown_checkpoint_is_refused(make_store):
    """issue:#3."""
    with pytest.raises(CheckpointUnknownError, match="cp9"):
        make_store().restore("cp9")


def test_memory_budget_moves_the_oldest_to_disk(scene, make_store):
    """issue:#3: memory then disk budget."""
    store = make_store(memory_bytes=150, disk_bytes=1000)
    add(scene, "a", 100)
    first, second = store.create("first"), store.create("second")
    assert [part.memory_bytes for part in first.copy.parts] == [0]
    assert [part.memory_bytes for part in second.copy.parts] == [100]
    assert (store.memory_bytes, store.disk_bytes) == (100, 100)


def test_automatic_ones_make_room_and_requested_ones_stay(scene, make_store):
    """issue:#3: within budget."""
    store = make_store(memory_bytes=100, disk_bytes=200)
    add(scene, "a", 100)
    kept = store.create("mine")
    store.create("one", is_automatic=True)
    newest = store.create("two", is_automatic=True)
    store.create("three", is_automatic=True)
    assert kept.id in [checkpoint.id for checkpoint in store]
    assert len(store) == 3
    assert newest.id in [checkpoint.id for checkpoint in store]


def test_scene_larger_than_both_budgets_is_refused_before_it_is_copied(scene, make_store):
    """issue:#3."""
    store = make_store(memory_bytes=10, disk_bytes=10)
    add(scene, "a", 100)
    with pytest.raises(OutOfMemoryError):
        store.create("too large")
    assert len(store) == 0


def test_step_before_a_destructive_call_keeps_the_whole_scene(scene, make_store):
    """issue:#3: made automatically before every destructive step."""
    store = make_store()
    add(scene, "a")
    add(scene, "b")
    step = store.begin_step(a_mark(), ["scene.delete"], ["a"])
    scene.forget_node(scene.nodes["a"])
    store.end_step(step, [])
    assert [checkpoint.is_automatic for checkpoint in store] == [True]
    undone, _ = store.undo()
    assert undone.operation == "nodes.delete"
    assert set(scene.nodes) == {"a", "b"}


@pytest.mark.parametrize(
    "mark", [a_mark(destructive=False, read_only=True), a_mark("dicom.delete", capability="dicom.write")]
)
def test_calls_that_leave_the_scene_alone_cost_nothing(make_store, mark):
    """issue:#3: never slowing non-destructive calls."""
    assert make_store().begin_step(mark, [mark.capability], []) is None


def test_undo_of_an_edit_restores_its_nodes_and_removes_what_it_added(scene, make_store):
    """issue:#3: undo of the last agent step."""
    store = make_store()
    add(scene, "a").attributes["color"] = "red"
    mark = a_mark("nodes.update", destructive=False, capability="scene.edit")
    step = store.begin_step(mark, ["scene.edit"], ["a"])
    scene.nodes["a"].attributes["color"] = "blue"
    scene.touch("a")
    scene.add("b")
    store.end_step(step, ["b"])
    assert len(store) == 0
    _, before = store.undo()
    assert scene.nodes["a"].attributes["color"] == "red"
    assert set(scene.nodes) == {"a"}
    store.restore(before.id)
    assert set(scene.nodes) == {"a", "b"}


def test_edit_of_something_large_is_not_slowed_and_says_so_on_undo(scene, make_store):
    """issue:#3."""
    store = make_store(small_bytes=10)
    add(scene, "a", 11)
    mark = a_mark("nodes.update", destructive=False, capability="scene.edit")
    step = store.begin_step(mark, ["scene.edit"], ["a"])
    scene.touch("a")
    assert "takes more than" in store.end_step(step, [])
    with pytest.raises(UndoUnavailableError, match=r"nodes\.update.*takes more than"):
        store.undo()


def an_edit(scene, store, node_id):
    """Change a node as an edit does; gives why it cannot be undone."""
    step = store.begin_step(
        a_mark("nodes.update", destructive=False, capability="scene.edit"), ["scene.edit"], [node_id]
    )
    scene.nodes[node_id].attributes["edits"] = scene.nodes[node_id].attributes.get("edits", 0) + 1
    scene.touch(node_id)
    return store.end_step(step, [])


def test_what_steps_keep_is_bounded_and_the_oldest_goes_first(scene, make_store):
    """issue:#3: memory budget."""
    store = make_store(step_bytes=250)
    add(scene, "a", 100)
    for _ in range(3):
        assert an_edit(scene, store, "a") == ""
    assert store.memory_bytes == 200
    assert [store.undo()[0].problem for _ in range(2)] == ["it was undone"] * 2
    assert scene.nodes["a"].attributes["edits"] == 1
    with pytest.raises(UndoUnavailableError, match="make room for later steps"):
        store.undo()


def test_newest_step_may_keep_more_than_all_together_but_not_more_than_the_memory(scene, make_store):
    """issue:#3: memory budget; undo of the last agent step."""
    store = make_store(step_bytes=50, memory_bytes=150)
    add(scene, "a", 100)
    assert an_edit(scene, store, "a") == ""
    scene.nodes["a"].attributes["bytes"] = 200
    assert "too much memory" in an_edit(scene, store, "a")
    assert store.memory_bytes == 0


def test_checkpoints_move_to_disk_for_what_a_step_keeps(scene, make_store):
    """issue:#3: memory then disk budget."""
    store = make_store(memory_bytes=150, disk_bytes=1000)
    add(scene, "a", 100)
    store.create("mine")
    an_edit(scene, store, "a")
    assert (store.memory_bytes, store.disk_bytes) == (100, 100)


def test_step_keeps_nothing_where_checkpoints_leave_no_room(scene, make_store):
    """house: the budget holds; the call itself goes on."""
    store = make_store(memory_bytes=150, disk_bytes=0)
    add(scene, "a", 100)
    store.create("mine")
    assert "no room" in an_edit(scene, store, "a")
    assert store.memory_bytes == 100


def test_step_that_wrote_in_place_says_so(scene, make_store):
    """house: an undo that would not be exact is refused."""
    store = make_store()
    add(scene, "a").attributes["written"] = True
    assert an_edit(scene, store, "a") == "written in place"
    with pytest.raises(UndoUnavailableError, match="written in place"):
        store.undo()


def test_undo_that_fails_leaves_the_step_and_no_checkpoint(scene, make_store, monkeypatch):
    """house: a failed change leaves things as they were."""
    store = make_store()
    add(scene, "a")
    an_edit(scene, store, "a")

    def refuse(_self, _copy):
        raise UndoUnavailableError("it is gone")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryCopier, "restore", refuse)
        with pytest.raises(UndoUnavailableError, match="gone"):
            store.undo()
    assert len(store) == 0
    store.undo()
    assert scene.nodes["a"].attributes.get("edits") is None


def test_destructive_step_without_room_for_its_checkpoint_says_so(scene, make_store):
    """house: the call itself goes on."""
    store = make_store(memory_bytes=10, disk_bytes=10)
    add(scene, "a", 100)
    step = store.begin_step(a_mark(), ["scene.delete"], ["a"])
    scene.forget_node(scene.nodes["a"])
    assert "did not fit" in store.end_step(step, [])


def test_failed_or_ineffective_step_leaves_no_checkpoint(scene, make_store):
    """house: a failed change leaves things as they were."""
    store = make_store()
    store.drop_step(store.begin_step(a_mark(), ["scene.delete"], []))
    store.end_step(store.begin_step(a_mark(), ["scene.delete"], []), [])
    assert len(store) == 0
    with pytest.raises(UndoUnavailableError):
        store.undo()


def test_requested_checkpoints_have_a_limit(scene, make_store):
    """house: every list is bounded."""
    store = make_store(requested_count=2)
    store.create("one")
    store.create("two")
    with pytest.raises(OutOfMemoryError):
        store.create("three")
