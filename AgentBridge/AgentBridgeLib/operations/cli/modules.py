"""Describe and run Slicer's command line modules."""

from __future__ import annotations

import ntpath
import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    FieldProblem,
    FileExistsAlreadyError,
    OperationFailedError,
)
from AgentBridgeLib.model.base import Arguments, PageArguments, example
from AgentBridgeLib.model.cli_modules import CliModuleDescription, CliModuleList, CliModuleResult
from AgentBridgeLib.operations.cli.descriptions import NEW, CliDescription, CliParameter, parse
from AgentBridgeLib.operations.common.listing import page_of
from AgentBridgeLib.policy.paths import resolve_inside
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from AgentBridgeLib.dispatch.context import OperationContext

MOST_TEXT_CHARACTERS = 20_000


class CliModuleArguments(Arguments):
    """Which module."""

    name: str = Field(
        min_length=1,
        max_length=200,
        description="Name; cli_modules.list has them.",
        examples=["ResampleScalarVolume"],
    )


class RunArguments(CliModuleArguments):
    """What to run it with."""

    model_config = example(
        name="ResampleScalarVolume",
        parameters={"InputVolume": "vtkMRMLScalarVolumeNode1", "outputPixelSpacing": [1, 1, 1]},
    )

    parameters: dict[str, JsonValue] = Field(
        max_length=200,
        description="As cli_modules.get describes: values, ids of nodes, paths. What is not given has the default.",
    )
    overwrite: bool = Field(default=False, description="Whether output files that are there may be replaced.")

    def named_paths(self) -> tuple[str, ...]:
        """Name the parameters that are absolute paths, which is what a module takes for a file."""
        return tuple(text for text in self._texts() if _is_absolute(text))

    def named_nodes(self) -> tuple[str, ...]:
        """Name the parameters that look like ids of nodes; what each is only the module's XML knows."""
        return tuple(text for text in self._texts() if text.startswith("vtkMRML"))

    def also_requires(self) -> tuple[str, ...]:
        """Name the capabilities of files when there are paths; what a module does with each only its XML knows."""
        return ("files.read", "files.write") if self.named_paths() else ()

    def _texts(self) -> Iterator[str]:
        for value in self.parameters.values():
            yield from (text for text in _as_list(value) if isinstance(text, str))


@operation(
    name="cli_modules.list",
    capability="scene.read",
    route="GET /cli-modules",
    read_only=True,
    revision_scope="none",
    keywords=(
        "registration BRAINSFit automatic N4 bias field correction filter algorithm processing tools CLI"
    ),
)
def list_cli_modules(context: OperationContext, arguments: PageArguments) -> CliModuleList:
    """List the command line modules of this Slicer.

    Notes
    -----
    Source: Slicer developer guide, "Slicer execution model".
    """
    names = tuple(context.host.cli.names())
    return page_of(CliModuleList, names, arguments, str, "command line modules")


@operation(
    name="cli_modules.get",
    capability="scene.read",
    route="GET /cli-modules/{name}",
    read_only=True,
    revision_scope="none",
)
def get_cli_module(context: OperationContext, arguments: CliModuleArguments) -> CliModuleDescription:
    """Describe a command line module: what it does, and the JSON Schema of its parameters.

    The schema is made from the module's XML. The first time its program is started for that, which holds Slicer for
    some tenths of a second.

    Raises
    ------
    ArgumentInvalidError
        There is no such command line module.
    FeatureMissingError
        It cannot be run to describe itself.
    """
    found = parse(context.host.cli.description(arguments.name))
    return CliModuleDescription(
        name=arguments.name,
        title=found.title,
        category=found.category,
        description=found.description,
        version=found.version,
        parameters_schema=found.schema(),
    )


