import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from AgentBridgeLib.dispatch.checkpoints import CheckpointLimits, Checkpoints
from AgentBridgeLib.errors import StorageFailedError
from AgentBridgeLib.host.adapter import SlicerHost
from AgentBridgeLib.host.event_loop import QtEventLoop

OBLIQUE = np.array([[0.8, -0.3, 0.2, -31], [0.4, 1.0, 0.1, 12], [0.1, 0.2, -2.5, 77], [0, 0, 0, 1]])


@pytest.fixture
def host():
    slicer.mrmlScene.Clear(0)
    loop = QtEventLoop()
    made = SlicerHost(loop)
    yield made
    made.close()
    loop.close()
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def copier(host):
    return host.copier


@pytest.fixture
def full_scene(host):
    """A left-handed oblique volume under a transform, a segmentation, markups, a mesh, a table; some in a folder."""
    scene = slicer.mrmlScene
    voxels = np.random.default_rng(3).normal(size=(9, 30, 40)).astype(np.float32)
    voxels[0, 0, 0] = np.nan
    volume = slicer.util.addVolumeFromArray(voxels, OBLIQUE, "volume")
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "turn")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 12.5)
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "parts")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segmentation.GetSegmentation().AddEmptySegment("one", "One", (0.2, 0.4, 0.6))
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        (voxels > 0.5).astype(np.uint8), segmentation, "one", volume
    )
    line = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "line")
    line.AddControlPoint((1, 2, 3), "from")
    line.AddControlPoint((4, 6, 3), "to")
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    model = slicer.modules.models.logic().AddModel(sphere.GetOutput())
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "table")
    column = vtk.vtkDoubleArray()
    column.SetName("length")
    column.InsertNextValue(2.5)
    table.AddColumn(column)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "baseline")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(line), folder)
    return {node.GetName(): node.GetID() for node in (volume, transform, segmentation, line, model, table)}


def picture_of(scene):
    """Everything that counts, as values."""
    found = {}
    for index in range(scene.GetNumberOfNodes()):
        node = scene.GetNthNode(index)
        if node.GetSingletonTag() or not node.GetSaveWithScene() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            continue
        found[node.GetID()] = (node.GetName(), node.GetClassName(), references(node), content(node))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    lines = scene.GetNodesByClass("vtkMRMLMarkupsLineNode")
    lines.UnRegister(None)
    places = {
        line.GetID(): hierarchy.GetItemName(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(line)))
        for line in (lines.GetItemAsObject(index) for index in range(lines.GetNumberOfItems()))
    }
    return found, places


def references(node):
    return sorted(
        (
            node.GetNthNodeReferenceRole(role),
            node.GetNthNodeReferenceID(node.GetNthNodeReferenceRole(role), index),
        )
        for role in range(node.GetNumberOfNodeReferenceRoles())
        for index in range(node.GetNumberOfNodeReferences(node.GetNthNodeReferenceRole(role)))
    )


def content(node):
    if node.IsA("vtkMRMLVolumeNode"):
        return slicer.util.arrayFromVolume(node).tobytes(), slicer.util.arrayFromVolume(node).dtype.str
    if node.IsA("vtkMRMLSegmentationNode"):
        segment = node.GetSegmentation().GetSegment("one")
        labels = slicer.util.arrayFromSegmentBinaryLabelmap(node, "one") if segment else None
        return None if labels is None else (labels.tobytes(), segment.GetName(), segment.GetColor())
    if node.IsA("vtkMRMLMarkupsNode"):
        points = range(node.GetNumberOfControlPoints())
        return [(node.GetNthControlPointPosition(n), node.GetNthControlPointLabel(n)) for n in points]
    if node.IsA("vtkMRMLTransformNode"):
        return slicer.util.arrayFromTransformMatrix(node).tolist()
    if node.IsA("vtkMRMLModelNode"):
        return slicer.util.arrayFromModelPoints(node).tobytes()
    if node.IsA("vtkMRMLTableNode"):
        return [node.GetCellText(row, 0) for row in range(node.GetNumberOfRows())]
    return None


def test_deleted_nodes_come_back_as_they_were_under_their_ids(copier, full_scene):
    """issue:#3: voxels, segments, transforms, markups; restore is exact."""
    scene = slicer.mrmlScene
    before = picture_of(scene)
    copy = copier.copy_scene()
    for node_id in full_scene.values():
        scene.RemoveNode(scene.GetNodeByID(node_id))
    assert picture_of(scene) != before
    copier.restore(copy)
    assert picture_of(scene) == before


