import pytest
from pydantic import ValidationError

from AgentBridgeLib.errors import ArgumentInvalidError, NodeNotFoundError, NodeTypeError
from AgentBridgeLib.operations.scene import deletion, nodes


def listed(context, **arguments):
    return nodes.list_nodes(context, nodes.ListArguments.model_validate(arguments))


def names(page):
    return [item.name for item in page.items]


def get(context, node_id):
    return nodes.get_node(context, nodes.NodeArguments(node_id=node_id))


def update(context, node, **arguments):
    return nodes.update_node(context, nodes.UpdateArguments(node_id=node.GetID(), **arguments))


@pytest.fixture
def some_nodes(scene):
    made = {
        "line": scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Length A"),
        "points": scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Points b"),
        "model": scene.AddNewNodeByClass("vtkMRMLModelNode", "Liver"),
        "transform": scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift"),
    }
    for node in made.values():
        node.SetAttribute("Made", "here")
    made["model"].SetAttribute("Role", "organ")
    made["line"].SetAttribute("Role", "measure")
    return made


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (
            {"class": "vtkMRMLTransformableNode", "attribute": "Made"},
            ["Length A", "Points b", "Liver", "Shift"],
        ),
        ({"class": "vtkMRMLMarkupsNode"}, ["Length A", "Points b"]),
        ({"class": "vtkMRMLNothing"}, []),
        ({"name": "l", "attribute": "Made"}, ["Length A", "Liver"]),
        ({"name": "L*"}, ["Length A", "Liver"]),
        ({"name": "*b"}, ["Points b"]),
        ({"attribute": "Role"}, ["Length A", "Liver"]),
        ({"attribute": "Role=organ"}, ["Liver"]),
        ({"attribute": "Role=organ", "class": "vtkMRMLMarkupsNode"}, []),
    ],
)
def test_filters_are_combined(context, some_nodes, filters, expected):
    """issue:#2."""
    page = listed(context, **filters)
    assert names(page) == expected
    assert page.total == len(expected)


def test_hidden_nodes_come_only_when_asked_for(context, some_nodes):
    """house."""
    assert not any(item.is_hidden for item in listed(context).items)
    assert listed(context, hidden=True).total > listed(context).total


def test_list_follows_every_change_of_the_scene(context, some_nodes, scene):
    """house: nothing stale is answered."""
    listed(context)
    some_nodes["model"].SetName("Spleen")
    assert "Spleen" in names(listed(context))
    scene.RemoveNode(some_nodes["model"])
    assert "Spleen" not in names(listed(context))
    scene.AddNewNodeByClass("vtkMRMLTextNode", "note")
    assert "note" in names(listed(context))


def test_cursor_goes_on_after_its_node_when_earlier_ones_vanish(context, some_nodes, scene):
    """house."""
    first = listed(context, limit=2, attribute="Made")
    scene.RemoveNode(some_nodes["line"])
    assert names(listed(context, limit=2, attribute="Made", cursor=first.next_cursor)) == ["Liver", "Shift"]


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0", "", "ÿ", "W1tb" * 40, "bnVsbA"])
def test_bad_cursor_is_refused(context, some_nodes, cursor):
    """issue:#2."""
    with pytest.raises(ArgumentInvalidError, match="cursor"):
        listed(context, cursor=cursor)


def test_cursor_of_other_filters_is_refused(context, some_nodes):
    """house."""
    cursor = listed(context, limit=1).next_cursor
    with pytest.raises(ArgumentInvalidError, match="other filters"):
        listed(context, limit=1, cursor=cursor, name="l")


