"""Start and Stop, the address, what to paste into a client, who is connected, and how it is reached."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from AgentBridgeLib.gui.palette import paint
from AgentBridgeLib.gui.snippets import PLACES, SNIPPETS
from AgentBridgeLib.gui.widgets import (
    button,
    check_box,
    column,
    line_edit,
    row,
    text_label,
    visible,
    without_signals,
)
from AgentBridgeLib.host import web_server
from AgentBridgeLib.host.qtcompat import guarded
from AgentBridgeLib.policy.settings import GUARD_KEY, START_KEY, WEB_SERVER_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.gui.preferences import Preferences

_MOST_CLIENTS = 5


class ConnectionSection:
    """The first section.

    Parameters
    ----------
    body
        Widget to fill.
    logic
        `AgentBridgeLogic`.
    on_change
        Called when the bridge was started or stopped, or an option changed.
    """

    def __init__(
        self, body: Any, logic: Any, preferences: Preferences, on_change: Callable[[], None]
    ) -> None:
        self._logic, self._preferences, self._on_change = logic, preferences, on_change
        self.problem = ""
        self.widget = body
        layout = column(body)
        self._toggle = button("", "AgentBridgeToggle", self._on_toggle)
        self._address = line_edit("AgentBridgeAddress", _("not listening"))
        self._address.setReadOnly(True)
        self._address.setAccessibleName(_("Address"))
        layout.addLayout(row(self._address, self._toggle))
        self._copy = self._make_copy_menu()
        self._renew = button(
            _("New &token"),
            "AgentBridgeNewToken",
            self._on_new_token,
            _("Clients that use the present token have to be told the new one."),
        )
        layout.addLayout(row(self._copy, self._renew))
        self._said = text_label("", "AgentBridgeCopied")
        layout.addWidget(self._said)
        self._clients = text_label("", "AgentBridgeClients")
        self._clients.setWordWrap(False)
        layout.addWidget(self._clients)
        self._options = [self._option(layout, *entry) for entry in _options()]
        self._warning = text_label("", "AgentBridgeWebServerWarning")
        layout.addWidget(self._warning)

    def refresh(self) -> None:
        """Show the present state."""
        url, bridge = self._logic.url, self._logic.bridge
        self._toggle.setText(_("&Stop") if url else _("&Start"))
        self._toggle.setEnabled(bool(url) or not self._logic.missingPackages())
        self._address.setText(url)
        self._copy.setEnabled(bool(url))
        self._renew.setEnabled(bridge is not None)
        self._said.setVisible(bool(self._said.property("text")))
        settings = self._preferences.read()
        values = {
            START_KEY: settings.starts_with_slicer,
            WEB_SERVER_KEY: settings.answers_on_web_server,
            GUARD_KEY: settings.guards_web_server,
        }
        for key, box in self._options:
            without_signals(box, partial(box.setChecked, values[key]))
        self._show_warning()
        self._show_clients(bridge)

    def snippet(self, client: str) -> str:
        """Give what connects a client."""
        return SNIPPETS[client](self._logic.url, self._logic.token)

    def copy(self, client: str) -> None:
        """Put what connects a client on the clipboard."""
        text = self.snippet(client)
        qt.QApplication.clipboard().setText(text)
        said = [_("Copied for {client}.").format(client=client), _(PLACES[client])]
        if self._logic.token in text:
            said.append(_("It holds the token: keep it on this computer."))
        self._said.setText(" ".join(said))
        self._said.setVisible(True)

    def _on_toggle(self) -> None:
        self.problem = ""
        self._said.setText("")
        try:
            self._logic.stop() if self._logic.url else self._logic.start()
        except Exception:
            logging.getLogger("AgentBridge").exception("The bridge could not start")
            self.problem = _("Could not start: see Slicer's log")
        self._on_change()

    def _on_new_token(self) -> None:
        self._logic.bridge.renew_token()
        self._said.setText(_("There is a new token. Copy the connection again."))
        self._on_change()

    def _on_option(self, key: str, box: Any) -> None:
        self._preferences.write(key, bool(box.isChecked()))
        self._on_change()

    def _make_copy_menu(self) -> Any:
        made = qt.QPushButton(_("&Copy connection"))
        made.setObjectName("AgentBridgeCopy")
        self._menu = qt.QMenu(made)
        self._actions = []
        for client in SNIPPETS:
            action = self._menu.addAction(client)
            action.setObjectName("AgentBridgeCopy" + client.replace(" ", ""))
            action.triggered.connect(guarded(partial(self.copy, client)))
            self._actions.append(action)
        made.setMenu(self._menu)
        return made

    def _option(self, layout: Any, key: str, text: str) -> tuple[str, Any]:
        holder: list[Any] = []
        box = check_box(text, f"AgentBridgeOption_{key}", lambda: self._on_option(key, holder[0]))
        holder.append(box)
        layout.addWidget(box)
        return key, box

    def _show_warning(self) -> None:
        address = web_server.listening_address()
        is_open = bool(address) and not address.startswith("127.")
        self._warning.setVisible(is_open)
        if is_open:
            self._warning.setText(
                _(
                    "Slicer's own Web Server is running and listens beyond this computer ({address}). The bridge "
                    "answers there only this computer; what else it serves is up to its own panel."
                ).format(address=address)
            )
            paint(self._warning, "notice")

    def _show_clients(self, bridge: Any) -> None:
        seen = {} if bridge is None else dict(bridge.audit.clients)
        latest = sorted(seen, key=lambda name: seen[name].last_time, reverse=True)
        lines = [
            (_("{client}: 1 call") if seen[name].calls == 1 else _("{client}: {count} calls")).format(
                client=visible(name[:40]) or _("a client without a name"), count=seen[name].calls
            )
            for name in latest[:_MOST_CLIENTS]
        ]
        if len(latest) > _MOST_CLIENTS:
            lines.append(_("and {count} more").format(count=len(latest) - _MOST_CLIENTS))
        self._clients.setText(_("Clients:") + "\n" + "\n".join(lines) if lines else "")
        self._clients.setVisible(bool(lines))
        paint(self._clients, "quiet")


def _options() -> tuple[tuple[str, str], ...]:
    return (
        (START_KEY, _("Start with Slicer")),
        (WEB_SERVER_KEY, _("Also answer on Slicer's Web Server")),
        (GUARD_KEY, _("Guard the Web Server's own API")),
    )
