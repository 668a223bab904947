"""Calls that wait for the person, with their answers. Never a dialog: the person may go on working."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.errors import JobStateConflictError
from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import button, column, long_text, row, text_label, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Container

_MOST_GIVEN = 240
_MOST_LINES = 4
_LOOK_AGAIN_S = 0.5
"""A row that has moved up within this time takes no approval: the press was meant for what stood there before. As long
as a double click; browsers guard their questions in the same way."""


class RequestsSection:
    """One row per request, oldest first, and what was approved for the session.

    Parameters
    ----------
    body
        Widget to fill.
    logic
        `AgentBridgeLogic`.
    attends
        Whether somebody sits here who can answer. Without a main window nobody does.
    on_change
        Called with the number of requests when it changes.
    """

    def __init__(
        self, body: Any, logic: Any, on_change: Callable[[int], None], *, attends: bool = True
    ) -> None:
        self._logic, self._on_change, self._attends = logic, on_change, attends
        self._desk: Any = None
        self._leave: Callable[[], None] | None = None
        self._rows: dict[str, _Row] = {}
        self._leases: list[Any] = []
        self.widget = body
        self._layout = column(body)
        self._none = text_label(_("None. What a client may do only with your approval appears here."))
        paint(self._none, "quiet")
        self._layout.addWidget(self._none)
        self._said = text_label("", "AgentBridgeDecision")
        self._layout.addWidget(self._said)
        self._lease_box = qt.QVBoxLayout()
        self._layout.addLayout(self._lease_box)

    @property
    def count(self) -> int:
        """How many wait."""
        return 0 if self._desk is None else len(self._desk.waiting)

    def refresh(self) -> None:
        """Attend the desk of the bridge, and show what waits there."""
        self._attend()
        waiting = {} if self._desk is None else {request.job_id: request for request in self._desk.waiting}
        self._remove_rows_but(waiting)
        for job_id, request in waiting.items():
            if job_id not in self._rows:
                self._rows[job_id] = _Row(self._desk, request, self._say, self.tick)
                self._layout.insertWidget(len(self._rows), self._rows[job_id].frame)
        self._none.setVisible(not self._rows)
        self._said.setVisible(bool(self._said.property("text")))
        self._show_leases()
        self.tick()
        self._on_change(self.count)

    def tick(self) -> None:
        """Show how much time is left; what is overdue goes."""
        bridge = self._logic.bridge
        if bridge is not None and any(not shown.seconds_left for shown in self._rows.values()):
            bridge.jobs.expire_approvals()
        for shown in self._rows.values():
            shown.tick()

    def close(self) -> None:
        """Leave the desk: from now on nobody can be asked."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _remove_rows_but(self, waiting: Container[str]) -> None:
        has_moved = False
        for job_id, shown in list(self._rows.items()):
            if job_id not in waiting:
                self._rows.pop(job_id).remove()
                has_moved = True
            elif has_moved:
                shown.moved_at = self._desk.now

    def _attend(self) -> None:
        bridge = self._logic.bridge
        desk = None if bridge is None else bridge.dispatcher.desk
        if desk is not self._desk:
            self.close()
            self._desk = desk
            if desk is not None and self._attends:
                self._leave = desk.attend(self.refresh)

    def _say(self, text: str) -> None:
        self._said.setText(text)
        self._said.setVisible(bool(text))

    def _show_leases(self) -> None:
        for widget in self._leases:
            widget.hide()
            self._lease_box.removeWidget(widget)
            widget.deleteLater()
        self._leases = []
        for client, operation in () if self._desk is None else self._desk.leases:
            self._leases.append(self._lease(client, operation))

    def _lease(self, client: str, operation: str) -> Any:
        frame = qt.QFrame()
        text = _("{client} may call {operation} until Slicer ends.").format(
            client=visible(client), operation=operation
        )
        withdraw = button(
            _("Withdraw"),
            f"AgentBridgeWithdraw_{operation}",
            partial(self._desk.end_lease, client, operation),
        )
        frame.setLayout(row(text_label(text), withdraw))
        self._lease_box.addWidget(frame)
        return frame