def test_cleared_scene_comes_back_and_views_survive(copier, full_scene):
    """issue:#3: views survive."""
    scene = slicer.mrmlScene
    before = picture_of(scene)
    slice_node = scene.GetNodeByID("vtkMRMLSliceNodeRed")
    composite = scene.GetNodeByID("vtkMRMLSliceCompositeNodeRed")
    composite.SetBackgroundVolumeID(full_scene["volume"])
    copy = copier.copy_scene()
    scene.Clear(0)
    copier.restore(copy)
    assert picture_of(scene) == before
    assert scene.GetNodeByID("vtkMRMLSliceNodeRed") is slice_node
    assert composite.GetBackgroundVolumeID() == full_scene["volume"]


def test_changes_in_place_are_taken_back_even_unannounced_ones(copier, full_scene):
    """slicer: NumPy views of voxels change without any event."""
    scene = slicer.mrmlScene
    before = picture_of(scene)
    copy = copier.copy_scene()
    volume = scene.GetNodeByID(full_scene["volume"])
    slicer.util.arrayFromVolume(volume)[3, 2, 1] = 1234
    line = scene.GetNodeByID(full_scene["line"])
    line.SetNthControlPointPosition(0, 9, 9, 9)
    scene.GetNodeByID(full_scene["turn"]).SetMatrixTransformToParent(vtk.vtkMatrix4x4())
    scene.GetNodeByID(full_scene["parts"]).GetSegmentation().RemoveSegment("one")
    scene.AddNewNodeByClass("vtkMRMLTextNode", "new")
    volume.SetAndObserveTransformNodeID(None)
    copier.restore(copy)
    assert picture_of(scene) == before
    assert scene.GetNodeByID(full_scene["volume"]) is volume
    assert volume.GetParentTransformNode().GetID() == full_scene["turn"]


def test_restored_transform_is_observed_again(copier, full_scene):
    """slicer: references are resolved and observed only after the referenced node is there."""
    scene = slicer.mrmlScene
    copy = copier.copy_scene()
    scene.RemoveNode(scene.GetNodeByID(full_scene["turn"]))
    copier.restore(copy)
    volume = scene.GetNodeByID(full_scene["volume"])
    told = []
    tag = volume.AddObserver(
        slicer.vtkMRMLTransformableNode.TransformModifiedEvent, lambda *_: told.append(1)
    )
    scene.GetNodeByID(full_scene["turn"]).SetMatrixTransformToParent(vtk.vtkMatrix4x4())
    volume.RemoveObserver(tag)
    assert told


def test_second_copy_shares_what_did_not_change(copier, full_scene):
    """issue:#3: within budget."""
    first = copier.copy_scene()
    slicer.mrmlScene.GetNodeByID(full_scene["line"]).SetNthControlPointPosition(0, 9, 9, 9)
    second = copier.copy_scene(first)
    changed = {part.node_id for part in second.parts if part not in first.parts}
    assert full_scene["line"] in changed
    assert full_scene["volume"] not in changed
    assert full_scene["parts"] not in changed


def test_copy_moved_to_disk_takes_no_memory_and_restores_exactly(copier, host, tmp_path):
    """issue:#3: memory then disk budget."""
    voxels = np.random.default_rng(4).integers(-999, 999, (40, 50, 60), dtype=np.int16)
    volume = slicer.util.addVolumeFromArray(voxels, OBLIQUE, "large")
    copy = copier.copy_scene()
    freed = sum(part.move_to_disk(str(tmp_path)) for part in copy.parts)
    assert freed == voxels.nbytes
    assert sum(part.disk_bytes for part in copy.parts) == voxels.nbytes
    slicer.mrmlScene.RemoveNode(volume)
    copier.restore(copy)
    found = slicer.mrmlScene.GetFirstNodeByName("large")
    assert np.array_equal(slicer.util.arrayFromVolume(found), voxels)
    assert list(tmp_path.iterdir()) == []


def test_copy_whose_file_was_cut_is_refused_and_the_scene_stays(copier, host, tmp_path):
    """house: a failed change leaves things as they were."""
    slicer.util.addVolumeFromArray(np.ones((40, 50, 60), np.int16), OBLIQUE, "large")
    copy = copier.copy_scene()
    for part in copy.parts:
        part.move_to_disk(str(tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "new")
    with pytest.raises(StorageFailedError, match="read back"):
        copier.restore(copy)
    assert slicer.mrmlScene.GetFirstNodeByName("new") is not None


def test_some_nodes_are_copied_only_below_the_limit(copier, full_scene):
    """issue:#3: never slowing non-destructive calls."""
    volume_id = full_scene["volume"]
    assert copier.copy_nodes([volume_id], 9 * 30 * 40 * 4 - 1) is None
    copy = copier.copy_nodes([volume_id], 9 * 30 * 40 * 4)
    assert volume_id in {part.node_id for part in copy.parts}
    volume = slicer.mrmlScene.GetNodeByID(volume_id)
    volume.SetName("other")
    added = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "stays")
    copier.restore(copy)
    assert volume.GetName() == "volume"
    assert slicer.mrmlScene.IsNodePresent(added)


