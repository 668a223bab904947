"""What clients did: newest first, filterable, with details, the way back, and exports."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.exports import FileChooser
from AgentBridgeLib.gui.palette import color, paint
from AgentBridgeLib.gui.session_script import script
from AgentBridgeLib.gui.widgets import button, column, line_edit, text_label, visible
from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.dispatch.audit import AuditEntry

_MOST_ROWS = 200
_GOOD = {"succeeded", "not_modified", "accepted"}


class ActivitySection:
    """The audit log as the person reads it.

    Parameters
    ----------
    body
        Widget to fill.
    logic
        `AgentBridgeLogic`.
    """

    def __init__(self, body: Any, logic: Any) -> None:
        self._logic = logic
        self._entries: dict[int, AuditEntry] = {}
        self.widget = body
        self._chooser = FileChooser(body)
        layout = column(body)
        self._filter = line_edit("AgentBridgeFilter", _("Filter: operation, client, outcome"))
        self._filter.setClearButtonEnabled(True)
        self._filter.textChanged.connect(guarded(self.refresh))
        layout.addWidget(self._filter)
        self._tree = self._make_tree()
        layout.addWidget(self._tree)
        self._none = text_label("", "AgentBridgeActivityNone")
        paint(self._none, "quiet")
        layout.addWidget(self._none)
        self._details = text_label("", "AgentBridgeDetails")
        self._details.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
        layout.addWidget(self._details)
        self._restore = button(
            _("Restore the scene to before this step"), "AgentBridgeRestore", self._on_restore
        )
        layout.addWidget(self._restore)
        exports = qt.QGridLayout()
        exports.addWidget(button(_("Export log\u2026"), "AgentBridgeExportLog", self._on_export_log), 0, 0)
        exports.addWidget(
            button(
                _("Export session\u2026"),
                "AgentBridgeExportSession",
                self._on_export_session,
                _("A Python script that does the same again."),
            ),
            0,
            1,
        )
        layout.addLayout(exports)
        self._said = text_label("", "AgentBridgeActivitySaid")
        layout.addWidget(self._said)
        self._say("")

    def refresh(self) -> None:
        """Show what was called, newest first."""
        bridge = self._logic.bridge
        chosen = self._selected()
        words = str(self._filter.property("text")).lower().split()
        newest = [] if bridge is None else bridge.audit.page(None, 10_000)[0]
        shown = [entry for entry in newest if _mentions(entry, words)][:_MOST_ROWS]
        self._entries = {entry.number: entry for entry in shown}
        self._tree.blockSignals(True)
        self._tree.clear()
        for entry in shown:
            self._add(entry, is_current=chosen == entry.number)
        self._tree.blockSignals(False)
        self._none.setText(
            _("Nothing fits the filter.") if newest else _("No client has called anything yet.")
        )
        self._none.setVisible(not shown)
        self._tree.setVisible(bool(shown))
        self._show_details()

    def close(self) -> None:
        """Take the file window away."""
        self._chooser.close()

    def export_log(self, path: str) -> None:
        """Write the log of this session as JSON lines, and say whether the files on disk are intact."""
        audit = self._logic.bridge.audit
        entries = list(reversed(audit.page(None, 10_000)[0]))
        self._write(path, "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries))
        if audit.file is None or audit.file.path is None:
            return
        faults = audit.file.check()
        said = _("Its file on disk is not as it was written: {faults}.").format(faults="; ".join(faults[:3]))
        self._say(f"{self._said.property('text')} {said if faults else _('Its file on disk is intact.')}")

    def export_session(self, path: str) -> None:
        """Write the session as a Python script; what the identifier policy hides is hidden in it too."""
        bridge = self._logic.bridge
        operations, cover = bridge.catalog.operations, bridge.redaction.redactor()
        steps = bridge.journal.steps
        covered = [replace(step, arguments=cover.apply(dict(step.arguments))) for step in steps]
        text = script(
            covered,
            lambda name: operations[name].mark.route if name in operations else None,
            Path(path).name,
        )
        self._write(path, text)
        if any(one.arguments != other.arguments for one, other in zip(steps, covered, strict=True)):
            hidden = _("Patient identifiers are covered in it, so steps that name them have to be completed.")
            self._say(f"{self._said.property('text')} {hidden}")

    def _make_tree(self) -> Any:
        tree = qt.QTreeWidget()
        tree.setObjectName("AgentBridgeLog")
        tree.setColumnCount(3)
        tree.setHeaderLabels([_("Time"), _("Operation"), _("Outcome")])
        tree.setRootIsDecorated(False)
        tree.setMinimumHeight(140)
        tree.setAlternatingRowColors(True)
        tree.header().setStretchLastSection(True)
        tree.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        tree.setColumnWidth(0, 64)
        tree.setColumnWidth(1, 160)
        tree.currentItemChanged.connect(guarded(self._on_selected))
        return tree

    def _add(self, entry: AuditEntry, *, is_current: bool) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(entry.time))
        item = qt.QTreeWidgetItem([clock, visible(entry.operation), _outcome(entry)])
        item.setData(0, qt.Qt.UserRole, entry.number)
        role = "good" if entry.outcome in _GOOD else "bad"
        role = "notice" if entry.outcome == "accepted" else role
        item.setForeground(2, qt.QBrush(qt.QColor(color(role))))
        item.setToolTip(
            1, visible(f"{entry.operation} \u2013 {entry.client}").replace("<", "\u2039")
        )  # no markup
        self._tree.addTopLevelItem(item)
        if is_current:
            self._tree.setCurrentItem(item)

    def _selected(self) -> int | None:
        item = self._tree.currentItem()
        return None if item is None else item.data(0, qt.Qt.UserRole)

    def _on_selected(self) -> None:
        self._say("")
        self._show_details()

    def _show_details(self) -> None:
        number = self._selected()
        entry = None if number is None else self._entries.get(number)
        self._details.setText("" if entry is None else _details(entry))
        self._details.setVisible(entry is not None)
        self._restore.setVisible(entry is not None and entry.decision != "deny")
        self._restore.setEnabled(entry is not None and self._way_back(entry) is not None)

    def _checkpoint_before(self, entry: AuditEntry) -> str | None:
        """Find the checkpoint that was made for this step: while it was being done, the last before its end."""
        bridge = self._logic.bridge
        begin = entry.time - entry.duration_ms / 1000 - 0.01
        for checkpoint in reversed(list(bridge.checkpoints)):
            if (
                begin <= checkpoint.created_at <= entry.time
                and checkpoint.is_automatic
                and checkpoint.label == f"before {entry.operation}"
            ):
                return checkpoint.id
        return None

    def _is_last_step(self, entry: AuditEntry) -> bool:
        """Whether undoing one step is all it takes."""
        step = self._logic.bridge.checkpoints.last_step
        if step is None or step.operation != entry.operation:
            return False
        same = [number for number, other in self._entries.items() if other.operation == step.operation]
        return entry.number == max(same) and entry.outcome == "succeeded"

    def _way_back(self, entry: AuditEntry) -> tuple[str, dict[str, str]] | None:
        """Give the operation that restores the scene to before a step, and its arguments."""
        checkpoint = self._checkpoint_before(entry)
        if checkpoint is not None:
            return "checkpoints.restore", {"checkpoint_id": checkpoint}
        return ("scene.undo", {}) if self._is_last_step(entry) else None

    def _on_restore(self) -> None:
        entry = self._entries.get(self._selected() or 0)
        way = None if entry is None else self._way_back(entry)
        if way is None:
            self._say(_("There is no checkpoint of the scene before this step any more."))
            return
        self._logic.bridge.call_for_person(*way, self._on_restored, self._say)

    def _on_restored(self, _result: dict[str, Any]) -> None:
        self._say(_("The scene is as it was before that step. What came after is kept in a checkpoint."))

    def _on_export_log(self) -> None:
        self._export(_("Export the log"), f"agentbridge-log-{_stamp()}.jsonl", self.export_log)

    def _on_export_session(self) -> None:
        self._export(_("Export the session"), f"session-{_stamp()}.py", self.export_session)

    def _export(self, title: str, name: str, write: Callable[[str], None]) -> None:
        if self._logic.bridge is None:
            self._say(_("Nothing was done yet."))
            return
        self._chooser.save_as(title, name, partial(self._attempt, write))

    def _attempt(self, write: Callable[[str], None], path: str) -> None:
        if Path(path).exists():
            self._say(
                _("Nothing was written: {path} is there already. Choose another name.").format(path=path)
            )
            return
        try:
            write(path)
        except OSError as error:
            self._say(_("Could not write: {reason}").format(reason=error.strerror or error))

    def _write(self, path: str, text: str) -> None:
        target = Path(path)
        beside = target.with_name(f".{target.name}.partial")
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
        self._say(_("Written: {path}.").format(path=path))

    def _say(self, text: str) -> None:
        self._said.setText(text)
        self._said.setVisible(bool(text))
        paint(self._said, "quiet")


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


def _mentions(entry: AuditEntry, words: Sequence[str]) -> bool:
    text = f"{entry.operation} {entry.client} {entry.decision} {entry.outcome} {_outcome(entry)}".lower()
    return all(word in text for word in words)


def _outcome(entry: AuditEntry) -> str:
    """Say it in a word; the details have the code."""
    if entry.outcome == "accepted":
        return _("asks you") if entry.decision == "ask" else _("began")
    if entry.decision == "deny" or entry.outcome == "policy.approval_denied":
        return _("denied")
    words = {
        "succeeded": _("done"),
        "not_modified": _("done"),
        "canceled": _("canceled"),
        "policy.approval_expired": _("expired"),
    }
    return words.get(entry.outcome, _("failed"))


def _details(entry: AuditEntry) -> str:
    lines = [
        _("Client: {client}, through {door}").format(
            client=visible(entry.client) or "\u2013", door=entry.door
        ),
        _("Decision: {decision}; outcome: {outcome}").format(decision=entry.decision, outcome=entry.outcome),
        _("Took {duration} ms").format(duration=f"{entry.duration_ms:.1f}"),
    ]
    lines += [_("Job: {job}").format(job=entry.job_id)] if entry.job_id else []
    lines += [_("Arguments: SHA-256 {digest}\u2026").format(digest=entry.arguments_digest[:16])] * bool(
        entry.arguments_digest
    )
    return "\n".join(lines)