@operation(
    name="cli_modules.run",
    capability="modules.run",
    route="POST /cli-modules/{name}/run",
    destructive=True,
    execution="process",
    long=True,
    keywords=(
        "registration BRAINSFit automatic N4 bias field correction filter algorithm processing CLI execute"
    ),
)
def run_cli_module(
    context: OperationContext, arguments: RunArguments
) -> Generator[Progress | Suspend, None, CliModuleResult]:
    """Run a command line module as a job with progress; cancel ends its process, and nothing is left of it then.

    An output node that is not given, or given as 'new', is made; an existing one is overwritten.

    Returns
    -------
    CliModuleResult
        The output nodes by parameter, and what the module printed.

    Raises
    ------
    ArgumentInvalidError
        There is no such module, or a parameter is not as its schema says.
    NodeNotFoundError, NodeTypeError
        A node is not there, or of another class.
    CapabilityDisabledError
        A parameter is a path, and the settings deny reading or writing files. If they say ask, the person is asked.
    PathOutsideRootsError
        A path lies outside the allowed folders.
    FileExistsAlreadyError
        An output file is there and `overwrite` is not true.
    OperationFailedError
        The module ended with an error; new output nodes are gone.

    Notes
    -----
    Source: `slicer.cli.run`, `vtkMRMLCommandLineModuleNode`.
    """
    described = parse(context.host.cli.description(arguments.name))
    _check(described, arguments)
    values = {
        parameter.name: _value(context, parameter, arguments)
        for parameter in described.parameters
        if parameter.name in arguments.parameters and not _is_new(parameter, arguments.parameters)
    }
    made = {
        parameter.name: _new_node(context, arguments.name, parameter)
        for parameter in described.parameters
        if _is_new(parameter, arguments.parameters)
    }
    outputs = {
        parameter.name: node
        for parameter in described.parameters
        if parameter.is_output_node
        for node in [made.get(parameter.name, values.get(parameter.name))]
        if node is not None
    }
    output_text, error_text = yield from _run(context, arguments.name, {**values, **made})
    context.mark_made(list(outputs.values()))
    return CliModuleResult(
        name=arguments.name,
        output_node_ids={name: node.GetID() for name, node in outputs.items()},
        output_text=output_text,
        error_text=error_text,
    )


def _run(
    context: OperationContext, name: str, values: Mapping[str, object]
) -> Generator[Progress | Suspend, None, tuple[str, str]]:
    bell = _Bell()
    run = context.host.cli.start(name, values, bell.ring)
    try:
        while run.is_busy:
            yield Suspend(bell.arm)
            yield Progress(run.fraction, f"{name} runs in a process of its own")
        texts = run.output_text[-MOST_TEXT_CHARACTERS:], run.error_text[-MOST_TEXT_CHARACTERS:]
        has_succeeded = run.has_succeeded
    finally:
        run.close()
    if not has_succeeded:
        raise OperationFailedError(
            f"The module {name} ended with an error or was canceled. It said: {texts[1].strip()[-1000:] or 'nothing'}"
        )
    return texts


class _Bell:
    """Wakes the job when the module says something."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None
        self._has_rung = False

    def arm(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        if self._has_rung:
            self.ring()

    def ring(self) -> None:
        wake, self._wake = self._wake, None
        self._has_rung = wake is None
        if wake is not None:
            wake()


def _check(described: CliDescription, arguments: RunArguments) -> None:
    from jsonschema import Draft202012Validator

    problems = [
        FieldProblem("/parameters" + "".join(f"/{part}" for part in fault.absolute_path), fault.message)
        for fault in Draft202012Validator(described.schema()).iter_errors(arguments.parameters)
    ]
    if problems:
        listed = "; ".join(f"{entry.pointer}: {entry.problem}" for entry in problems[:3])
        raise ArgumentInvalidError(
            f"{arguments.name} cannot be run with these parameters: {listed}. GET /agent/v1/cli-modules/"
            f"{arguments.name} shows the schema.",
            errors=problems[:20],
        )


def _is_new(parameter: CliParameter, given: Mapping[str, Any]) -> bool:
    if not parameter.is_output_node:
        return False
    return given.get(parameter.name, NEW if parameter.is_required else None) == NEW


def _value(context: OperationContext, parameter: CliParameter, arguments: RunArguments) -> Any:
    value: Any = arguments.parameters[parameter.name]
    if parameter.class_name:
        return context.host.scene.node(value, parameter.accepted_class)
    access, pointer = parameter.schema.get("x-path"), f"/parameters/{parameter.name}"
    folders = context.settings.allowed_folders
    if not access:
        for text in _as_list(value):  # a module may take a path for what its XML calls a text
            if isinstance(text, str) and _is_absolute(text):
                resolve_inside(text, pointer, folders, os.path.realpath)
        return value
    path = resolve_inside(value, pointer, folders, os.path.realpath)
    if access == "write" and Path(path).exists() and not arguments.overwrite:
        raise FileExistsAlreadyError(
            f"{path} exists. Choose another name, or set `overwrite` to let the module replace it."
        )
    return path


def _as_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _is_absolute(text: str) -> bool:
    return posixpath.isabs(text) or ntpath.isabs(text)


def _new_node(context: OperationContext, name: str, parameter: CliParameter) -> Any:
    return context.host.scene.scene.AddNewNodeByClass(parameter.class_name, f"{name} {parameter.name}")
