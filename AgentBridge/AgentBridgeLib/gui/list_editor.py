"""A short list that is edited by one line below it: folders, remote nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import button, line_edit, row, text_label
from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ListEditor:
    """A list, a line with Add, and Remove.

    Parameters
    ----------
    name
        Prefix of the widgets' names.
    hint
        What is written into the line.
    add
        Takes the line; gives what is wrong with it, empty when it was taken.
    remove
        Takes the index of an entry.
    none
        What it means that the list is empty.
    """

    def __init__(
        self,
        name: str,
        hint: str,
        add: Callable[[str], str],
        remove: Callable[[int], None],
        *more: Any,
        none: str = "",
    ) -> None:
        self._add, self._remove = add, remove
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self._list = qt.QListWidget()
        self._list.setObjectName(f"{name}List")
        self._list.setMaximumHeight(64)
        layout.addWidget(self._list)
        self._none = text_label(none or _("None."), f"{name}None")
        paint(self._none, "quiet")
        layout.addWidget(self._none)
        self._line = line_edit(f"{name}Line", hint)
        self._line.returnPressed.connect(guarded(self._on_add))
        layout.addWidget(self._line)
        buttons = (button(_("Add"), f"{name}Add", self._on_add), *more)
        self._removal = button(_("Remove"), f"{name}Remove", self._on_remove)
        layout.addLayout(row(*buttons, self._removal))
        self._fault = text_label("", f"{name}Fault")
        self._fault.hide()
        layout.addWidget(self._fault)

    def show(self, entries: Sequence[str]) -> None:
        """Show the entries."""
        current = int(self._list.property("currentRow"))
        self._list.clear()
        for entry in entries:
            self._list.addItem(entry)
        self._list.setCurrentRow(min(current, len(entries) - 1))
        self._list.setVisible(bool(entries))
        self._none.setVisible(not entries)
        self._removal.setEnabled(bool(entries))

    def take(self, text: str) -> None:
        """Add one entry, as if it was written into the line."""
        fault = self._add(text.strip()) if text.strip() else ""
        self._fault.setText(fault)
        self._fault.setVisible(bool(fault))
        paint(self._fault, "bad")
        if not fault:
            self._line.setText("")

    def _on_add(self) -> None:
        self.take(str(self._line.property("text")))

    def _on_remove(self) -> None:
        index = int(self._list.property("currentRow"))
        if index >= 0:
            self._remove(index)
