"""The states of a job and what leads from one to the next, as data; `machine.py` moves jobs by it.

The manual's diagram is drawn from the table.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job stands."""

    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING_FOR_USER = "waiting_for_user"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED})


class Event(StrEnum):
    """What can happen to a job."""

    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    SLOT_FREE = "slot_free"
    USER_NEEDED = "user_needed"
    USER_DONE = "user_done"
    CANCEL_REQUESTED = "cancel_requested"
    STOPPED = "stopped"
    FINISHED = "finished"
    RAISED = "raised"


class Instruction(StrEnum):
    """What dispatch has to do."""

    START_WORK = "start_work"
    RESUME_WORK = "resume_work"
    ASK_WORK_TO_STOP = "ask_work_to_stop"
    ROLL_BACK = "roll_back"
    STORE_RESULT = "store_result"
    STORE_ERROR = "store_error"
    SHOW_PROMPT = "show_prompt"
    FORGET = "forget"


TRANSITIONS: dict[tuple[State, Event], tuple[State, tuple[Instruction, ...]]] = {
    (State.AWAITING_APPROVAL, Event.APPROVED): (State.QUEUED, ()),
    (State.AWAITING_APPROVAL, Event.DENIED): (State.FAILED, (Instruction.STORE_ERROR,)),
    (State.AWAITING_APPROVAL, Event.EXPIRED): (State.FAILED, (Instruction.STORE_ERROR,)),
    (State.AWAITING_APPROVAL, Event.CANCEL_REQUESTED): (State.CANCELED, ()),
    (State.QUEUED, Event.SLOT_FREE): (State.RUNNING, (Instruction.START_WORK,)),
    (State.QUEUED, Event.CANCEL_REQUESTED): (State.CANCELED, ()),
    (State.RUNNING, Event.USER_NEEDED): (State.WAITING_FOR_USER, (Instruction.SHOW_PROMPT,)),
    (State.RUNNING, Event.CANCEL_REQUESTED): (State.RUNNING, (Instruction.ASK_WORK_TO_STOP,)),
    (State.RUNNING, Event.STOPPED): (State.CANCELED, (Instruction.ROLL_BACK,)),
    (State.RUNNING, Event.FINISHED): (State.SUCCEEDED, (Instruction.STORE_RESULT,)),
    (State.RUNNING, Event.RAISED): (State.FAILED, (Instruction.ROLL_BACK, Instruction.STORE_ERROR)),
    (State.WAITING_FOR_USER, Event.USER_DONE): (State.RUNNING, (Instruction.RESUME_WORK,)),
    (State.WAITING_FOR_USER, Event.CANCEL_REQUESTED): (
        State.WAITING_FOR_USER,
        (Instruction.ASK_WORK_TO_STOP,),
    ),
    (State.WAITING_FOR_USER, Event.STOPPED): (State.CANCELED, (Instruction.ROLL_BACK,)),
    (State.WAITING_FOR_USER, Event.RAISED): (State.FAILED, (Instruction.ROLL_BACK, Instruction.STORE_ERROR)),
}
