"""Receive what other programs send by C-STORE, through Slicer's own DICOM listener."""

from __future__ import annotations

from typing import TYPE_CHECKING

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import CapabilityDisabledError, OperationFailedError
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomListenerState
from AgentBridgeLib.policy.dicom_network import read_listener
from AgentBridgeLib.policy.setting_texts import SettingError
from AgentBridgeLib.policy.settings import LISTENER_KEY as SETTING
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.ports.loop import EventLoop
    from AgentBridgeLib.policy.dicom_network import ListenerPermission

LOOK_AGAIN_S = 0.1
LOOKS_UNTIL_IT_STANDS = 5
MOST_LOOKS = 50


class ListenerArguments(Arguments):
    """Nothing to say: port and permission are the person's."""


class StartListenerArguments(ListenerArguments):
    """Nothing to say: port and permission are the person's."""

    def also_requires(self) -> tuple[str, ...]:
        """Require that connections may be made."""
        return ("network",)


@operation(
    name="dicom.listener",
    capability="dicom.read",
    route="GET /dicom/listener",
    read_only=True,
    revision_scope="none",
)
def listener(context: OperationContext, arguments: ListenerArguments) -> DicomListenerState:  # noqa: ARG001
    """Tell whether Slicer's DICOM listener runs, where, and how much it has received.

    Returns
    -------
    DicomListenerState
        Also of a listener that the person has started in the DICOM module.

    Raises
    ------
    OperationFailedError
        The setting is unreadable.
    """
    return _state(context)


@operation(
    name="dicom.start_listener",
    capability="dicom.write",
    route="POST /dicom/listener/start",
    execution="process",
    revision_scope="none",
)
def start_listener(
    context: OperationContext,
    arguments: StartListenerArguments,  # noqa: ARG001
) -> Generator[Progress | Suspend, None, DicomListenerState]:
    """Start Slicer's DICOM listener, so that other programs can send images (C-STORE) into its database.

    The person has to allow it once in the settings, because it answers every machine that reaches this one, under any
    AE title. It ends with the bridge. Starting one that runs changes nothing.

    Returns
    -------
    DicomListenerState
        It runs. What arrives is found with dicom.find_instances.

    Raises
    ------
    CapabilityDisabledError
        The person has not allowed a listener in the settings.
    OperationFailedError
        The port is taken, the listener ended at once, or the setting is unreadable.
    FeatureMissingError
        No DICOM database is open, or this Slicer has no DICOM module.

    Notes
    -----
    Source: DICOM PS3.4, annex B; Slicer's DICOMLib.DICOMListener.
    """
    allowed = _allowed(context)
    if allowed is None:
        raise CapabilityDisabledError(
            "The person has not allowed a DICOM listener. They can, under Safety in the AgentBridge panel (setting "
            f"AgentBridge/{SETTING})."
        )
    running = context.host.dicom.listener
    if not running.is_running:
        context.host.dicom.start_listener(allowed.port)
        yield from _wait_until_it_stands(context)
    return _state(context)


@operation(
    name="dicom.stop_listener",
    capability="dicom.write",
    route="POST /dicom/listener/stop",
    revision_scope="none",
)
def stop_listener(context: OperationContext, arguments: ListenerArguments) -> DicomListenerState:  # noqa: ARG001
    """Stop Slicer's DICOM listener, also one that the person has started. What has arrived stays.

    Returns
    -------
    DicomListenerState
        It does not run.

    Raises
    ------
    OperationFailedError
        The setting is unreadable.
    """
    context.host.dicom.listener.stop()
    return _state(context)


def _state(context: OperationContext) -> DicomListenerState:
    running = context.host.dicom.listener
    return DicomListenerState(
        is_running=running.is_running,
        is_allowed=_allowed(context) is not None,
        port=running.port,
        received_count=running.received_count,
    )


def _allowed(context: OperationContext) -> ListenerPermission | None:
    text = context.host.settings.read(SETTING)
    if not text:
        return None
    try:
        return read_listener(text)
    except SettingError as fault:
        raise OperationFailedError(
            f"The setting AgentBridge/{SETTING} cannot be read: {fault}. The person has to correct it, under Safety "
            "in the AgentBridge panel."
        ) from None


def _wait_until_it_stands(context: OperationContext) -> Generator[Progress | Suspend, None, None]:
    """Look a few times: a listener that cannot listen ends soon after its start."""
    loop, running = context.host.loop, context.host.dicom.listener
    seen = 0
    for _ in range(MOST_LOOKS):
        yield Progress(None, "Starting the listener")
        yield Suspend(lambda wake: _wake_later(loop, wake))
        if running.is_running:
            seen += 1
        elif seen:
            break
        if seen == LOOKS_UNTIL_IT_STANDS:
            return
    running.stop()
    raise OperationFailedError("Slicer's DICOM listener ended right after its start. Its port may be taken.")


def _wake_later(loop: EventLoop, wake: Callable[[], None]) -> None:
    loop.call_later(LOOK_AGAIN_S, wake)