def test_page_of_a_large_scene_is_read_without_walking_over_it(context, scene, host):
    """issue:#2: 10,000 nodes, counted in calls rather than in time."""
    for number in range(300):
        scene.AddNewNodeByClass("vtkMRMLTextNode", f"t{number}")
    query = {"limit": 100, "class": "vtkMRMLTextNode"}
    first = listed(context, **query)
    walked = []
    genuine = host.scene.scene

    class Counting:
        def __getattr__(self, name):
            walked.append(name)
            return getattr(genuine, name)

    host.scene._scene = Counting()
    try:
        second = listed(context, **query, cursor=first.next_cursor)
    finally:
        host.scene._scene = genuine
    assert names(second) == [f"t{number}" for number in range(100, 200)]
    assert sorted(walked) == [*["GetNodeByID"] * 100, "GetSubjectHierarchyNode"]


def test_node_is_described_by_its_kind(context, some_nodes, a_volume, scene):
    """issue:#2."""
    assert get(context, a_volume.GetID()).details.model_dump() == {
        "kind": "volume",
        "dimensions_ijk": (20, 24, 16),
        "spacing_mm": pytest.approx((0.8, 1.1, 2.5)),
        "scalar_type": "int16",
        "component_count": 1,
        "is_labelmap": False,
    }
    assert get(context, some_nodes["line"].GetID()).details.type == "line"
    assert get(context, some_nodes["transform"].GetID()).details.matrix_to_parent_ras[0] == (1, 0, 0, 0)
    assert get(context, some_nodes["model"].GetID()).details.kind == "model"
    kinds = {
        "vtkMRMLSegmentationNode": "segmentation",
        "vtkMRMLTableNode": "table",
        "vtkMRMLTextNode": "text",
        "vtkMRMLScriptedModuleNode": "other",
        "vtkMRMLGridTransformNode": "transform",
        "vtkMRMLLabelMapVolumeNode": "volume",
    }
    for class_name, kind in kinds.items():
        node = scene.AddNewNodeByClass(class_name)
        assert get(context, node.GetID()).details.kind == kind


def test_every_node_of_the_scene_can_be_described_without_changing_it(context, some_nodes, a_volume):
    """house: hidden ones too."""
    a_volume.CreateDefaultDisplayNodes()
    some_nodes["line"].SetAndObserveTransformNodeID(some_nodes["transform"].GetID())
    revision = context.host.scene.revision
    for item in listed(context, hidden=True, limit=1000).items:
        assert get(context, item.id).id == item.id
    assert context.host.scene.revision == revision


def test_description_names_references_attributes_storage_and_provenance(context, some_nodes, tmp_path):
    """issue:#2."""
    line, transform = some_nodes["line"], some_nodes["transform"]
    line.SetAndObserveTransformNodeID(transform.GetID())
    line.CreateDefaultDisplayNodes()
    line.AddDefaultStorageNode()
    line.GetStorageNode().SetFileName(str(tmp_path / "line.mrk.json"))
    line.SetAttribute("long", "x" * 5000)
    context.mark_made([line])
    seen = get(context, line.GetID())
    assert seen.parent_transform_id == transform.GetID()
    assert seen.references["transform"] == (transform.GetID(),)
    assert seen.display.id in seen.references["display"]
    assert seen.storage.file_name == str(tmp_path / "line.mrk.json")
    assert seen.provenance.model_dump() == {
        "operation": "tested.operation",
        "client": "pytest",
        "time": "2026-07-01T12:00:00Z",
        "job_id": "job7",
    }
    assert len(seen.attributes["long"]) == 1000
    assert seen.node_revision == context.host.scene.node_revision(line.GetID()) > 0


def test_name_is_no_id(context, some_nodes):
    """house: names are labels."""
    with pytest.raises(NodeNotFoundError):
        get(context, "Liver")


def test_update_changes_what_is_given_and_nothing_else(context, some_nodes):
    """issue:#2."""
    model = some_nodes["model"]
    seen = update(context, model, name="Spleen", opacity=0.25, color=(1.0, 0.5, 0.0), attributes={"New": "1"})
    assert (seen.name, seen.display.opacity, seen.display.color) == ("Spleen", 0.25, (1.0, 0.5, 0.0))
    assert seen.attributes == {"Made": "here", "Role": "organ", "New": "1"}
    assert seen.display.visibility
    seen = update(context, model, visibility=False, attributes={"Role": None})
    assert not seen.display.visibility
    assert seen.attributes == {"Made": "here", "New": "1"}
    assert seen.name == "Spleen"


