"""Which operations are tools of their own. The rest is reached by `operations_search` and `operations_run`.

Clients put every listed tool before the model, and models choose badly among many: at most 30 for everyday work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from AgentBridgeLib.policy.settings import SafetySettings
    from AgentBridgeLib.registry.catalog import Catalog
    from AgentBridgeLib.registry.operation import Operation

EVERYDAY = (
    "scene.summary",
    "nodes.list",
    "nodes.get",
    "nodes.update",
    "nodes.delete",
    "files.load",
    "sample_data.load",
    "nodes.save",
    "volumes.get",
    "volumes.histogram",
    "volumes.sample",
    "volumes.smooth",
    "segmentations.create",
    "segmentations.statistics",
    "markups.create",
    "markups.get",
    "views.list",
    "views.slice_image",
    "views.threed_image",
    "dicom.find_studies",
    "dicom.load",
    "scene.undo",
    "python.execute",
)
"""In the order of `tools/list`; the tools for jobs and for operations come after them."""

MOST_TOOLS = 30
HIDDEN_UNLESS_ALLOWED = "python.execute"
EVERYTHING = "all"


def tool_name(operation: str) -> str:
    """Give the tool's name of an operation: ``scene.summary`` is ``scene_summary``."""
    return operation.replace(".", "_")


def listed(catalog: Catalog, settings: SafetySettings, toolsets: Iterable[str]) -> list[Operation]:
    """Choose the operations that are tools, in a fixed order.

    What the safety settings deny stays in the list, so that an agent hears why it cannot have it; running Python is
    in it only when enabled.
    """
    wanted = set(toolsets)
    names = [name for name in EVERYDAY if name in catalog.operations]
    names += [
        operation.name
        for operation in catalog
        if operation.name not in names
        and (EVERYTHING in wanted or operation.name.partition(".")[0] in wanted)
    ]
    chosen = [catalog.get(name) for name in names]
    return [operation for operation in chosen if _is_shown(operation, settings)]


def _is_shown(operation: Operation, settings: SafetySettings) -> bool:
    capability = operation.mark.capability
    return capability != HIDDEN_UNLESS_ALLOWED or settings.mode(capability) != "deny"