def test_folder_that_was_deleted_is_made_again(copier, full_scene):
    """issue:#3."""
    scene = slicer.mrmlScene
    before = picture_of(scene)
    copy = copier.copy_scene()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(scene.GetNodeByID(full_scene["line"]))
    folder = hierarchy.GetItemParent(item)
    hierarchy.SetItemParent(item, hierarchy.GetSceneItemID())
    hierarchy.RemoveItem(folder, False, False)
    copier.restore(copy)
    assert picture_of(scene) == before


@pytest.mark.parametrize("direction", ["ToParent", "FromParent"])
def test_grid_of_a_transform_counts_and_comes_back_from_disk(copier, host, tmp_path, direction):
    """issue:#3: memory then disk budget; restore is exact."""
    vectors = np.random.default_rng(2).normal(size=(20, 21, 22, 3))
    image = vtk.vtkImageData()
    image.SetDimensions(22, 21, 20)
    image.GetPointData().SetScalars(numpy_to_vtk(vectors.reshape(-1, 3), deep=1))
    grid = slicer.vtkOrientedGridTransform()
    grid.SetDisplacementGridData(image)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "warp")
    getattr(node, f"SetAndObserveTransform{direction}")(grid)
    before = [grid.TransformPoint(place) for place in ((3.2, 4.1, 5.7), (11, 12, 13))]
    assert copier.content_bytes() >= vectors.nbytes
    copy = copier.copy_scene()
    assert sum(part.memory_bytes for part in copy.parts) >= vectors.nbytes
    assert sum(part.move_to_disk(str(tmp_path)) for part in copy.parts) == vectors.nbytes
    getattr(node, f"SetAndObserveTransform{direction}")(slicer.vtkOrientedGridTransform())
    copier.restore(copy)
    back = getattr(node, f"GetTransform{direction}As")("vtkOrientedGridTransform")
    assert [back.TransformPoint(place) for place in ((3.2, 4.1, 5.7), (11, 12, 13))] == before


@pytest.mark.parametrize("way", ["in place", "deleted", "step"])
def test_place_of_a_volume_comes_back_to_the_last_bit(copier, host, way):
    """slicer: vtkMRMLVolumeNode::CopyContent goes through a matrix, which rounds."""
    random = np.random.default_rng(8)
    volumes = []
    for _ in range(30):
        axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
        matrix = np.eye(4)
        matrix[:3] = np.c_[axes @ np.diag(random.uniform(0.3, 5, 3)), random.normal(size=3) * 100]
        volumes.append(slicer.util.addVolumeFromArray(np.zeros((64, 64, 160), np.uint16), matrix))
    ids = [volume.GetID() for volume in volumes]
    before = [place_of(volume) for volume in volumes]
    copy = copier.copy_before_step(ids, 1 << 30) if way == "step" else copier.copy_scene()
    for volume in volumes:
        volume.SetSpacing(1, 1, 1)
    if way == "step":
        assert copier.settle(copy) == ""
    elif way == "deleted":
        for volume in volumes:
            slicer.mrmlScene.RemoveNode(volume)
    copier.restore(copy)
    assert [place_of(slicer.mrmlScene.GetNodeByID(node_id)) for node_id in ids] == before


def place_of(volume):
    axes = np.zeros((3, 3)).tolist()
    volume.GetIJKToRASDirections(axes)
    return volume.GetSpacing(), volume.GetOrigin(), axes


@pytest.fixture
def browsed(host):
    """A browser that shows item 1 of a sequence of texts: sequence, browser and the node that shows it."""
    scene = slicer.mrmlScene
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "texts")
    text = scene.AddNewNodeByClass("vtkMRMLTextNode")
    for number in range(3):
        text.SetText(str(number))
        sequence.SetDataNodeAtValue(text, str(number))
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.SetSelectedItemNumber(1)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    return sequence, browser, browser.GetProxyNode(sequence)


@pytest.mark.parametrize("way", ["step", "scene"])
def test_browser_shows_the_item_of_before_again(copier, browsed, way):
    """issue:#3 - undo of sequences.browse, which names the sequence only."""
    sequence, browser, shown = browsed
    copy = copier.copy_before_step([sequence.GetID()], 1 << 30) if way == "step" else copier.copy_scene()
    browser.SetSelectedItemNumber(2)
    assert shown.GetText() == "2"
    copier.restore(copy)
    assert (browser.GetSelectedItemNumber(), shown.GetText()) == (1, "1")
    assert browser.GetMasterSequenceNode() is sequence
    assert browser.GetProxyNode(sequence) is shown


