"""Hand over to the person in front of Slicer, and wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from AgentBridgeLib.dispatch.context import WaitForUser
from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.model.base import Arguments, SceneResult
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Generator

    from AgentBridgeLib.dispatch.context import OperationContext


class HandOverArguments(Arguments):
    """What the person is asked to do."""

    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="Shown in the panel.",
        examples=["Place two points on the vessel, then press Done."],
    )


class HandedBack(SceneResult):
    """The person pressed Done."""

    started_at_revision: int = Field(
        description="Scene revision when the person was asked: if it equals scene_revision, they changed nothing."
    )


@operation(
    name="person.hand_over",
    capability="scene.read",
    route="POST /person/hand-over",
    execution="steps",
    long=True,
    keywords=(
        "ask user person doctor radiologist correct contour click by hand manual interactive review "
        "confirm pause"
    ),
)
def hand_over(
    context: OperationContext, arguments: HandOverArguments
) -> Generator[WaitForUser, None, HandedBack]:
    """Ask the person to do something in Slicer by hand, and wait until they press Done.

    The job is in the state `waiting_for_user` meanwhile; other calls go on. It ends as canceled when the person
    presses Cancel or a client cancels it.

    Returns
    -------
    HandedBack
        Read the scene again: nothing is known about what the person did but the revisions.

    Raises
    ------
    FeatureMissingError
        This Slicer has no main window, so nobody can be asked.

    Notes
    -----
    Source: contract, section 3, `waiting_for_user`.
    """
    if not context.host.application.has_main_window:
        raise FeatureMissingError(
            "This Slicer runs without a main window: there is nobody who could press Done."
        )
    before = context.host.scene.revision
    yield WaitForUser(arguments.prompt)
    return HandedBack(started_at_revision=before)
