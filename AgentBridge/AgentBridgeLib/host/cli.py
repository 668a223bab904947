"""Slicer's command line modules; implements `ports.CliHost`.

`slicer.cli.run` returns at once; the module's node says how far it is (`StatusModifiedEvent`, and `ModifiedEvent` for
progress). A busy node is canceled by `Cancel()`; `slicer.cli.cancel` does nothing. Nobody removes the node but we.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer

from AgentBridgeLib.errors import ArgumentInvalidError, FeatureMissingError, FieldProblem
from AgentBridgeLib.host.observers import caller_observer
from AgentBridgeLib.host.processes import find_python

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DESCRIPTION_TIMEOUT_MS = 15_000


class CliRun:
    """One execution; implements `ports.CliRun`."""

    def __init__(self, node: Any, on_change: Callable[[], None]) -> None:
        self._node = node
        observer = caller_observer(lambda _: on_change())
        self._tags = [
            node.AddObserver(event, observer) for event in (node.StatusModifiedEvent, "ModifiedEvent")
        ]

    @property
    def is_busy(self) -> bool:
        """Whether it goes on."""
        return bool(self._node.IsBusy())

    @property
    def has_succeeded(self) -> bool:
        """Whether it ended without errors."""
        return bool(self._node.GetStatus() == self._node.Completed)

    @property
    def fraction(self) -> float:
        """How far it is, from 0 to 1."""
        return min(1.0, max(0.0, self._node.GetProgress() / 100))

    @property
    def output_text(self) -> str:
        """What it printed."""
        return str(self._node.GetOutputText())

    @property
    def error_text(self) -> str:
        """What it printed as errors."""
        return str(self._node.GetErrorText())

    def close(self) -> None:
        """Cancel it if it goes on, and remove its node. Safe to repeat."""
        node, self._node = self._node, None
        if node is None:
            return
        for tag in self._tags:
            node.RemoveObserver(tag)
        if node.IsBusy():
            node.Cancel()
        slicer.mrmlScene.RemoveNode(node)


class SlicerCli:
    """The command line modules of this Slicer."""

    def __init__(self) -> None:
        self._descriptions: dict[str, str] = {}

    def names(self) -> list[str]:
        """Names of the modules, sorted."""
        manager = slicer.app.moduleManager()
        return sorted(
            str(name)
            for name in slicer.util.moduleNames()
            if manager.module(name).inherits("qSlicerCLIModule")
        )

    def description(self, name: str) -> str:
        """Give the XML by which a module describes itself; asked of its program once.

        Raises
        ------
        ArgumentInvalidError
            There is no such command line module.
        FeatureMissingError
            Its program cannot be run to describe itself.
        """
        module = self._module(name)
        if name not in self._descriptions:
            self._descriptions[name] = _ask(name, _program(name, Path(str(module.path))))
        return self._descriptions[name]

    def start(self, name: str, parameters: Mapping[str, object], on_change: Callable[[], None]) -> CliRun:
        """Run a module with nodes and values as parameters; returns at once."""
        import slicer.cli  # noqa: PLC0415 - Slicer itself imports it late

        node = slicer.cli.run(self._module(name), None, dict(parameters), False, True, False)
        if node is None:
            raise FeatureMissingError(f"The command line module {name} could not be started.")
        return CliRun(node, on_change)

    def _module(self, name: str) -> Any:
        if name not in self.names():
            problem = f"there is no command line module {name!r}"
            raise ArgumentInvalidError(
                f"`name` cannot be used: {problem}. GET /agent/v1/cli-modules lists them.",
                errors=[FieldProblem("/name", problem)],
            )
        return slicer.app.moduleManager().module(name)


def _program(name: str, path: Path) -> list[str]:
    """Give the command; a module may be a Python file, a program, or a library with the program beside it."""
    if path.suffix == ".py":
        return [find_python(), str(path)]
    for candidate in (path.parent / name, path.parent / f"{name}.exe"):
        if candidate.is_file():
            return [str(candidate)]
    return [str(path)]


def _ask(name: str, command: list[str]) -> str:
    process = qt.QProcess()
    process.start(command[0], [*command[1:], "--xml"])
    if not process.waitForFinished(DESCRIPTION_TIMEOUT_MS):
        process.kill()
        raise FeatureMissingError(f"The command line module {name} did not describe itself in time.")
    text = process.readAllStandardOutput().data().decode("utf-8", errors="replace")
    if "<executable" not in text:
        raise FeatureMissingError(f"The command line module {name} gave no description of itself.")
    return text
