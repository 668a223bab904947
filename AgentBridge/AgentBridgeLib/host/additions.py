"""Which nodes come into the scene during a step, so that a failed step can be undone."""

from __future__ import annotations

from typing import Any

from AgentBridgeLib.host.observers import node_observer


class AdditionObserver:
    """The nodes that come into a scene from now on, until `stop`.

    Parameters
    ----------
    scene
        Observed until `stop`.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._ids: dict[str, None] = {}
        self._tag: int | None = scene.AddObserver(scene.NodeAddedEvent, node_observer(self._on_added))

    def stop(self) -> list[str]:
        """End the record; give the ids of the recorded nodes that are still there, oldest first."""
        if self._tag is not None:
            self._scene.RemoveObserver(self._tag)
            self._tag = None
        return self.so_far()

    def so_far(self) -> list[str]:
        """Give the ids of the nodes recorded until now that are still there, oldest first."""
        return [node_id for node_id in self._ids if self._scene.GetNodeByID(node_id) is not None]

    def _on_added(self, node: Any) -> None:
        self._ids[node.GetID()] = None
