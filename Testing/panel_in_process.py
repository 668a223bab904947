"""The panel in this process: what a test presses and reads, over a bridge that really runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import qt
import slicer

from AgentBridgeLib.composition import Bridge
from AgentBridgeLib.dispatch.call import Accepted, Call, Preference
from AgentBridgeLib.dispatch.context import Caller

if TYPE_CHECKING:
    from collections.abc import Callable


class Logic:
    """`AgentBridgeLogic` around a bridge that the test closes; packages can be missing."""

    def __init__(self) -> None:
        """Begin without a bridge."""
        self.missing: list[str] = []
        self.installed = 0
        self.bridge: Bridge | None = None

    def missingPackages(self) -> list[str]:  # noqa: N802
        """List what the test says is missing."""
        return self.missing

    def installPackages(self) -> None:  # noqa: N802
        """Install them, all but one."""
        self.installed += 1
        if self.missing == ["broken>=1"]:
            raise RuntimeError("no network")
        self.missing = []

    def start(self) -> str:
        """Start the bridge on any free port."""
        if self.bridge is None:
            self.bridge = Bridge()
        return self.bridge.start(0)

    def stop(self) -> None:
        """Stop listening."""
        assert self.bridge is not None
        self.bridge.stop()

    @property
    def url(self) -> str:
        """Base URL; empty while stopped."""
        return "" if self.bridge is None else self.bridge.url

    @property
    def token(self) -> str:
        """The token that clients send."""
        return "" if self.bridge is None else self.bridge.token


def find(panel: Any, name: str, kind: Any = None) -> Any:
    """Find a widget of the panel, a button unless another kind is said."""
    found = panel.widget.findChild(kind or qt.QPushButton, f"AgentBridge{name}")
    assert found is not None, name
    return found


def press(panel: Any, name: str) -> None:
    """Press a button."""
    find(panel, name).click()


def text(panel: Any, name: str, kind: Any = None) -> Any:
    """Read the text of a widget, a label unless another kind is said."""
    return find(panel, name, kind or qt.QLabel).property("text")


def texts(widget: Any) -> str:
    """Read all labels in a widget."""
    return "\n".join(str(label.property("text")) for label in widget.findChildren(qt.QLabel))


def settle(is_enough: Callable[[], object], deadline_s: float = 60.0) -> None:
    """Turn the event loop until something holds; the deadline only ends a test that fails."""
    deadline = time.monotonic() + deadline_s
    while not is_enough():
        assert time.monotonic() < deadline, "it did not happen"
        slicer.app.processEvents()


def call(
    logic: Any, operation: str, client: str = "curl/8", is_async: bool = False, **arguments: object
) -> Any:
    """Call as a client does, without the socket."""
    answers: list[Any] = []
    caller = Caller(client, "r1", "listener")
    preference = Preference(respond_async=is_async)
    logic.bridge.dispatcher.call(Call(operation, arguments, caller, preference), answers.append)
    settle(lambda: answers)
    return answers[0]


def active_timers(panel: Any) -> list[Any]:
    """List the timers of the panel that run."""
    return [timer for timer in panel.widget.findChildren(qt.QTimer) if timer.isActive()]


def a_node(name: str = "brain", class_name: str = "vtkMRMLModelNode") -> Any:
    """Add a node to the scene."""
    return slicer.mrmlScene.AddNewNodeByClass(class_name, name)


def ask_to_delete(logic: Any, node: Any) -> Any:
    """Ask for what needs an approval, and give the id of the job that waits for it."""
    outcome = call(logic, "nodes.delete", node_id=node.GetID(), is_async=True)
    assert isinstance(outcome, Accepted), outcome
    return outcome.job.id
