"""Calls that wait for the person, with their answers. Never a dialog: the person may go on working."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


class RequestsSection:
    """One row per request, oldest first.

    Parameters
    ----------
    logic
        `AgentBridgeLogic`.
    """

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self._desk: Any = None
        self._leave: Callable[[], None] | None = None
        self._rows: list[_Row] = []
        self.widget = qt.QGroupBox(_("Requests waiting for you"))
        self.widget.setObjectName("AgentBridgeRequests")
        self._layout = qt.QVBoxLayout(self.widget)
        self._none = qt.QLabel(_("None."))
        self._layout.addWidget(self._none)

    def refresh(self) -> None:
        """Attend the desk of the bridge, and show what waits there."""
        self._attend()
        for row in self._rows:
            row.remove()
        waiting = self._desk.waiting if self._desk is not None else ()
        self._rows = [_Row(self._layout, self._desk, request) for request in waiting]
        self._none.setVisible(not self._rows)

    def close(self) -> None:
        """Leave the desk: from now on nobody can be asked."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _attend(self) -> None:
        bridge = self._logic.bridge
        desk = None if bridge is None else bridge.dispatcher.desk
        if desk is not self._desk:
            self.close()
            self._desk = desk
            self._leave = None if desk is None else desk.attend(self.refresh)


class _Row:
    """One request."""

    def __init__(self, layout: Any, desk: Any, request: Any) -> None:
        self._layout, self._desk, self._request = layout, desk, request
        self._frame = qt.QFrame()
        self._frame.setObjectName(f"AgentBridgeRequest{request.job_id}")
        column = qt.QVBoxLayout(self._frame)
        text = qt.QLabel(self._words())
        text.setWordWrap(True)
        text.setTextFormat(qt.Qt.PlainText)
        column.addWidget(text)
        buttons = qt.QHBoxLayout()
        column.addLayout(buttons)
        self._buttons = [
            self._button(buttons, _("Approve once"), "Approve", self._on_approve),
            self._button(buttons, _("Approve for this session"), "ApproveSession", self._on_approve_session),
            self._button(buttons, _("Deny"), "Deny", self._on_deny),
        ]
        layout.addWidget(self._frame)

    def remove(self) -> None:
        """Take the row away."""
        self._layout.removeWidget(self._frame)
        self._frame.hide()
        self._frame.deleteLater()

    def _words(self) -> str:
        request = self._request
        lines = [f"{request.client}: {request.operation}", request.effect, *request.nodes, *request.paths]
        return "\n".join(lines)

    def _button(self, layout: Any, text: str, name: str, on_clicked: Callable[[], None]) -> Any:
        button = qt.QPushButton(text)
        button.setObjectName(f"AgentBridge{name}{self._request.job_id}")
        button.clicked.connect(guarded(on_clicked))
        layout.addWidget(button)
        return button

    def _on_approve(self) -> None:
        self._decide(approve=True)

    def _on_approve_session(self) -> None:
        self._decide(approve=True, for_session=True)

    def _on_deny(self) -> None:
        self._decide(approve=False)

    def _decide(self, *, approve: bool, for_session: bool = False) -> None:
        request = self._request
        self._desk.decide(request.job_id, request.arguments_digest, approve=approve, for_session=for_session)
