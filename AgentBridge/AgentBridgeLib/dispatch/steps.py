"""The steps that can be undone, and what each keeps of the nodes that it named.

What steps keep has its own share of the memory. The oldest forgets first; the newest only if it would not fit alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.host.ports.scene import SceneCopy


@dataclass(slots=True)
class Step:
    """One call that changed the scene.

    Attributes
    ----------
    checkpoint_id
        Checkpoint of the whole scene before it; None when only some nodes were copied.
    targets
        Copies of the nodes that it named; None when there are none.
    revision
        The scene's before it.
    added
        The nodes that it brought.
    problem
        Why it cannot be undone; empty when it can.
    """

    operation: str
    time: float
    revision: int
    checkpoint_id: str | None = None
    targets: SceneCopy | None = None
    added: Sequence[str] = ()
    problem: str = ""

    @property
    def memory_bytes(self) -> int:
        """What it keeps besides its checkpoint."""
        return sum(part.memory_bytes for part in self.targets.parts) if self.targets else 0

    def forget(self, problem: str) -> None:
        """Keep nothing any more, and say why it cannot be undone."""
        if self.targets is not None:
            for part in self.targets.parts:
                part.drop()
            self.targets, self.problem = None, problem


class Steps:
    """The last steps, oldest first.

    Parameters
    ----------
    count
        How many.
    shared_bytes, single_bytes
        What all may keep together, and what the newest may keep if it alone takes more than that.
    """

    def __init__(self, count: int, shared_bytes: int, single_bytes: int) -> None:
        self._steps: deque[Step] = deque(maxlen=count)
        self._shared_bytes = shared_bytes
        self._single_bytes = single_bytes

    @property
    def last(self) -> Step | None:
        """The newest; None when there is none."""
        return self._steps[-1] if self._steps else None

    @property
    def memory_bytes(self) -> int:
        """What they keep together."""
        return sum(step.memory_bytes for step in self._steps)

    def add(self, step: Step) -> None:
        """Add the newest, and make room for what it keeps."""
        self._steps.append(step)
        for older in list(self._steps)[:-1]:
            if self.memory_bytes <= self._shared_bytes:
                return
            older.forget("what it changed had to make room for later steps")
        if step.memory_bytes > self._single_bytes:
            step.forget("what it changed takes too much memory to be kept")

    def take_last(self) -> None:
        """Remove the newest without dropping what it keeps."""
        self._steps.pop()

    def put_last(self, step: Step) -> None:
        """Put back what `take_last` removed."""
        self._steps.append(step)

    def forget(self) -> None:
        """Keep nothing of any step."""
        for step in self._steps:
            step.forget("what it changed had to make room for checkpoints")

    def clear(self) -> None:
        """Remove all."""
        self.forget()
        self._steps.clear()
