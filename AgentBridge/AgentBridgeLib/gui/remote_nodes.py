"""The DICOMweb servers that clients may name, with how the person enters each. A secret is never shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.widgets import button, line_edit, row, text_label, without_signals
from AgentBridgeLib.host.qtcompat import guarded
from AgentBridgeLib.policy.dicom_network import (
    LONGEST_TIMEOUT_S,
    TAKEN_NAME,
    RemoteNode,
    read_remote_nodes,
    write_remote_nodes,
)
from AgentBridgeLib.policy.setting_texts import SettingError
from AgentBridgeLib.policy.settings import REMOTE_NODES_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from AgentBridgeLib.gui.preferences import Preferences
    from AgentBridgeLib.policy.dicom_network import Authentication
    from AgentBridgeLib.policy.settings import SafetySettings

_ENTRIES: dict[Authentication, str] = {
    "none": "Without sign-in",
    "basic": "User and password",
    "bearer": "Bearer token",
}


class RemoteNodes:
    """The list and the form below it.

    Parameters
    ----------
    on_change
        Called after the list was written.
    """

    def __init__(self, preferences: Preferences, on_change: Callable[[], None]) -> None:
        self._preferences, self._changed = preferences, on_change
        self._nodes: Sequence[RemoteNode] = ()
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self._list = qt.QListWidget()
        self._list.setObjectName("AgentBridgeRemotesList")
        self._list.setMaximumHeight(64)
        self._list.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        self._list.currentRowChanged.connect(guarded(self._on_selected))
        layout.addWidget(self._list)
        self._none = text_label(_("None."), "AgentBridgeRemotesNone")
        paint(self._none, "quiet")
        layout.addWidget(self._none)
        self._name = line_edit("AgentBridgeRemotesName", _("Name that clients use, such as Archive"))
        layout.addWidget(self._name)
        self._url = line_edit("AgentBridgeRemotesUrl", _("Address, such as https://pacs.example/dicom-web"))
        layout.addWidget(self._url)
        self._entry = qt.QComboBox()
        self._entry.setObjectName("AgentBridgeRemotesAuth")
        self._entry.setAccessibleName(_("Sign-in"))
        for words in _ENTRIES.values():
            self._entry.addItem(_(words))
        self._entry.currentIndexChanged.connect(guarded(self._show_fields))
        self._timeout = qt.QSpinBox()
        self._timeout.setObjectName("AgentBridgeRemotesTimeout")
        self._timeout.setRange(1, LONGEST_TIMEOUT_S)
        self._timeout.setValue(30)
        self._timeout.setSuffix(_(" s"))
        self._timeout.setToolTip(_("How long to wait for an answer."))
        layout.addLayout(row(self._entry, self._timeout))
        self._user = line_edit("AgentBridgeRemotesUser", _("User"))
        layout.addWidget(self._user)
        self._secret = line_edit("AgentBridgeRemotesSecret")
        self._secret.setEchoMode(qt.QLineEdit.Password)
        layout.addWidget(self._secret)
        save = button(
            _("Save server"),
            "AgentBridgeRemotesAdd",
            self._on_save,
            _("Adds it, or changes the one of this name."),
        )
        self._removal = button(_("Remove"), "AgentBridgeRemotesRemove", self._on_remove)
        layout.addLayout(row(save, self._removal))
        self._fault = text_label("", "AgentBridgeRemotesFault")
        layout.addWidget(self._fault)
        self._say("")
        self._show_fields()

    def refresh(self, settings: SafetySettings) -> None:
        """Show the list in force."""
        self._list.setVisible(bool(settings.remote_nodes))
        self._none.setVisible(not settings.remote_nodes)
        self._removal.setEnabled(bool(settings.remote_nodes))
        if settings.remote_nodes == self._nodes:
            return
        self._nodes = settings.remote_nodes
        without_signals(self._list, self._fill)

    def _fill(self) -> None:
        self._list.clear()
        for node in self._nodes:
            self._list.addItem(_words(node))

    def _chosen_entry(self) -> Authentication:
        return tuple(_ENTRIES)[int(self._entry.property("currentIndex"))]

    def _show_fields(self) -> None:
        entry = self._chosen_entry()
        self._user.setVisible(entry == "basic")
        self._secret.setVisible(entry != "none")
        self._secret.setPlaceholderText(
            _("Bearer token (empty: as it was)") if entry == "bearer" else _("Password (empty: as it was)")
        )

    def _on_selected(self) -> None:
        index = int(self._list.property("currentRow"))
        if not 0 <= index < len(self._nodes):
            return
        node = self._nodes[index]
        self._name.setText(node.name)
        self._url.setText(node.url)
        self._entry.setCurrentIndex(tuple(_ENTRIES).index(node.auth))
        self._user.setText(node.user)
        self._secret.setText("")
        self._timeout.setValue(int(node.timeout_s))
        self._say("")

    def _on_save(self) -> None:
        node = self._written()
        others = [known for known in self._nodes if known.name != node.name]
        text = write_remote_nodes((*others, node))
        fault = _fault_of(node, text)
        self._say(fault)
        if not fault:
            for line in (self._name, self._url, self._user, self._secret):
                line.setText("")
            self._entry.setCurrentIndex(0)
            self._write(text)

    def _written(self) -> RemoteNode:
        """Read the form. An empty secret stays as it was, unless it would go to another address."""
        name, url, user, secret = (
            str(line.property("text")).strip() for line in (self._name, self._url, self._user, self._secret)
        )
        entry = self._chosen_entry()
        before = next((node for node in self._nodes if node.name == name), None)
        if not secret and before is not None and (before.url, before.auth) == (url, entry):
            secret = before.secret
        return RemoteNode(
            name,
            url,
            entry,
            user if entry == "basic" else "",
            secret if entry != "none" else "",
            float(self._timeout.property("value")),
        )

    def _on_remove(self) -> None:
        index = int(self._list.property("currentRow"))
        if 0 <= index < len(self._nodes):
            self._write(write_remote_nodes((*self._nodes[:index], *self._nodes[index + 1 :])))

    def _write(self, text: str) -> None:
        self._preferences.write(REMOTE_NODES_KEY, text)
        self._changed()

    def _say(self, fault: str) -> None:
        self._fault.setText(fault)
        self._fault.setVisible(bool(fault))
        paint(self._fault, "bad")


def _fault_of(node: RemoteNode, text: str) -> str:
    """Say what is wrong with what was written; empty when it can be stored."""
    if node.name == TAKEN_NAME:
        return _("The name local means Slicer's own DICOM database. Choose another.")
    try:
        read_remote_nodes(text)
    except SettingError:
        return _(
            "Write a name of letters, digits, dots and dashes, and an address that begins with https:// or "
            "http:// and holds no user and password."
        )
    if node.auth == "basic" and not node.user:
        return _("Write the user, too.")
    if node.auth != "none" and not node.secret:
        return _("Write the password or token, too.")
    return ""


def _words(node: RemoteNode) -> str:
    """Describe a node without its secret."""
    said = [_(_ENTRIES[node.auth]).lower()] if node.auth != "none" else []
    if said and node.url.startswith("http://"):
        said.append(_("not encrypted"))
    return f"{node.name} = {node.url}" + (f" ({', '.join(said)})" if said else "")