class _Row:
    """One request."""

    def __init__(
        self, desk: Any, request: Any, say: Callable[[str], None], tick_all: Callable[[], None]
    ) -> None:
        self._desk, self.request, self._say, self._tick_all = desk, request, say, tick_all
        self.moved_at = -math.inf
        self.frame = qt.QFrame()
        self.frame.setObjectName(f"AgentBridgeRequest{request.job_id}")
        self.frame.setFrameShape(qt.QFrame.StyledPanel)
        layout = column(self.frame)
        effect = text_label(request.effect)
        paint(effect, "", bold=True)
        layout.addWidget(effect)
        layout.addWidget(text_label(self._words()))
        if request.values:
            layout.addWidget(self._given())
        if request.warning:
            warning = text_label(request.warning)
            paint(warning, "bad", bold=True)
            layout.addWidget(warning)
        self._left = text_label("", f"AgentBridgeTimeLeft{request.job_id}")
        paint(self._left, "quiet")
        layout.addWidget(self._left)
        layout.addLayout(self._buttons())

    @property
    def seconds_left(self) -> float:
        """How long it still waits."""
        return float(self._desk.seconds_left(self.request))

    def remove(self) -> None:
        """Take the row away."""
        self.frame.hide()
        self.frame.setParent(None)
        self.frame.deleteLater()

    def tick(self) -> None:
        """Show the time that is left."""
        seconds = math.ceil(self.seconds_left)
        minutes, rest = divmod(seconds, 60)
        self._left.setText(_("Expires in {minutes}:{seconds:02d}").format(minutes=minutes, seconds=rest))

    def _words(self) -> str:
        request = self.request
        lines = [
            _("{client} asks for {operation}").format(client=request.client, operation=request.operation)
        ]
        lines += [_("On: {nodes}").format(nodes=", ".join(request.nodes))] if request.nodes else []
        lines += [_("Patient: {names}").format(names=", ".join(request.patients))] if request.patients else []
        lines += [_("File: {path}").format(path=path) for path in request.paths]
        return "\n".join(visible(line) for line in lines)

    def _given(self) -> Any:
        """Show what else was given; all of it, for it is what is approved."""
        values = self.request.values
        written = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in values.items()
        }
        text = "\n".join(
            f"{name}:\n{value}" if "\n" in value else f"{name}: {value}" for name, value in written.items()
        )
        shown, name = visible(text, "\n\t"), f"AgentBridgeGiven{self.request.job_id}"
        is_long = len(shown) > _MOST_GIVEN or shown.count("\n") > _MOST_LINES
        return long_text(shown, name) if is_long else text_label(shown, name)

    def _buttons(self) -> Any:
        grid = qt.QGridLayout()
        grid.addWidget(self._button(_("A&pprove once"), "Approve", self._on_approve), 0, 0)
        grid.addWidget(self._button(_("&Deny"), "Deny", self._on_deny), 0, 1)
        if self.request.can_last:
            lasting = self._button(_("Approve for this sess&ion"), "ApproveSession", self._on_approve_session)
            lasting.setToolTip(_("This client may call this operation, on any node, until Slicer ends."))
            grid.addWidget(lasting, 1, 0, 1, 2)
        return grid

    def _button(self, text: str, name: str, on_clicked: Callable[[], None]) -> Any:
        return button(text, f"AgentBridge{name}{self.request.job_id}", on_clicked)

    def _on_approve(self) -> None:
        self._decide(approve=True)

    def _on_approve_session(self) -> None:
        self._decide(approve=True, for_session=True)

    def _on_deny(self) -> None:
        self._decide(approve=False)

    def _decide(self, *, approve: bool, for_session: bool = False) -> None:
        request = self.request
        self._say("")
        if approve and 0 <= self._desk.now - self.moved_at < _LOOK_AGAIN_S:
            self._say(_("The list has just moved. Look again, then press."))
            return
        self._tick_all()  # what is overdue goes, also when no timer came yet
        try:
            self._desk.decide(
                request.job_id, request.arguments_digest, approve=approve, for_session=for_session
            )
        except JobStateConflictError:
            self._say(
                _("That request was no longer waiting: it expired or was taken back. Nothing was done.")
            )
