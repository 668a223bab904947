"""The few CTK widgets, and .ui files."""

from __future__ import annotations

import ctk
import pytest
import qt
import slicer

UI = """<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Panel</class><widget class="QWidget" name="Panel">
<layout class="QVBoxLayout" name="outer">
 <item><widget class="ctkCollapsibleButton" name="fold">
  <property name="text"><string>Advanced</string></property>
  <property name="collapsed"><bool>true</bool></property>
  <layout class="QFormLayout" name="inner"><item row="0" column="1">
   <widget class="QSpinBox" name="port"><property name="maximum"><number>65535</number></property>
    <property name="value"><number>2027</number></property></widget></item></layout></widget></item>
</layout></widget>
<customwidgets><customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends>
<header>ctkCollapsibleButton.h</header><container>1</container></customwidget></customwidgets></ui>
"""


@pytest.fixture
def a_loaded_ui(tmp_path):
    """The file above as Slicer's modules load it: (widget, variables)."""
    path = tmp_path / "panel.ui"
    path.write_text(UI, encoding="utf-8")
    widget = slicer.util.loadUI(str(path))
    yield widget, slicer.util.childWidgetVariables(widget)
    widget.deleteLater()


def test_a_ui_file_gives_strict_widgets_and_layouts(a_loaded_ui):
    """slicer: slicer.util.loadUI and childWidgetVariables."""
    widget, ui = a_loaded_ui
    assert (ui.port.value, ui.fold.text, ui.fold.property("collapsed")) == (2027, "Advanced", True)
    with pytest.raises(TypeError):
        ui.port.value()
    assert widget.layout() is ui.outer
    with pytest.raises(AttributeError):
        ui.inner.note = 1


def test_a_folded_button_hides_its_content(a_loaded_ui):
    """ctk: ctkCollapsibleButton::collapsed."""
    widget, ui = a_loaded_ui
    widget.show()
    assert not ui.port.isVisible()
    ui.fold.setProperty("collapsed", False)
    assert ui.port.isVisible()
    ui.fold.collapsed = True
    assert not ui.port.isVisible()
    assert not widget.grab().isNull()


def test_set_collapsed_is_not_there():
    """ctk: the setter is no slot, so PythonQt does not show it."""
    with pytest.raises(AttributeError):
        ctk.ctkCollapsibleButton().setCollapsed(True)


def test_what_is_not_emulated_says_so_and_hasattr_says_no():
    """house: NotEmulatedError is both errors."""
    with pytest.raises(NotImplementedError, match="ctkPathLineEdit"):
        _ = ctk.ctkPathLineEdit
    assert not hasattr(ctk, "ctkPathLineEdit")


def test_a_settings_panel_writes_and_reads_a_registered_property():
    """ctk: ctkSettingsPanel::registerProperty, ctkSettingsDialog::addPanel."""
    store = slicer.app.userSettings()
    store.setValue("Test/on", "true")
    panel, box = ctk.ctkSettingsPanel(), qt.QCheckBox()
    panel.registerProperty("Test/on", box, "checked", qt.SIGNAL("toggled(bool)"))
    slicer.app.settingsDialog().addPanel("Test", panel)
    assert box.isChecked()
    box.setChecked(False)
    assert store.value("Test/on") == "false"
    store.setValue("Test/on", "true")
    panel.reloadSettings()
    assert box.isChecked()
    store.remove("Test")
