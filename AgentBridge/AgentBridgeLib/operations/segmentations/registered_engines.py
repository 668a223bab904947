"""Engines of segmentation that other extensions bring: operations with a certain name. See ADR 29."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from AgentBridgeLib.dispatch.arguments import capabilities, marked, resolve_paths, validate
from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import CapabilityDisabledError, OperationFailedError
from AgentBridgeLib.model.fields import PathMark
from AgentBridgeLib.operations.segmentations.description import SEGMENTATION

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.registry.operation import Operation

PREFIX = "segmentation_engines."
"""Operations with such a name are engines."""


def registered(context: OperationContext) -> dict[str, Operation]:
    """Give the engines by their names."""
    return {
        found.name.removeprefix(PREFIX): found for found in context.catalog if found.name.startswith(PREFIX)
    }


def run_registered(
    context: OperationContext, engine: str, source_volume_id: str, parameters: Mapping[str, Any]
) -> Generator[Progress | Suspend, None, tuple[Any, tuple[str, ...]]]:
    """Run an engine of another extension; what it needs must be allowed, since nobody is asked in between.

    Raises
    ------
    ArgumentInvalidError
        The parameters are not as its schema says.
    CapabilityDisabledError
        It needs a capability that the settings do not allow.
    OperationFailedError
        It gave no segmentation.
    """
    found = registered(context)[engine]
    given = {"source_volume_id": source_volume_id, **parameters}
    wanted = _allowed(context, found, validate(found, given, is_lax=False))
    yield Progress(0.01, f"{engine} runs")
    result = found.function(context, wanted)
    if found.mark.execution != "inline":
        result = yield from result
    return _node_of(context, engine, result), ()


def _allowed(context: OperationContext, found: Operation, wanted: BaseModel) -> BaseModel:
    needed = [
        *capabilities(found, wanted),
        *(
            f"files.{mark.access}"
            for _, mark, value in marked(wanted)
            if isinstance(mark, PathMark) and value
        ),
    ]
    for capability in needed:
        if context.settings.mode(capability) != "allow":
            raise CapabilityDisabledError(
                f"The engine {found.name.removeprefix(PREFIX)} needs {capability}, which the safety settings do not "
                f"allow without asking. Call {found.name} itself, or change the settings."
            )
    return resolve_paths(wanted, context.settings)


def _node_of(context: OperationContext, engine: str, result: Any) -> Any:
    """Find the segmentation that an engine made: it gives the id, or something with `segmentation_id`."""
    value = getattr(result, "value", result)
    node_id = value if isinstance(value, str) else None
    if isinstance(value, dict):
        node_id = value.get("segmentation_id")
    elif node_id is None:
        node_id = getattr(value, "segmentation_id", getattr(value, "id", None))
    node = context.host.scene.scene.GetNodeByID(node_id) if isinstance(node_id, str) else None
    if node is None or not node.IsA(SEGMENTATION):
        raise OperationFailedError(f"The engine {engine} gave no segmentation. It must return the id of one.")
    return node


def schema_of(found: Operation) -> dict[str, Any]:
    """Give the JSON Schema of an engine's parameters: its arguments without the volume."""
    schema = dict(found.arguments.model_json_schema())
    schema["properties"] = {
        name: value for name, value in schema.get("properties", {}).items() if name != "source_volume_id"
    }
    schema["required"] = [name for name in schema.get("required", ()) if name != "source_volume_id"]
    return schema
