"""Exact copies of single nodes with their data, which can be moved out of memory and back.

`vtkMRMLNode::Copy` copies voxels, meshes, segments, control points and matrices deeply, and references by id. Large
arrays of a copy can be written to a file each and read again; their holder keeps its shape meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from AgentBridgeLib.errors import StorageFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALLEST_MOVED_BYTES = 64 * 1024
_GRIDS: dict[str, Callable[[Any], Any]] = {
    "vtkOrientedGridTransform": lambda transform: transform.GetDisplacementGrid(),
    "vtkOrientedBSplineTransform": lambda transform: transform.GetCoefficientData(),
}
_NOT_COPIED_OF_DISPLAYS = (
    *("Representation", "EdgeVisibility", "EdgeColor", "PointSize", "LineWidth"),
    *("Lighting", "Shading", "FrontfaceCulling", "ActiveAttributeLocation"),
)
"""What `vtkMRMLDisplayNode::CopyContent` forgets."""
FIXED_BYTES = 2048  # what a node takes besides its arrays, roughly


class NodeCopy:
    """A copy of one node as it was at one revision.

    Parameters
    ----------
    node
        Node of a scene; not kept.
    revision
        The node's revision.
    """

    def __init__(self, node: Any, revision: int) -> None:
        self.node_id: str = node.GetID()
        self.class_name: str = node.GetClassName()
        self.revision = revision
        self.node = node.NewInstance()
        self.node.CopyWithScene(node)  # the only way to a node with a given id
        copy_rest(self.node, node)
        self.node.SetScene(None)
        if self.node.IsA("vtkMRMLVolumeDisplayNode"):  # its copy is connected to the live voxels
            self.node.SetInputImageDataConnection(None)
        self._arrays = list(data_arrays(self.node))
        self._moved: dict[int, tuple[Path, int]] = {}
        self.size_bytes = FIXED_BYTES + sum(_bytes_of(array) for array in self._arrays)

    @property
    def memory_bytes(self) -> int:
        """What it takes in memory now."""
        return self.size_bytes - self.disk_bytes

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk now."""
        return sum(path.stat().st_size for path, _ in self._moved.values())

    def is_equal(self, node: Any, revision: int) -> bool:
        """Whether a node is still what was copied.

        The bytes of its arrays are compared: code that writes into NumPy views moves no revision.
        """
        if revision != self.revision or node.GetClassName() != self.class_name:
            return False
        arrays = list(data_arrays(node))
        return len(arrays) == len(self._arrays) and all(
            self._is_equal_array(index, array) for index, array in enumerate(arrays)
        )

    def move_to_disk(self, folder: str) -> int:
        """Write large arrays into files and free their memory; gives the bytes that were freed.

        Raises
        ------
        StorageFailedError
            A file could not be written; what was moved before stays moved.
        """
        freed = 0
        for index, array in enumerate(self._arrays):
            size = _bytes_of(array)
            if index in self._moved or size < SMALLEST_MOVED_BYTES:
                continue
            path = Path(folder) / f"{id(self):x}-{index}.raw"
            try:
                _write_array(array, path)
            except OSError as error:
                path.unlink(missing_ok=True)
                raise StorageFailedError(
                    f"A checkpoint could not be moved to disk: {error.strerror}."
                ) from error
            self._moved[index] = (path, array.GetNumberOfTuples())
            array.SetNumberOfTuples(0)
            array.Squeeze()
            freed += size
        return freed

    def check(self, node: Any | None) -> None:  # noqa: ARG002 - as `VolumeCopy`
        """Read what was moved to disk, so that the copy can be put back.

        Raises
        ------
        StorageFailedError
            A file is gone or cut.
        """
        for index, (path, tuple_count) in list(self._moved.items()):
            array = self._arrays[index]
            try:
                _read_into(array, path, tuple_count)
            except OSError as error:
                array.SetNumberOfTuples(0)
                raise StorageFailedError(
                    f"A checkpoint could not be read back from disk: {error.strerror}."
                ) from error
            path.unlink(missing_ok=True)
            del self._moved[index]

    def put_back(self, node: Any) -> None:
        """Make a node what it was, and say so to those who listen for the class' own events."""
        was_modifying = node.StartModify()
        try:
            node.Copy(self.node)
            if node.IsA("vtkMRMLSequenceBrowserNode"):
                # It forgot its sequences when references to them were renewed.
                node.CopyContent(self.node, True)
            copy_rest(node, self.node)
        finally:
            node.EndModify(was_modifying)

    def settle(self, node: Any | None) -> str:  # noqa: ARG002 - as `VolumeCopy`
        """Nothing is shared with the scene."""
        return ""

    def drop(self) -> None:
        """Remove its files."""
        for path, _ in self._moved.values():
            path.unlink(missing_ok=True)
        self._moved.clear()

    def _is_equal_array(self, index: int, array: Any) -> bool:
        own = self._arrays[index]
        if own.GetClassName() != array.GetClassName() or own.GetName() != array.GetName():
            return False
        values = _raw(array)
        if index in self._moved:
            path, _ = self._moved[index]
            return path.stat().st_size == values.nbytes and bool(
                np.array_equal(np.memmap(path, np.uint8, "r"), values)
            )
        return bool(np.array_equal(_raw(own), values))