def test_transform_is_applied_and_taken_away_with_null(context, some_nodes):
    """issue:#2."""
    model, transform = some_nodes["model"], some_nodes["transform"]
    assert (
        update(context, model, parent_transform_id=transform.GetID()).parent_transform_id == transform.GetID()
    )
    assert update(context, model, name="x").parent_transform_id == transform.GetID()
    assert update(context, model, parent_transform_id=None).parent_transform_id is None


def test_color_of_a_line_is_the_one_that_is_seen(context, some_nodes):
    """slicer: selected control points, the normal case, have SelectedColor."""
    update(context, some_nodes["line"], color=(0.0, 1.0, 0.0))
    assert some_nodes["line"].GetDisplayNode().GetSelectedColor() == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("key", "change", "error"),
    [
        ("transform", {"parent_transform_id": "self"}, ArgumentInvalidError),
        ("model", {"parent_transform_id": "vtkMRMLLinearTransformNode77"}, NodeNotFoundError),
        ("model", {"parent_transform_id": "line"}, NodeTypeError),
        ("model", {"color": (2.0, 0.0, 0.0)}, ArgumentInvalidError),
        ("model", {"attributes": {"AgentBridge.client": "me"}}, ArgumentInvalidError),
    ],
)
def test_refused_update_changes_nothing(context, some_nodes, key, change, error):
    """issue:#2: a failed change leaves the scene as it was."""
    named = {"self": some_nodes["transform"].GetID(), "line": some_nodes["line"].GetID()}
    change = {
        name: named.get(value, value) if isinstance(value, str) else value for name, value in change.items()
    }
    with pytest.raises(error):
        update(context, some_nodes[key], name="changed", **change)
    assert some_nodes[key].GetName() != "changed"


def test_volume_has_no_visibility_of_its_own(context, a_volume):
    """slicer: a volume is shown by choosing it in a view."""
    with pytest.raises(NodeTypeError, match="view"):
        update(context, a_volume, visibility=True)


def test_transform_cannot_apply_to_its_own_parent(context, some_nodes, scene):
    """slicer: a loop would not end."""
    child = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "child")
    child.SetAndObserveTransformNodeID(some_nodes["transform"].GetID())
    with pytest.raises(ArgumentInvalidError, match="itself"):
        update(context, some_nodes["transform"], parent_transform_id=child.GetID())


def test_deletion_takes_display_and_storage_and_clears_references(context, some_nodes, scene):
    """issue:#2."""
    transform, line = some_nodes["transform"], some_nodes["line"]
    line.SetAndObserveTransformNodeID(transform.GetID())
    line.CreateDefaultDisplayNodes()
    line.AddDefaultStorageNode()
    ids = {line.GetID(), line.GetDisplayNode().GetID(), line.GetStorageNode().GetID()}
    deleted = deletion.delete_node(context, nodes.NodeArguments(node_id=line.GetID()))
    assert set(deleted.deleted_ids) == ids
    assert not any(scene.GetNodeByID(node_id) for node_id in ids)
    model = some_nodes["model"]
    model.SetAndObserveTransformNodeID(transform.GetID())
    deletion.delete_node(context, nodes.NodeArguments(node_id=transform.GetID()))
    assert get(context, model.GetID()).parent_transform_id is None


def test_many_are_deleted_all_or_none(context, some_nodes, scene):
    """issue:#2."""
    ids = tuple(node.GetID() for node in some_nodes.values())
    with pytest.raises(NodeNotFoundError):
        deletion.delete_nodes(context, deletion.DeleteManyArguments(ids=(*ids, "nobody")))
    assert all(scene.GetNodeByID(node_id) for node_id in ids)
    deletion.delete_nodes(context, deletion.DeleteManyArguments(ids=ids))
    assert not any(scene.GetNodeByID(node_id) for node_id in ids)


