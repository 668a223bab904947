"""What runs: progress, how long already, and its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.errors import BridgeError
from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import button, column, row, text_label, visible

if TYPE_CHECKING:
    from AgentBridgeLib.jobs.machine import Job

_MOST_ENDED = 5
_STATES = {
    "awaiting_approval": "waits for your approval",
    "queued": "waits for its turn",
    "running": "running",
    "waiting_for_user": "waits for you",
    "succeeded": "done",
    "failed": "failed",
    "canceled": "canceled",
}
_UNANSWERED = {
    "policy.approval_denied": "you denied it",
    "policy.approval_expired": "expired before you answered",
}
"""What the errors say to the person; their own words are for the client."""


class JobsSection:
    """Jobs in progress, and the last that ended.

    Parameters
    ----------
    body
        Widget to fill.
    logic
        `AgentBridgeLogic`.
    """

    def __init__(self, body: Any, logic: Any) -> None:
        self._logic = logic
        self._rows: dict[str, _Row] = {}
        self.widget = body
        self._layout = column(body)
        self._none = text_label(_("Nothing runs."))
        paint(self._none, "quiet")
        self._layout.addWidget(self._none)

    @property
    def is_busy(self) -> bool:
        """Whether any job that is shown has not ended."""
        return any(not shown.job.has_ended for shown in self._rows.values())

    def refresh(self) -> None:
        """Show the jobs, newest first."""
        bridge = self._logic.bridge
        newest = [] if bridge is None else list(reversed(list(bridge.jobs.machine)))
        active = [job for job in newest if not job.has_ended]
        shown = [*active, *[job for job in newest if job.has_ended][:_MOST_ENDED]]
        ids = [job.id for job in shown]
        for job_id in [known for known in self._rows if known not in ids]:
            self._rows.pop(job_id).remove()
        for index, job in enumerate(shown):
            if job.id not in self._rows:
                self._rows[job.id] = _Row(bridge.jobs, job)
            self._layout.removeWidget(self._rows[job.id].frame)
            self._layout.insertWidget(index + 1, self._rows[job.id].frame)
            self._rows[job.id].refresh()
        self._none.setVisible(not shown)

    def tick(self) -> None:
        """Show the time that has passed."""
        for shown in self._rows.values():
            if not shown.job.has_ended:
                shown.refresh()


class _Row:
    """One job."""

    def __init__(self, jobs: Any, job: Job) -> None:
        self._jobs, self.job = jobs, job
        self.frame = qt.QFrame()
        self.frame.setObjectName(f"AgentBridgeJob{job.id}")
        layout = column(self.frame)
        layout.setContentsMargins(0, 2, 0, 4)
        self._title = text_label()
        self._cancel = button(_("Ca&ncel"), f"AgentBridgeCancel{job.id}", self._on_cancel)
        self._done = button(_("D&one"), f"AgentBridgeDone{job.id}", self._on_done)
        layout.addLayout(row(self._title, self._done, self._cancel))
        self._bar = qt.QProgressBar()
        self._bar.setMaximumHeight(12)
        self._bar.setTextVisible(False)
        layout.addWidget(self._bar)
        self._state = text_label("", f"AgentBridgeJobState{job.id}")
        layout.addWidget(self._state)

    def remove(self) -> None:
        """Take the row away."""
        self.frame.hide()
        self.frame.setParent(None)
        self.frame.deleteLater()

    def refresh(self) -> None:
        """Show the present state."""
        job, state = self.job, str(self.job.state)
        self._title.setText(f"{job.operation} \u2013 {visible(job.client)}")
        self._cancel.setVisible(not job.has_ended)
        self._cancel.setEnabled(not job.is_cancel_requested)
        self._done.setVisible(state == "waiting_for_user")
        self._bar.setVisible(state in {"running", "waiting_for_user"})
        self._bar.setRange(0, 0 if job.fraction is None and state == "running" else 100)
        self._bar.setValue(int(100 * (job.fraction or 0.0)))
        self._state.setText(self._words())
        paint(
            self._state,
            {"failed": "bad", "succeeded": "good", "waiting_for_user": "notice"}.get(state, "quiet"),
        )

    def _words(self) -> str:
        job = self.job
        code = "" if job.error is None else job.error.code
        said = [_(_UNANSWERED.get(code, _STATES[str(job.state)]))]
        if job.is_cancel_requested and not job.has_ended:
            said = [_("stopping")]
        if job.started_at is not None:
            said.append(_clock((job.finished_at or self._jobs.now) - job.started_at))
        detail = job.prompt if str(job.state) == "waiting_for_user" else job.message
        if job.has_ended:
            detail = "" if job.error is None or code in _UNANSWERED else job.error.message
        return ", ".join(said) + (f": {visible(detail)}" if detail else "")

    def _on_cancel(self) -> None:
        try:
            self._jobs.cancel(self.job.id)
        except BridgeError:  # it has ended while the button was pressed
            self.refresh()

    def _on_done(self) -> None:
        try:
            self._jobs.user_done(self.job.id)
        except BridgeError:
            self.refresh()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