def copy_rest(node: Any, source: Any) -> None:
    """Copy what `Copy` leaves out or rounds: place of a volume, way of drawing, number of the last control point."""
    if node.IsA("vtkMRMLVolumeNode"):
        _copy_place(node, source)
    if node.IsA("vtkMRMLDisplayNode"):
        for name in _NOT_COPIED_OF_DISPLAYS:
            getattr(node, f"Set{name}")(getattr(source, f"Get{name}")())
    if node.IsA("vtkMRMLMarkupsNode"):
        node.SetLastUsedControlPointNumber(source.GetLastUsedControlPointNumber())


def _copy_place(node: Any, source: Any) -> None:
    """Give a volume the place of another one to the last bit.

    `vtkMRMLVolumeNode::CopyContent` goes through a matrix, which rounds, and the setters leave alone what differs by
    so little: hence the detour.
    """
    axes = np.zeros((3, 3)).tolist()
    source.GetIJKToRASDirections(axes)
    for detour in (1.0, 0.0):
        node.SetSpacing(*(value + detour for value in source.GetSpacing()))
        node.SetOrigin(*(value + detour for value in source.GetOrigin()))
        node.SetIJKToRASDirections([[value + detour for value in row] for row in axes])


def data_arrays(node: Any) -> Iterator[Any]:
    """Walk over the data arrays of a node, always in the same order, each once."""
    seen: set[str] = set()
    for holder in _data_objects(node):
        for array in _arrays_of(holder):
            address = array.GetAddressAsString("vtkObject")
            if address not in seen:
                seen.add(address)
                yield array


def data_bytes(node: Any) -> int:
    """How many bytes the arrays of a node take."""
    return sum(_bytes_of(array) for array in data_arrays(node))


def _data_objects(node: Any) -> Iterator[Any]:
    if node.IsA("vtkMRMLVolumeNode"):
        yield node.GetImageData()
    elif node.IsA("vtkMRMLModelNode"):
        yield node.GetMesh()
    elif node.IsA("vtkMRMLSegmentationNode"):
        yield from _representations(node.GetSegmentation())
    elif node.IsA("vtkMRMLTransformNode"):
        yield from _grids(node)
    elif node.IsA("vtkMRMLSequenceNode"):
        for index in range(node.GetNumberOfDataNodes()):
            yield from _data_objects(node.GetNthDataNode(index))


def _grids(node: Any) -> Iterator[Any]:
    """Walk over the grids of vectors that a transform is made of; those of one made of several are not found."""
    for read in (node.GetTransformToParentAs, node.GetTransformFromParentAs):
        for class_name, grid_of in _GRIDS.items():
            transform = read(class_name, False)
            if transform is not None:
                yield grid_of(transform)


def _representations(segmentation: Any) -> Iterator[Any]:
    if segmentation is None:
        return
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        names: list[str] = []
        segment.GetContainedRepresentationNames(names)
        for name in sorted(names):
            yield segment.GetRepresentation(name)


def _arrays_of(data: Any) -> Iterator[Any]:
    if data is None:
        return
    if data.IsA("vtkPointSet") and data.GetPoints() is not None:
        yield data.GetPoints().GetData()
    cell_getters = ("GetVerts", "GetLines", "GetPolys", "GetStrips") if data.IsA("vtkPolyData") else ()
    for cells in (getattr(data, name)() for name in cell_getters):
        if cells is not None and cells.GetNumberOfCells():
            yield from filter(_is_plain, (cells.GetOffsetsArray(), cells.GetConnectivityArray()))
    for attributes in (data.GetPointData(), data.GetCellData()):
        for index in range(attributes.GetNumberOfArrays()):
            array = attributes.GetArray(index)  # None for an array of strings
            if _is_plain(array):
                yield array


def _is_plain(array: Any) -> bool:
    return array is not None and array.HasStandardMemoryLayout() and array.GetDataType() != vtk.VTK_BIT


def _raw(array: Any) -> Any:
    return np.ascontiguousarray(vtk_to_numpy(array)).reshape(-1).view(np.uint8)


def _bytes_of(array: Any) -> int:
    return int(array.GetNumberOfValues() * array.GetDataTypeSize())


def _write_array(array: Any, path: Path) -> None:
    vtk_to_numpy(array).tofile(path)
    if path.stat().st_size != _bytes_of(array):
        raise OSError(None, "the file was cut")


def _read_into(array: Any, path: Path, tuple_count: int) -> None:
    array.SetNumberOfTuples(tuple_count)
    view = memoryview(_raw(array))
    with path.open("rb", buffering=0) as file:
        position = 0
        while position < view.nbytes:
            count = file.readinto(view[position:])
            if not count:
                raise OSError(None, f"{os.fspath(path)} was cut")
            position += count
    array.Modified()