def test_empty_selection_is_an_error_and_never_everything(context):
    """issue:#2."""
    with pytest.raises(ValidationError):
        deletion.DeleteManyArguments(ids=())


@pytest.mark.parametrize(
    "class_name",
    [
        "vtkMRMLSelectionNode",
        "vtkMRMLInteractionNode",
        "vtkMRMLSubjectHierarchyNode",
        "vtkMRMLLayoutNode",
        "vtkMRMLSliceNode",
        "vtkMRMLSliceCompositeNode",
        "vtkMRMLViewNode",
        "vtkMRMLCameraNode",
        "vtkMRMLColorTableNode",
    ],
)
def test_what_slicer_needs_cannot_be_deleted(context, scene, class_name):
    """slicer: without them it breaks."""
    node = scene.GetFirstNodeByClass(class_name)
    with pytest.raises(NodeTypeError, match="cannot be deleted"):
        deletion.delete_node(context, nodes.NodeArguments(node_id=node.GetID()))
    assert scene.GetNodeByID(node.GetID()) is node


def test_display_node_goes_only_with_its_owner(context, some_nodes):
    """house."""
    line = some_nodes["line"]
    line.CreateDefaultDisplayNodes()
    with pytest.raises(NodeTypeError, match=line.GetID()):
        deletion.delete_node(context, nodes.NodeArguments(node_id=line.GetDisplayNode().GetID()))


def test_node_moves_between_folders_that_are_made_and_is_found_there(context, some_nodes, scene):
    """issue:#3: subject-hierarchy folder."""
    seen = update(context, some_nodes["model"], folder="Case 1/Organs")
    assert seen.folder == "Case 1/Organs"
    assert update(context, some_nodes["line"], folder="Case 1").folder == "Case 1"
    assert names(listed(context, folder="Case 1")) == ["Length A", "Liver"]
    assert names(listed(context, folder="Case 1/Organs")) == ["Liver"]
    assert names(listed(context, folder="Organs")) == []
    update(context, some_nodes["points"], folder="Case 1/Organs")
    hierarchy = scene.GetSubjectHierarchyNode()
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(some_nodes["points"])) == (
        hierarchy.GetItemParent(hierarchy.GetItemByDataNode(some_nodes["model"]))
    )
    assert update(context, some_nodes["model"], folder=None).folder is None
    assert update(context, some_nodes["points"], name="P").folder == "Case 1/Organs"


def test_folder_stays_within_the_study_of_the_node(context, some_nodes, scene):
    """issue:#3: data are never taken away from their patient."""
    hierarchy = scene.GetSubjectHierarchyNode()
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe")
    study = hierarchy.CreateStudyItem(patient, "CT")
    item = hierarchy.GetItemByDataNode(some_nodes["model"])
    hierarchy.SetItemParent(item, study)
    for folder in ("Organs", "Organs/Left", None):
        assert update(context, some_nodes["model"], folder=folder).folder == folder
        assert hierarchy.GetItemAncestorAtLevel(item, "Study") == study
    assert hierarchy.GetItemParent(item) == study


@pytest.mark.parametrize("folder", ["", "/Case", "Case/", "Case//1", "Case\n"])
def test_path_of_a_folder_has_names(folder):
    """house."""
    with pytest.raises(ValidationError):
        nodes.UpdateArguments(node_id="x", folder=folder)


def test_node_that_slicer_shows_nowhere_has_no_folder(context, some_nodes):
    """house: a refused update changes nothing."""
    view = context.host.scene.scene.GetFirstNodeByClass("vtkMRMLSliceNode")
    with pytest.raises(NodeTypeError):
        update(context, view, folder="Case", attributes={"New": "1"})
    assert view.GetAttribute("New") is None


