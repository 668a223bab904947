"""Copies of volumes that share the voxels, for the step that comes next.

A call that replaces the voxels of a volume puts a new image in the place of the old one. The old one need not be
copied to be kept: nobody has it any more. A call that leaves the voxels alone needs no copy of them at all.

Laws of this file:

* When the step has ended, `settle` looks at what became of each array. Those that left the node are kept, and copied
  only if somebody else still holds them and might write. Those still on the node are not kept: undo leaves them as
  they are then, whoever has changed them since. Those that were written in place are lost, and `settle` says so.
* Whoever holds an array is counted: references in VTK, references to its Python object (NumPy views hold it), and
  references to the NumPy memory that it was made of.
"""

from __future__ import annotations

import sys
from typing import Any

from AgentBridgeLib.errors import UndoUnavailableError
from AgentBridgeLib.host.memory import available_memory_bytes
from AgentBridgeLib.host.node_copies import FIXED_BYTES, copy_rest, data_arrays, data_bytes

_OWN_REFERENCES = 2  # of VTK: the copy's image, and the Python object


class VolumeCopy:
    """A copy of one volume node as it was at one revision.

    Parameters
    ----------
    node
        Volume node of a scene, with an image; not kept.
    """

    disk_bytes = 0

    def __init__(self, node: Any) -> None:
        self.node_id: str = node.GetID()
        self.class_name: str = node.GetClassName()
        self.memory_bytes = FIXED_BYTES
        self.node = node.NewInstance()
        _take_over(self.node, node)
        self.node.SetAndObserveImageData(_shallow(node.GetImageData()))
        self._dimensions: tuple[int, int, int] = node.GetImageData().GetDimensions()
        self._times = [array.GetMTime() for array in data_arrays(self.node)]
        self._has_voxels = False

    def settle(self, node: Any | None) -> str:
        """Decide what to keep, after the step; gives why the voxels cannot be brought back, or nothing.

        Parameters
        ----------
        node
            The node as the step left it; None when it is gone.
        """
        arrays = list(data_arrays(self.node))
        if [array.GetMTime() for array in arrays] != self._times:
            self.node.SetAndObserveImageData(None)
            return "it wrote into the voxels of a large volume in place"
        left = [] if node is None else list(data_arrays(node))
        if arrays == left:
            self.node.SetAndObserveImageData(None)
            return ""
        if any(_is_held_elsewhere(arrays, index) for index in range(len(arrays))):
            available = available_memory_bytes()
            if available is not None and data_bytes(self.node) > available:
                self.node.SetAndObserveImageData(None)
                return "somebody still uses the voxels that it replaced, and memory is too short for a copy"
            deep = self.node.GetImageData().NewInstance()
            deep.DeepCopy(self.node.GetImageData())
            self.node.SetAndObserveImageData(deep)
        self._has_voxels = True
        self.memory_bytes = FIXED_BYTES + data_bytes(self.node)
        return ""

    def is_equal(self, node: Any, revision: int) -> bool:  # noqa: ARG002 - as `NodeCopy`
        """Whether nothing has to be put back; not looked at."""
        return False

    def check(self, node: Any | None) -> None:
        """Refuse before anything is changed.

        Raises
        ------
        UndoUnavailableError
            The node is gone, or has voxels on another grid since.
        """
        if node is None or node.GetClassName() != self.class_name:
            raise UndoUnavailableError(
                "The volume that the last step changed is no longer there: it was removed since. Checkpoints can be "
                "restored."
            )
        image = node.GetImageData()
        if not self._has_voxels and (image is None or image.GetDimensions() != self._dimensions):
            raise UndoUnavailableError(
                "The volume that the last step changed has got voxels on another grid since. Checkpoints can be "
                "restored."
            )

    def put_back(self, node: Any) -> None:
        """Make a node what it was. The voxels are handed over: this copy and the node share them afterwards."""
        if not self._has_voxels:
            self.node.SetAndObserveImageData(node.GetImageData())
        was_modifying = node.StartModify()
        try:
            _take_over(node, self.node)
        finally:
            node.EndModify(was_modifying)

    def move_to_disk(self, folder: str) -> int:  # noqa: ARG002 - as `NodeCopy`
        """Keep all in memory: these copies are the first to go."""
        return 0

    def drop(self) -> None:
        """Let the voxels go, at once.

        VTK keeps what belongs to the Python object of an array, such as its NumPy memory, until some later time if
        that object goes before the array.
        """
        arrays = list(data_arrays(self.node))
        self.node.SetAndObserveImageData(None)
        arrays.clear()


def _take_over(node: Any, source: Any) -> None:
    """Do what `vtkMRMLNode::Copy` does, without copying the image."""
    node.CopyContent(source, False)
    copy_rest(node, source)
    node.CopyReferences(source)
    node.SetName(source.GetName())
    node.SetHideFromEditors(source.GetHideFromEditors())
    node.SetAddToScene(source.GetAddToScene())
    node.SetUndoEnabled(source.GetUndoEnabled())


def _shallow(image: Any) -> Any:
    result = image.NewInstance()
    result.ShallowCopy(image)
    return result


def _is_held_elsewhere(arrays: list[Any], index: int) -> bool:
    """Whether anyone but one image and the list has an array, or the NumPy memory that it was made of."""
    if arrays[index].GetReferenceCount() > _OWN_REFERENCES or _references(arrays, index) > _ALONE:
        return True
    memory = _memory_of(arrays[index])
    return any(_references(memory, owner) > _ALONE + 1 for owner in range(len(memory)))


def _memory_of(array: Any) -> list[Any]:
    """Give what owns the memory of an array that `numpy_to_vtk` made without a copy, each held by the one before."""
    owners: list[Any] = []
    owner = getattr(array, "_numpy_reference", None)  # set by `numpy_to_vtk`
    while owner is not None:
        owners.append(owner)
        owner = getattr(owner, "obj", None) if isinstance(owner, memoryview) else getattr(owner, "base", None)
    return owners


def _references(objects: list[Any], index: int) -> int:
    return sys.getrefcount(objects[index])


_ALONE = _references([object()], 0)  # measured: how references are counted differs between versions of Python
