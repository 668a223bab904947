"""Work in small steps: hold the main thread for a few milliseconds at a time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import RevisionConflictError
from AgentBridgeLib.operations.common import voxels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from AgentBridgeLib.host.ports.scene import SceneHost

STEP_S = 0.004
"""How long a step may take, about, where it is timed."""
STEP_VOXELS = 1 << 18
"""Voxels that a simple NumPy expression gets through in a few milliseconds."""


def slabs(slice_count: int, slice_voxels: int, step_voxels: int = STEP_VOXELS) -> Iterator[tuple[int, int]]:
    """Cut a stack of slices into ranges of about `step_voxels`; at least one slice each."""
    thickness = max(1, step_voxels // max(1, slice_voxels))
    for start in range(0, slice_count, thickness):
        yield start, min(start + thickness, slice_count)


class Pace:
    """Finds out how much can be done in one step, where that depends on the data, the transform or the computer.

    Parameters
    ----------
    first
        How much to do first.
    step_s
        How long a step may take, about.

    Attributes
    ----------
    size
        How much to do next.
    """

    def __init__(self, first: int, step_s: float) -> None:
        self.size = first
        self._step_s = step_s

    @contextmanager
    def measured(self, count: int) -> Iterator[None]:
        """Time the work on `count` of them, which runs inside of the block."""
        began = time.perf_counter()
        yield
        took = max(time.perf_counter() - began, 1e-6)
        # At most fourfold from step to step: the first ones may lie outside and so be cheap.
        self.size = max(1, min(4 * count, int(count * self._step_s / took)))


class InputWatch:
    """Notices when a volume changes, or goes, while a long computation reads it.

    Parameters
    ----------
    scene
        The scene.
    node
        The volume that is read.
    """

    def __init__(self, scene: SceneHost, node: Any) -> None:
        self._scene = scene
        self._id = node.GetID()
        self._state = voxels.voxel_state(node)

    def require_unchanged(self) -> Any:
        """Give the volume.

        Raises
        ------
        RevisionConflictError
            It is not what it was; nothing was made of it.
        """
        node = self._scene.scene.GetNodeByID(self._id)
        if node is None or voxels.voxel_state(node) != self._state:
            raise RevisionConflictError(
                f"{self._id} was changed or removed while it was read; nothing was made of it. Start again."
            )
        return node
