"""Keep Slicer's automatic window off while it could not come back.

`vtkImageHistogramStatistics`, which computes it, never returns for voxels of 64-bit integers. So nodes are made from
default nodes that have it off; afterwards it is switched on where that is safe. Source:
`vtkMRMLScalarVolumeDisplayNode::CalculateAutoLevels`, `vtkMRMLScene::AddDefaultNode`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DISPLAY_CLASSES = (
    "vtkMRMLScalarVolumeDisplayNode",
    "vtkMRMLVectorVolumeDisplayNode",
    "vtkMRMLDiffusionWeightedVolumeDisplayNode",
)
LONG_INTEGERS = (8, 9, 16, 17)  # VTK_LONG, VTK_UNSIGNED_LONG, VTK_LONG_LONG, VTK_UNSIGNED_LONG_LONG
LONG_BYTES = 8


@contextmanager
def automatic_windows_off(scene: Any) -> Iterator[None]:
    """Let display nodes that are made meanwhile begin without an automatic window."""
    defaults = [_default_display(scene, class_name) for class_name in DISPLAY_CLASSES]
    before = [display.GetAutoWindowLevel() for display in defaults]
    try:
        for display in defaults:
            display.SetAutoWindowLevel(0)
        yield
    finally:
        for display, is_automatic in zip(defaults, before, strict=True):
            display.SetAutoWindowLevel(is_automatic)


def set_windows(scene: Any, node_ids: Sequence[str]) -> None:
    """Give the volumes among new nodes the window that Slicer would, or where it cannot, the range of the values."""
    for node_id in node_ids:
        node = scene.GetNodeByID(node_id)
        if node is None or not node.IsA("vtkMRMLVolumeNode"):
            continue
        display = node.GetDisplayNode()
        if display is None or not display.IsA("vtkMRMLScalarVolumeDisplayNode"):
            continue
        if has_long_integers(node):
            display.SetWindowLevelMinMax(*node.GetImageData().GetScalarRange())
        else:
            default = scene.GetDefaultNodeByClass(display.GetClassName())
            display.SetAutoWindowLevel(default.GetAutoWindowLevel() if default is not None else 1)


def has_long_integers(volume: Any) -> bool:
    """Whether the voxels are integers of 64 bits."""
    image = volume.GetImageData()
    is_long = image is not None and image.GetScalarType() in LONG_INTEGERS
    return is_long and image.GetScalarSize() == LONG_BYTES


def _default_display(scene: Any, class_name: str) -> Any:
    """Give the scene's default node; a new one is as if there was none."""
    display = scene.GetDefaultNodeByClass(class_name)
    if display is None:
        display = scene.CreateNodeByClass(class_name)
        display.UnRegister(None)
        scene.AddDefaultNode(display)
    return display
