"""A session as a Python script that does the same again, through any running bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.journal import HASHED_BYTES, ids_in
from AgentBridgeLib.gui.session_script_head import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from AgentBridgeLib.dispatch.journal import Place, Step
    from AgentBridgeLib.registry.operation import Route

_CHECKPOINT = "checkpoint_id"


def script(steps: Iterable[Step], route_of: Callable[[str], Route | None], name: str = "session.py") -> str:
    """Write the script. Steps that only read are left out; ids that a step made follow that step.

    Parameters
    ----------
    steps
        Oldest first.
    route_of
        Gives the route of an operation by its name; bytes are sent to it.
    name
        What the file is called, for its own help.
    """
    changing = [step for step in steps if not step.is_read_only]
    files = {
        f"step_{number}": (step.operation, step.sent.size_bytes, step.sent.sha256)
        for number, step in enumerate(changing, 1)
        if step.sent is not None
    }
    head = HEAD.substitute(name=name, hashed=HASHED_BYTES, sent=_table(files))
    lines = list(_Writer(changing, route_of).lines())
    return head + "\n".join(lines or ["# Nothing was changed in this session."]) + "\n"


def _table(files: Mapping[str, tuple[str, int, str]]) -> str:
    rows = "".join(f"    {step!r}: {entry!r},\n" for step, entry in files.items())
    return f"{{\n{rows}}}" if rows else "{}"


class _Writer:
    """Writes one line per step, and knows what stands for the ids that earlier steps made."""

    def __init__(self, steps: list[Step], route_of: Callable[[str], Route | None]) -> None:
        self._steps, self._route_of = steps, route_of
        self._made: dict[str, str] = {}
        self._restored = {step.arguments.get(_CHECKPOINT) for step in steps}

    def lines(self) -> Iterator[str]:
        """Write the lines."""
        for number, step in enumerate(self._steps, 1):
            variable = f"step_{number}"
            yield self._line(step, variable)
            if step.checkpoint_id in self._restored and step.checkpoint_id is not None:
                self._made[step.checkpoint_id] = f"{variable}_before"
                yield f"{variable}_before = checkpoint_before({step.operation!r})"
            used = {text for _place, text in ids_in(step.arguments)}
            self._made |= {
                text: variable + "".join(f"[{part!r}]" for part in place)
                for text, place in step.made.items()
                if text not in used and text not in self._made
            }

    def _line(self, step: Step, variable: str) -> str:
        places = {place: self._made[text] for place, text in ids_in(step.arguments) if text in self._made}
        checkpoint = step.arguments.get(_CHECKPOINT)
        if checkpoint is not None and checkpoint not in self._made:
            reason = f"{step.operation}: the checkpoint was made before the first step that is known here"
            return f"sys.exit({reason!r})"
        given = [f"{key}={_expression(value, places, (key,))}" for key, value in step.arguments.items()]
        route = None if step.sent is None else self._route_of(step.operation)
        if step.sent is None:
            head = [f"run({step.operation!r}"]
        elif route is None:
            return f"sys.exit({f'{step.operation}: there is no such operation any more'!r})"
        else:
            head = [f"send({variable!r}", repr(route.method), repr(route.path)]
        return f"{variable} = {', '.join([*head, *given])})"


def _expression(value: Any, places: Mapping[Place, str], place: Place = ()) -> str:
    if place in places:
        return places[place]
    if isinstance(value, dict):
        entries = (f"{key!r}: {_expression(entry, places, (*place, key))}" for key, entry in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, (list, tuple)):
        entries = (_expression(entry, places, (*place, index)) for index, entry in enumerate(value))
        return "[" + ", ".join(entries) + "]"
    return repr(value)
