"""Hand a surface to the worker process, and make a model of what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    NodeTypeError,
    OperationFailedError,
    RevisionConflictError,
    StorageFailedError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import ModelId, NodeName
from AgentBridgeLib.operations.common import matrices
from AgentBridgeLib.operations.common.child_process import run_worker
from AgentBridgeLib.operations.models.new_nodes import MODEL, add_model, describe_model, surface_of
from AgentBridgeLib.operations.volumes.new_nodes import place_beside

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.model.models import ModelDescription

WORKER = Path(__file__).parent / "workers" / "mesh.py"
Answer = dict[str, Any]


class FilterArguments(Arguments):
    """Which model, and what to call the result."""

    model_id: ModelId = Field(description="The model; it stays as it is.")
    name: NodeName | None = Field(default=None, description="Name of the new model.")


class MeshWork:
    """The work on one surface.

    Parameters
    ----------
    context
        Of the operation.
    arguments
        Which model, and the name of the result.
    suffix
        What its name ends in if none is given.

    Raises
    ------
    NodeTypeError
        The node is no model, or has no surface.
    StorageFailedError
        There is no room for the exchange file.
    """

    def __init__(self, context: OperationContext, arguments: FilterArguments, suffix: str) -> None:
        self._context = context
        self._id = arguments.model_id
        node = context.host.scene.node(self._id, MODEL)
        self._name = arguments.name or f"{node.GetName()} {suffix}"
        self._state = _state(node)
        self._folder = Path(context.work_folder())
        self._files = {
            "output": str(self._folder / "output.vtp"),
            "result": str(self._folder / "result.json"),
        }
        self._files["input"] = self.add_file("input", surface_of(node))

    def add_file(self, name: str, surface: Any) -> str:
        """Write a surface for the worker; gives the path."""
        path = str(self._folder / f"{name}.vtp")
        _write(surface, path)
        return path

    def run(
        self, job: Mapping[str, Any], warnings: tuple[str, ...] = ()
    ) -> Generator[Progress | Suspend, None, ModelDescription]:
        """Do a job, and make a model of the result; errors as in `call` and `finish`."""
        yield from self.call(job)
        return self.finish(warnings)

    def call(self, job: Mapping[str, Any]) -> Generator[Progress | Suspend, None, Answer]:
        """Do a job, and give the worker's answer.

        Raises
        ------
        OperationFailedError
            The worker crashed, was killed, or took too long.
        ArgumentInvalidError
            The worker says that the surfaces cannot be used like this.
        """
        path = self._folder / "job.json"
        path.write_text(json.dumps({**job, **self._files}), encoding="utf-8")
        yield Progress(0.1, "Working on the surface")
        yield from run_worker(self._context.host.processes, str(WORKER), [str(path)], "The mesh filter")
        answer: Answer = json.loads(Path(self._files["result"]).read_text(encoding="utf-8"))
        if "refused" in answer:
            raise ArgumentInvalidError(f"The models cannot be used like this: {answer['refused']}.")
        return answer

    def last_attempt(self) -> int | None:
        """Give what the worker was about to try when it ended without an answer."""
        try:
            attempt: int | None = json.loads(Path(self._files["result"]).read_text(encoding="utf-8")).get(
                "attempt"
            )
        except (OSError, ValueError):
            return None
        return attempt

    def finish(self, warnings: tuple[str, ...] = ()) -> ModelDescription:
        """Make a model of the result, beside the first and with its color.

        Raises
        ------
        RevisionConflictError
            The model changed meanwhile; nothing was made.
        OperationFailedError
            The worker left no complete result.
        """
        node = self._context.host.scene.scene.GetNodeByID(self._id)
        if node is None or _state(node) != self._state:
            raise RevisionConflictError(
                f"{self._id} was changed or removed meanwhile; nothing was made of it. Start again."
            )
        display = node.GetDisplayNode()
        color, opacity = (display.GetColor(), display.GetOpacity()) if display is not None else (None, 1.0)
        made = add_model(self._context, _read(self._files["output"]), self._name, color, opacity)
        place_beside(made, node)
        return describe_model(made, "ras", warnings)


def to_world(node: Any) -> matrices.Matrix:
    """Give the matrix from a model's coordinates to the world.

    Raises
    ------
    NodeTypeError
        A parent transform is not linear.
    """
    if not matrices.is_linear_to_world(node):
        raise NodeTypeError(
            f"{node.GetID()} is under a transform that is not linear. Harden it first (transforms.harden)."
        )
    return matrices.node_to_world(node)


def _state(node: Any) -> tuple[object, ...]:
    mesh = node.GetMesh()
    return mesh, mesh.GetMTime() if mesh is not None else 0, node.GetNodeReferenceID(matrices.TRANSFORM_ROLE)


def _read(path: str) -> Any:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    reader = vtkXMLPolyDataReader()
    reader.SetFileName(path)
    reader.Update()
    if reader.GetOutput().GetNumberOfPolys() == 0:
        raise OperationFailedError(
            "The mesh filter left no complete result; the scene is as it was. Repeat it."
        )
    return reader.GetOutput()


def _write(surface: Any, path: str) -> None:
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    writer = vtkXMLPolyDataWriter()
    writer.SetFileName(path)
    writer.SetInputData(surface)
    writer.SetCompressorTypeToNone()
    if not writer.Write():
        raise StorageFailedError(
            "The exchange file could not be written. Free space in the temporary folder and repeat."
        )