def test_copy_of_a_node_brings_back_its_folder(context, some_nodes, scene):
    """issue:#3: undo of the last agent step."""
    update(context, some_nodes["model"], folder="Case 1")
    copy = context.host.copier.copy_nodes([some_nodes["model"].GetID()], 1 << 20)
    update(context, some_nodes["model"], folder="Case 2/Deep", name="Moved")
    context.host.copier.restore(copy)
    seen = get(context, some_nodes["model"].GetID())
    assert (seen.folder, seen.name) == ("Case 1", "Liver")
    assert names(listed(context, folder="Case 2")) == []
    hierarchy = scene.GetSubjectHierarchyNode()
    assert hierarchy.GetItemByName("Case 2") == 0


def test_list_tells_folder_and_transform_of_each_node(context, some_nodes, scene):
    """issue:#3: no call for every node is needed to know where things lie."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "T")
    update(context, some_nodes["model"], folder="Case 1/Organs", parent_transform_id=transform.GetID())
    update(context, some_nodes["line"], folder="Case 1")
    found = {item.id: item for item in listed(context, hidden=True, limit=1000).items}
    told = {
        key: (found[node.GetID()].folder, found[node.GetID()].parent_transform_id)
        for key, node in some_nodes.items()
    }
    assert told["model"] == ("Case 1/Organs", transform.GetID())
    assert told["line"] == ("Case 1", None)
    assert told["points"] == (None, None)
    update(context, some_nodes["model"], folder=None, parent_transform_id=None)
    (item,) = listed(context, name="Liver").items
    assert (item.folder, item.parent_transform_id) == (None, None)


@pytest.mark.parametrize("hidden", [False, True])
def test_list_tells_what_the_description_of_each_node_tells(context, some_nodes, scene, hidden):
    """house: views, cameras and hidden nodes are in no folder, in a scene of every kind of node."""
    update(context, some_nodes["points"], folder="Case 1")
    for item in listed(context, hidden=hidden, limit=1000).items:
        described = nodes.get_node(context, nodes.NodeArguments(node_id=item.id))
        assert (item.folder, item.parent_transform_id) == (described.folder, described.parent_transform_id), (
            item
        )


def test_slashes_around_a_folder_do_not_matter(context, some_nodes):
    """house."""
    update(context, some_nodes["model"], folder="Case 1/Organs")
    assert names(listed(context, folder="/Case 1/Organs/")) == ["Liver"]
    assert names(listed(context, folder="case 1")) == []


def test_a_name_that_is_taken_for_an_id_is_told_whose_it_is(context, some_nodes, scene):
    """house: people write the name that they see."""
    with pytest.raises(
        NodeNotFoundError, match=f"It is the name of {some_nodes['model'].GetID()}: give the id"
    ):
        get(context, "Liver")
    for _ in range(4):
        scene.AddNewNodeByClass("vtkMRMLTextNode", "Same")
    with pytest.raises(NodeNotFoundError, match="and 1 more: give the id"):
        get(context, "Same")
    with pytest.raises(NodeNotFoundError, match="Ids look like"):
        get(context, "Spleen")


def test_a_word_that_is_no_class_is_refused_with_the_classes_meant(context, some_nodes, a_volume):
    """house: an empty list would say that there are no volumes."""
    with pytest.raises(
        ArgumentInvalidError, match=r"begin with vtkMRML.* are: vtkMRMLScalarVolumeNode"
    ) as caught:
        listed(context, **{"class": "Volume"})
    assert caught.value.errors[0].pointer == "/class"


def test_deleting_a_transform_tells_what_moves_with_it(context, some_nodes, scene):
    """house: nodes under it lie elsewhere from then on."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "T")
    for key in ("model", "line"):
        update(context, some_nodes[key], parent_transform_id=transform.GetID())
    ids = (transform.GetID(), some_nodes["line"].GetID())
    (warning,) = deletion.delete_nodes(context, deletion.DeleteManyArguments(ids=ids)).warnings
    assert warning.startswith(f"{ids[0]} was applied to {some_nodes['model'].GetID()}: ")
    gone = deletion.delete_node(context, nodes.NodeArguments(node_id=some_nodes["model"].GetID()))
    assert gone.warnings == ()
