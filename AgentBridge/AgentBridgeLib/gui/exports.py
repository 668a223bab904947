"""Where the person puts a file: a window beside Slicer's, never before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

from AgentBridgeLib.host.qtcompat import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


class FileChooser:
    """Asks for one path at a time, without waiting for the answer.

    Parameters
    ----------
    parent
        Widget whose window it belongs to.
    """

    def __init__(self, parent: Any) -> None:
        self._parent = parent
        self._dialog: Any = None
        self._on_chosen: Callable[[str], None] = lambda _path: None

    def save_as(self, title: str, name: str, on_chosen: Callable[[str], None]) -> None:
        """Ask for a file to write. Whether it exists is not asked here: Qt would do so in a window that blocks."""
        dialog = self._open(title, on_chosen)
        dialog.setOption(qt.QFileDialog.DontConfirmOverwrite, True)
        dialog.setAcceptMode(qt.QFileDialog.AcceptSave)
        dialog.selectFile(name)
        dialog.show()

    def folder(self, title: str, on_chosen: Callable[[str], None]) -> None:
        """Ask for a folder."""
        dialog = self._open(title, on_chosen)
        dialog.setFileMode(qt.QFileDialog.Directory)
        dialog.show()

    def close(self) -> None:
        """Take the window away. Safe to repeat."""
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.hide()
            dialog.deleteLater()

    def _open(self, title: str, on_chosen: Callable[[str], None]) -> Any:
        self.close()
        self._on_chosen = on_chosen
        self._dialog = qt.QFileDialog(self._parent, title)
        self._dialog.setObjectName("AgentBridgeFileChooser")
        self._dialog.setModal(False)
        self._dialog.accepted.connect(guarded(self._on_accepted))
        return self._dialog

    def _on_accepted(self) -> None:
        chosen = list(self._dialog.selectedFiles())
        if chosen:
            self._on_chosen(chosen[0])
