"""Copies of volumes for the step that comes next: what is kept, what is copied, what is given up."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from AgentBridgeLib.errors import UndoUnavailableError
from AgentBridgeLib.host.adapter import SlicerHost
from AgentBridgeLib.host.event_loop import QtEventLoop
from AgentBridgeLib.host.volume_copies import VolumeCopy


def an_image(value, shape=(3, 4, 5)):
    image = vtk.vtkImageData()
    image.SetDimensions(*reversed(shape))
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = value
    return image


def values(node):
    return set(vtk_to_numpy(node.GetImageData().GetPointData().GetScalars()).tolist())


def address(node):
    return node.GetImageData().GetPointData().GetScalars().GetVoidPointer(0)


@pytest.fixture
def node():
    slicer.mrmlScene.Clear(0)
    made = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "volume")
    made.SetSpacing(1, 2, 3)
    made.SetAndObserveImageData(an_image(1))
    yield made
    slicer.mrmlScene.Clear(0)


def test_voxels_that_were_replaced_are_kept_without_a_copy(node):
    """house: a copy would cost more than the upload."""
    where = address(node)
    copy = VolumeCopy(node)
    node.SetAndObserveImageData(an_image(2, (6, 6, 6)))
    node.SetSpacing(4, 4, 4)
    assert copy.settle(node) == ""
    assert copy.memory_bytes >= 3 * 4 * 5 * 2
    copy.put_back(node)
    assert (values(node), node.GetSpacing(), address(node)) == ({1}, (1, 2, 3), where)


def test_voxels_that_stayed_are_not_kept_and_remain_as_they_are(node):
    """house: undo of a renaming leaves alone what somebody has painted since."""
    copy = VolumeCopy(node)
    node.SetName("other")
    assert copy.settle(node) == ""
    assert copy.memory_bytes < 3 * 4 * 5 * 2 + 2048
    node.SetAndObserveImageData(an_image(3))
    copy.check(node)
    copy.put_back(node)
    assert (node.GetName(), values(node)) == ("volume", {3})


def a_view(node):
    return vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())


def another_image(node):
    """Hold the voxels as another node does that shares the image."""
    image = vtk.vtkImageData()
    image.ShallowCopy(node.GetImageData())
    return image


@pytest.mark.parametrize("hold", [a_view, another_image])
def test_replaced_voxels_that_somebody_else_holds_are_copied(node, hold):
    """house: what can still be written to is no state to go back to."""
    copy, held = VolumeCopy(node), hold(node)
    node.SetAndObserveImageData(an_image(2))
    assert copy.settle(node) == ""
    array = held if isinstance(held, np.ndarray) else vtk_to_numpy(held.GetPointData().GetScalars())
    array[:] = 9
    copy.put_back(node)
    assert values(node) == {1}


@pytest.mark.parametrize("is_kept", [True, False])
def test_numpy_memory_that_python_code_still_holds_is_copied(node, is_kept):
    """house: `numpy_to_vtk` without a copy leaves the memory to its caller."""
    memory = np.ones((3, 4, 5), np.int16)
    node.GetImageData().GetPointData().SetScalars(numpy_to_vtk(memory.reshape(-1), deep=0))
    where = address(node)
    if not is_kept:
        del memory
    copy = VolumeCopy(node)
    node.SetAndObserveImageData(an_image(2))
    assert copy.settle(node) == ""
    if is_kept:
        memory[:] = 9
    copy.put_back(node)
    assert values(node) == {1}
    assert (address(node) == where) is not is_kept


def test_voxels_that_were_written_in_place_are_given_up_and_said_so(node):
    """house: an undo that would not be exact is refused."""
    copy = VolumeCopy(node)
    scalars = node.GetImageData().GetPointData().GetScalars()
    vtk_to_numpy(scalars)[:] = 5
    scalars.Modified()
    assert "in place" in copy.settle(node)


def test_put_back_is_refused_when_the_volume_is_gone_or_on_another_grid(node):
    """house: refused before anything is changed."""
    copy = VolumeCopy(node)
    copy.settle(node)
    with pytest.raises(UndoUnavailableError, match="no longer there"):
        copy.check(None)
    node.SetAndObserveImageData(an_image(1, (9, 9, 9)))
    with pytest.raises(UndoUnavailableError, match="another grid"):
        copy.check(node)


@pytest.fixture
def copier(node):
    loop = QtEventLoop()
    host = SlicerHost(loop)
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(0)
    slicer.mrmlScene.AddNode(display)
    node.SetAndObserveDisplayNodeID(display.GetID())
    yield host.copier
    host.close()
    loop.close()


def shown(node):
    """What the display node of a volume shows."""
    return vtk_to_numpy(node.GetDisplayNode().GetInputImageData().GetPointData().GetScalars()).tolist()


def test_copies_of_display_nodes_do_not_hold_the_voxels(copier, node):
    """slicer: vtkMRMLVolumeDisplayNode::CopyContent copies the connection to the image."""
    copy = copier.copy_before_step([node.GetID()], 1 << 30)
    assert node.GetDisplayNode().GetID() in {part.node_id for part in copy.parts}
    watched = vtk.vtkWeakReference()
    watched.Set(node.GetImageData())
    node.SetAndObserveImageData(an_image(2))
    assert watched.Get() is None


@pytest.mark.parametrize("is_deleted", [False, True])
def test_display_shows_the_voxels_of_the_volume_after_a_restore(copier, node, is_deleted):
    """house: not those at the time of the copy."""
    copy = copier.copy_scene() if is_deleted else copier.copy_nodes([node.GetDisplayNode().GetID()], 1 << 30)
    node.GetDisplayNode().SetWindowLevel(7, 7)
    if is_deleted:
        slicer.mrmlScene.RemoveNode(node.GetDisplayNode())
    else:
        node.SetAndObserveImageData(an_image(2))
    copier.restore(copy)
    assert node.GetDisplayNode().GetWindow() != 7
    assert set(shown(node)) == values(node) == ({1} if is_deleted else {2})
