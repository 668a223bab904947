"""`ctk.ctkCollapsibleButton`: a title that folds its content.

Follows CTK `Libs/Widgets/ctkCollapsibleButton.h`. `setCollapsed` is neither slot nor Q_INVOKABLE there, so
Python does not see it: write the property.

On the facade Qt's getters of properties are attributes, so this class calls them on Qt's own class.
"""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from EmbeddedSlicer.pythonqt.facade import make_facade

_TITLE_PADDING_PX = 8


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """The native part; children are visible while `collapsed` is false."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, *arguments: Any) -> None:
        text = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        super().__init__(*[argument for argument in arguments if not isinstance(argument, str)])
        self._collapsed_height = 14
        self.setText(text)
        self.setCheckable(True)
        self.setChecked(True)
        self._reserve_title()
        self.toggled.connect(self._on_toggled)

    def _is_collapsed(self) -> bool:
        return not self.isChecked()

    def _collapse(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    def _get_collapsed_height(self) -> int:
        return self._collapsed_height

    def _set_collapsed_height(self, height_px: int) -> None:
        self._collapsed_height = height_px

    collapsed = QtCore.Property(bool, _is_collapsed, _collapse, notify=contentsCollapsed)
    collapsedHeight = QtCore.Property(int, _get_collapsed_height, _set_collapsed_height)

    def _title(self) -> str:
        return QtWidgets.QAbstractButton.text(self)  # on the facade `text` is an attribute

    def _title_height(self) -> int:
        return self.fontMetrics().height() + _TITLE_PADDING_PX

    def _reserve_title(self) -> None:
        self.setContentsMargins(0, self._title_height(), 0, 0)

    def _on_toggled(self, checked: bool) -> None:
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                child.setVisible(checked)
        self.setMaximumHeight(16777215 if checked else self._title_height() + self._collapsed_height)
        self.updateGeometry()
        self.contentsCollapsed.emit(not checked)

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        """Hide a widget that comes while the content is folded."""
        child = event.child()
        if event.added() and isinstance(child, QtWidgets.QWidget) and self._is_collapsed():
            child.hide()

    def sizeHint(self) -> QtCore.QSize:
        """Ask for the title and, unless folded, for the content."""
        title = QtCore.QSize(self.fontMetrics().horizontalAdvance(self._title()) + 40, self._title_height())
        layout = self.layout()
        if layout is None or self._is_collapsed():
            return title
        return layout.totalSizeHint().expandedTo(title)  # with the margin that the title takes

    minimumSizeHint = sizeHint

    def paintEvent(self, _event: QtGui.QPaintEvent) -> None:
        """Draw the title with an arrow."""
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, QtWidgets.QWidget.width(self), self._title_height())
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = "\u25b8" if self._is_collapsed() else "\u25be"
        place = option.rect.adjusted(_TITLE_PADDING_PX, 0, 0, 0)
        painter.drawText(place, QtCore.Qt.AlignmentFlag.AlignVCenter, f"{arrow} {self._title()}")
        painter.end()


facade = make_facade(ctkCollapsibleButton)
