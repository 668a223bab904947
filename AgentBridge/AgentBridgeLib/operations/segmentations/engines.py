"""Engines: whatever makes a segmentation of a volume, behind one operation.

Three are built in. Another extension brings one by registering an operation whose name begins with
``segmentation_engines.``; see ADR 29 and docs/extending.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue, ValidationError

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FieldProblem,
)
from AgentBridgeLib.model.base import Arguments, PageArguments, example
from AgentBridgeLib.model.fields import SegmentationId, VolumeId
from AgentBridgeLib.model.geometry import ColorRgb
from AgentBridgeLib.model.segmentations import EngineDescription, EngineList, EngineResult
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.operations.common.problems import invalid
from AgentBridgeLib.operations.segmentations import totalsegmentator
from AgentBridgeLib.operations.segmentations.creating import new_segmentation
from AgentBridgeLib.operations.segmentations.description import (
    SEGMENTATION,
    Name,
    chosen_segments,
    description_of,
    segment_of,
)
from AgentBridgeLib.operations.segmentations.edit_arguments import EditArguments, Mask, Method
from AgentBridgeLib.operations.segmentations.editing import edit_segment
from AgentBridgeLib.operations.segmentations.registered_engines import registered, run_registered, schema_of
from AgentBridgeLib.operations.segmentations.totalsegmentator import TotalSegmentatorParameters
from AgentBridgeLib.operations.volumes.volumes import VOLUME
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from AgentBridgeLib.dispatch.context import OperationContext


class RunArguments(Arguments):
    """Which engine, on what."""

    model_config = example(
        engine="threshold",
        source_volume_id="vtkMRMLScalarVolumeNode1",
        parameters={"minimum": -950, "maximum": -400, "minimum_voxels": 1000},
    )
    engine: str = Field(
        min_length=1, max_length=100, description="Name of the engine; segmentations.engines lists them."
    )
    source_volume_id: VolumeId = Field(description="The volume to segment; it stays as it is.")
    seeds_id: SegmentationId | None = Field(
        default=None, description="For grow_from_seeds: the segmentation with the seeds; it stays as it is."
    )
    name: Name | None = Field(
        default=None, description="Name of the new segmentation, for the built-in engines."
    )
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Parameters of the engine; segmentations.engines has their schema."
    )


class ThresholdParameters(Arguments):
    """A range of values, or a method that finds it."""

    minimum: float | None = Field(default=None, description="Least value, in the volume's own unit.")
    maximum: float | None = Field(default=None, description="Largest value, in the volume's own unit.")
    method: Method | None = Field(
        default=None, description="In place of a range: takes what is above the threshold found so."
    )
    minimum_voxels: int = Field(default=1, ge=1, description="Islands with fewer voxels are dropped.")
    segment_name: Name = Field(default="Segment_1", description="Name of the segment.")
    color: ColorRgb = Field(default=(0.5, 0.68, 0.5), description="Red, green, blue from 0 to 1.")


class SeedParameters(Arguments):
    """How seeds grow."""

    seed_locality: float = Field(
        default=0, ge=0, le=1000, description="How much one mm of distance counts, in the volume's own unit."
    )
    growth_ratio: float = Field(
        default=0.2,
        ge=0,
        le=100,
        description="By what share of its size the box around the seeds is widened.",
    )
    mask: Mask | None = Field(default=None, description="Where voxels may grow; everywhere without.")


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    summary: str
    parameters: type[Arguments]
    run: Callable[..., Any]
    missing: Callable[[OperationContext], str | None] = lambda _: None


@operation(
    name="segmentations.engines",
    capability="scene.read",
    route="GET /segmentations/engines",
    read_only=True,
    revision_scope="none",
    keywords="automatic AI deep learning tools TotalSegmentator available methods",
)
def list_engines(context: OperationContext, arguments: PageArguments) -> EngineList:
    """List what can make a segmentation of a volume, whether it is available, and its parameters.

    Notes
    -----
    Source: the engines of this module and the operations that other extensions registered.
    """
    built_in = [
        _described(name, engine.summary, engine.missing(context), None, engine.parameters.model_json_schema())
        for name, engine in BUILT_IN.items()
    ]
    others = [
        _described(name, found.summary, None, found.mark.capability, schema_of(found))
        for name, found in registered(context).items()
    ]
    return page_of(EngineList, [*built_in, *others], arguments, lambda engine: engine.name, "engines")


@operation(
    name="segmentations.run",
    capability="modules.run",
    route="POST /segmentations/run",
    execution="process",
    long=True,
    status=201,
    keywords="automatic AI deep learning segment organs lungs lobes TotalSegmentator model",
)
def run_engine(
    context: OperationContext, arguments: RunArguments
) -> Generator[Progress | Suspend, None, EngineResult]:
    """Make a segmentation of a volume with an engine: threshold, seeds, TotalSegmentator, or a registered one.

    Runs as a job. Cancel ends the engine's process; nothing is left of it then.

    Returns
    -------
    EngineResult
        The new segmentation, and what the engine said last.

    Raises
    ------
    ArgumentInvalidError
        There is no such engine, or its parameters are not as its schema says.
    FeatureMissingError
        What the engine needs is not installed; the message says what to install.
    CapabilityDisabledError
        A registered engine needs a capability that the settings do not allow.
    OperationFailedError
        The engine failed; nothing was made.

    Notes
    -----
    Source: `vtkITKGrowCut`; github.com/lassoan/SlicerTotalSegmentator.
    """
    volume = context.host.scene.node(arguments.source_volume_id, VOLUME)
    engine = BUILT_IN.get(arguments.engine)
    if engine is None:
        _check_registered(context, arguments)
        volume_id, given = arguments.source_volume_id, arguments.parameters
        node, messages = yield from run_registered(context, arguments.engine, volume_id, given)
    else:
        if (arguments.seeds_id is not None) != (arguments.engine == "grow_from_seeds"):
            raise invalid("seeds_id", "it belongs to grow_from_seeds, and to nothing else")
        parameters = _parsed(engine.parameters, arguments.parameters)
        node, messages = yield from engine.run(context, volume, parameters, arguments)
    context.mark_made([node])
    return EngineResult(
        engine=arguments.engine,
        source_volume_id=arguments.source_volume_id,
        segmentation=description_of(node),
        messages=messages,
    )


def _threshold(
    context: OperationContext, volume: Any, parameters: ThresholdParameters, arguments: RunArguments
) -> Generator[Progress | Suspend, None, tuple[Any, tuple[str, ...]]]:
    has_range = parameters.minimum is not None and parameters.maximum is not None
    if has_range == (parameters.method is not None):
        raise invalid("parameters", "threshold needs minimum and maximum, or a method")
    node = new_segmentation(context, arguments.name or f"{volume.GetName()} segmentation", volume)
    segment_id = node.GetSegmentation().AddEmptySegment("", parameters.segment_name)
    segment_of(node, segment_id).SetColor(*parameters.color)
    where = {"segmentation_id": node.GetID(), "segment_id": segment_id}
    if parameters.method is None:
        how: dict[str, Any] = {
            "effect": "threshold",
            "minimum": parameters.minimum,
            "maximum": parameters.maximum,
        }
    else:
        how = {"effect": "automatic_threshold", "method": parameters.method}
    edited = yield from edit_segment(context, EditArguments(**where, **how, volume_id=volume.GetID()))
    if parameters.minimum_voxels > 1:
        drop = {"effect": "remove_small_islands", "minimum_voxels": parameters.minimum_voxels}
        yield from edit_segment(context, EditArguments(**where, **drop))  # type: ignore[arg-type]
    found = edited.minimum
    return node, (
        *edited.warnings,
        *([f"Threshold {found:g}"] if parameters.method and found is not None else []),
    )


def _grow(
    context: OperationContext, volume: Any, parameters: SeedParameters, arguments: RunArguments
) -> Generator[Progress | Suspend, None, tuple[Any, tuple[str, ...]]]:
    seeds = context.host.scene.node(arguments.seeds_id or "", SEGMENTATION)
    chosen_segments(seeds, None, "seeds_id")
    node = new_segmentation(context, arguments.name or f"{volume.GetName()} segmentation", volume)
    node.GetSegmentation().DeepCopy(seeds.GetSegmentation())
    node.RemoveClosedSurfaceRepresentation()
    node.SetAndObserveTransformNodeID(seeds.GetTransformNodeID())
    wanted = EditArguments(
        segmentation_id=node.GetID(),
        effect="grow_from_seeds",
        volume_id=volume.GetID(),
        seed_locality=parameters.seed_locality,
        growth_ratio=parameters.growth_ratio,
        mask=parameters.mask,
    )
    edited = yield from edit_segment(context, wanted)
    return node, edited.warnings


def _totalsegmentator(
    context: OperationContext, volume: Any, parameters: TotalSegmentatorParameters, arguments: RunArguments
) -> Generator[Progress | Suspend, None, tuple[Any, tuple[str, ...]]]:
    return (yield from totalsegmentator.run(context, volume, parameters, arguments.name))


BUILT_IN: dict[str, _BuiltIn] = {
    "threshold": _BuiltIn(
        "A segment of all voxels in a range of values, or above an automatic threshold.",
        ThresholdParameters,
        _threshold,
    ),
    "grow_from_seeds": _BuiltIn(
        "The segments of another segmentation, as seeds, grown over the volume.", SeedParameters, _grow
    ),
    "totalsegmentator": _BuiltIn(
        "More than 100 structures in CT and MR, with the extension TotalSegmentator.",
        TotalSegmentatorParameters,
        _totalsegmentator,
        totalsegmentator.missing,
    ),
}


def _parsed(model: type[Arguments], parameters: dict[str, JsonValue]) -> Arguments:
    try:
        return model.model_validate(parameters)
    except ValidationError as fault:
        problems = [
            FieldProblem("/parameters" + "".join(f"/{part}" for part in entry["loc"]), entry["msg"])
            for entry in fault.errors(include_url=False)
        ]
        listed = "; ".join(f"{entry.pointer}: {entry.problem}" for entry in problems[:3])
        raise ArgumentInvalidError(f"`parameters` cannot be used: {listed}.", errors=problems[:20]) from None


def _check_registered(context: OperationContext, arguments: RunArguments) -> None:
    others = registered(context)
    if arguments.engine not in others:
        names = ", ".join([*BUILT_IN, *others])
        raise invalid("engine", f"there is no engine '{arguments.engine}'; there are {names}")
    if arguments.name is not None or arguments.seeds_id is not None:
        raise invalid("name", "name and seeds_id are for built-in engines; give `parameters`")


def _described(
    name: str, summary: str, reason: str | None, capability: str | None, schema: dict[str, Any]
) -> EngineDescription:
    return EngineDescription(
        name=name,
        summary=summary,
        is_available=reason is None,
        reason=reason,
        capability=capability,
        parameters=schema,
    )