def test_nodes_that_show_items_go_and_come_with_their_browser(copier, browsed, host):
    """slicer: a browser makes a node anew at once when the one that shows an item is removed."""
    _, browser, shown = browsed
    ids = [node.GetID() for node in (browser, shown)]
    with_browser = copier.copy_scene()
    before = picture_of(slicer.mrmlScene)
    copier.remove_nodes(ids, with_browser)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTextNode") == 1
    without_browser = copier.copy_scene()
    copier.restore(with_browser)
    assert picture_of(slicer.mrmlScene) == before
    copier.restore(without_browser)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 0
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTextNode") == 1


def test_views_show_what_they_showed_before_a_node_came_and_went(copier, full_scene, host):
    """issue:#3 - undo of files.load: the reader puts the new volume into the views."""
    composite = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(full_scene["volume"])
    copy = copier.copy_before_step([], 1 << 30)
    added = slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), np.int16))
    composite.SetBackgroundVolumeID(added.GetID())
    copier.restore(copy)
    copier.remove_nodes([added.GetID()], copy)
    assert composite.GetBackgroundVolumeID() == full_scene["volume"]
    composite.SetBackgroundVolumeID(None)
    copier.remove_nodes([], copy)
    assert composite.GetBackgroundVolumeID() is None


@pytest.mark.parametrize("is_deleted", [False, True], ids=["in place", "deleted"])
def test_what_slicers_copy_leaves_out_comes_back_too(copier, full_scene, is_deleted):
    """slicer: `vtkMRMLDisplayNode` and `vtkMRMLMarkupsNode` copy all but this."""
    scene = slicer.mrmlScene
    line = scene.GetNodeByID(full_scene["line"])
    model = next(scene.GetNodeByID(one) for name, one in full_scene.items() if name.startswith("Model"))
    display, display_id = model.GetDisplayNode(), model.GetDisplayNodeID()
    display.SetRepresentation(display.WireframeRepresentation)
    display.SetEdgeVisibility(True)
    display.SetLineWidth(3)
    line.SetLastUsedControlPointNumber(7)
    copy = copier.copy_scene()
    if is_deleted:
        scene.RemoveNode(line)
        scene.RemoveNode(display)
    else:
        display.SetRepresentation(display.SurfaceRepresentation)
        display.SetEdgeVisibility(False)
        display.SetLineWidth(1)
        line.SetNthControlPointPosition(0, 9, 9, 9)
        line.SetLastUsedControlPointNumber(1)
    copier.restore(copy)
    display, line = scene.GetNodeByID(display_id), scene.GetNodeByID(full_scene["line"])
    drawn = (display.GetRepresentation(), display.GetEdgeVisibility(), display.GetLineWidth())
    assert drawn == (display.WireframeRepresentation, True, 3)
    assert line.GetLastUsedControlPointNumber() == 7


@pytest.mark.parametrize("is_deleted", [False, True], ids=["in place", "deleted"])
def test_hidden_segments_come_back_hidden(copier, full_scene, is_deleted):
    """slicer: the display node forgets it when segments come anew."""
    scene = slicer.mrmlScene
    node = scene.GetNodeByID(full_scene["parts"])
    node.GetSegmentation().AddEmptySegment("two", "Two")
    node.GetDisplayNode().SetSegmentVisibility("two", False)
    copy = copier.copy_scene()
    if is_deleted:
        scene.RemoveNode(node)
    else:
        node.GetSegmentation().GetSegment("one").SetName("other")
    copier.restore(copy)
    display = scene.GetNodeByID(full_scene["parts"]).GetDisplayNode()
    assert [bool(display.GetSegmentVisibility(one)) for one in ("one", "two")] == [True, False]


def test_oldest_checkpoint_on_disk_is_restored_although_it_makes_room_for_the_state_before(host, tmp_path):
    """issue:#3 - restore is exact, also of the one that goes."""
    limits = CheckpointLimits(memory_bytes=100_000, automatic_count=2)
    store = Checkpoints(host.copier, host.scene, lambda: str(tmp_path), lambda: 0.0, limits)
    volume = slicer.util.addVolumeFromArray((np.arange(80_000) % 251).astype(np.uint8).reshape(2, 200, 200))
    oldest = store.create("oldest", is_automatic=True)
    for value in (1, 2):
        slicer.util.arrayFromVolume(volume)[:] = value
        slicer.util.arrayFromVolumeModified(volume)
        if value == 1:
            store.create("newer", is_automatic=True)
    assert list(tmp_path.iterdir()), "the oldest was not moved to disk"
    store.restore(oldest.id)
    assert np.array_equal(
        slicer.util.arrayFromVolume(volume).ravel(), (np.arange(80_000) % 251).astype(np.uint8)
    )
