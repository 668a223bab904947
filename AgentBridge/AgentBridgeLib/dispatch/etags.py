"""Entity tags that name what an answer depends on: the scene's revision, or one node's.

Form: ``"<instance>-<scope>-<revision>-<digest>"``. Opaque for clients; here they are read back, so that a tag of any
answer about a node guards any change of that node.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel

    from AgentBridgeLib.host.ports.scene import SceneHost
    from AgentBridgeLib.registry.operation import Operation

SCENE_SCOPE = "s"


class EntityTags:
    """Makes and compares tags of one run of Slicer.

    Parameters
    ----------
    scene
        Tells revisions.
    """

    def __init__(self, scene: SceneHost) -> None:
        self._scene = scene
        self._instance = secrets.token_hex(4)

    def make(
        self, operation: Operation, arguments: BaseModel, nodes: Sequence[str], salt: str
    ) -> tuple[str, int]:
        """Give the tag of an answer and the scene revision; the tag is empty when the answer has none.

        `salt` is whatever else the answer depends on, such as the identifier policy.
        """
        revision = self._scene.revision
        mark = operation.mark
        if not mark.read_only or mark.revision_scope == "none":
            return "", revision
        scope, counted = SCENE_SCOPE, revision
        if mark.revision_scope == "node" and len(nodes) == 1:
            scope, counted = _node_scope(nodes[0]), self._scene.node_revision(nodes[0])
        text = f"{operation.name}\0{salt}\0{arguments.model_dump_json()}"
        digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        return f'"{self._instance}-{scope}-{counted}-{digest}"', revision

    def check_if_match(self, header: str, nodes: Sequence[str]) -> None:
        """Refuse a change when what the client read is no longer so (RFC 9110, 13.1.1).

        Raises
        ------
        RevisionConflictError
            None of the tags holds any more.
        """
        if not header or header.strip() == "*":
            return
        if not any(self._still_holds(tag, nodes) for tag in split_tags(header)):
            what = f"The node {nodes[0]}" if len(nodes) == 1 else "The scene"
            raise RevisionConflictError(
                f"{what} has changed since you read it. Nothing was changed; read it again and decide anew.",
                facts={"scene_revision": self._scene.revision},
            )

    def _still_holds(self, tag: str, nodes: Iterable[str]) -> bool:
        parts = tag.removeprefix("W/").strip('"').split("-")
        if len(parts) != 4 or parts[0] != self._instance:
            return False
        scope, revision = parts[1], parts[2]
        if scope == SCENE_SCOPE:
            return revision == str(self._scene.revision)
        return any(
            scope == _node_scope(node) and revision == str(self._scene.node_revision(node)) for node in nodes
        )


def split_tags(header: str) -> list[str]:
    """Split the value of If-Match or If-None-Match."""
    return [tag.strip() for tag in header.split(",") if tag.strip()]


def matches(header: str, etag: str) -> bool:
    """Compare weakly, as If-None-Match does (RFC 9110, 13.1.2)."""
    return bool(etag) and (
        header.strip() == "*" or any(tag.removeprefix("W/") == etag for tag in split_tags(header))
    )


def _node_scope(node_id: str) -> str:
    return f"n{zlib.crc32(node_id.encode()):08x}"
