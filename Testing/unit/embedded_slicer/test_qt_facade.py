"""What fails in Slicer's PythonQt fails here as well. The lines hold in both, except where the name says facade."""

from __future__ import annotations

import pytest
import qt


@pytest.fixture
def a_panel():
    """A widget with a layout, a label and a check box."""
    widget = qt.QWidget()
    layout = qt.QVBoxLayout(widget)
    label, box = qt.QLabel("one"), qt.QCheckBox("two")
    box.setObjectName("agree")
    layout.addWidget(label)
    layout.addWidget(box)
    yield widget, label, box
    widget.deleteLater()


def test_a_property_is_an_attribute_and_hides_its_getter(a_panel):
    """slicer: PythonQt shows Q_PROPERTYs as attributes."""
    _, label, _ = a_panel
    assert label.text == "one"
    with pytest.raises(TypeError):
        label.text()


def test_a_property_reads_and_writes_in_the_portable_way(a_panel):
    """house: Qt, the common subset."""
    _, label, box = a_panel
    label.setText("uno")
    box.setChecked(True)
    assert (label.property("text"), box.isChecked()) == ("uno", True)


def test_assigning_a_property_reaches_qt(a_panel):
    """slicer: PythonQt."""
    _, _, box = a_panel
    box.checked = True
    assert box.isChecked()


def test_a_read_only_property_refuses_a_value(a_panel):
    """slicer: PythonQt."""
    widget, _, _ = a_panel
    with pytest.raises(AttributeError, match="read-only"):
        widget.isActiveWindow = True


def test_a_constructor_refuses_keyword_arguments():
    """slicer: PythonQt raises ValueError."""
    with pytest.raises(ValueError, match="keyword"):
        qt.QLabel(text="one")


def test_a_wrapper_takes_no_new_attribute_but_a_python_subclass_does(a_panel):
    """slicer: PythonQt."""

    class Panel(qt.QWidget):
        def __init__(self):
            qt.QWidget.__init__(self)
            self.note = 1

    _, _, box = a_panel
    with pytest.raises(AttributeError, match="note"):
        box.note = 1
    assert Panel().note == 1


def test_a_method_of_a_wrapper_cannot_be_overwritten(a_panel):
    """slicer: PythonQt, "Slot ... can not be overwritten"."""
    _, label, _ = a_panel
    with pytest.raises(AttributeError, match="overwritten"):
        label.setText = print


def test_isinstance_against_a_base_class_is_false_and_inherits_tells(a_panel):
    """slicer: PythonQt."""
    _, _, box = a_panel
    assert not isinstance(box, qt.QWidget)
    assert box.inherits("QWidget")


def test_lists_come_back_as_tuples(a_panel):
    """slicer: PythonQt."""
    widget, _, _ = a_panel
    assert isinstance(widget.children(), tuple)


def test_objects_keep_their_identity_through_qt(a_panel):
    """slicer: PythonQt."""
    widget, _, box = a_panel
    assert widget.layout().itemAt(1).widget() is box
    assert widget.findChild(qt.QCheckBox, "agree") is box
    assert box.name == "agree"


def test_both_forms_of_connect_work_and_an_unknown_signal_is_false():
    """slicer: PythonQt."""
    calls = []
    button = qt.QPushButton("b")
    assert button.connect("clicked()", lambda: calls.append("old"))
    button.clicked.connect(lambda: calls.append("new"))
    button.click()
    assert calls == ["old", "new"]
    assert button.connect("never()", calls.append) is False


def test_disconnect_takes_the_form_of_connect():
    """slicer: PythonQt."""
    calls = []
    button = qt.QPushButton("b")

    def slot():
        calls.append(1)

    button.connect("clicked()", slot)
    assert button.disconnect("clicked()", slot)
    assert not button.disconnect("clicked()", slot)
    button.click()
    assert calls == []


def test_single_shot_is_refused_on_the_facade():
    """house: Slicer's own keeps every timer forever."""
    with pytest.raises(NotImplementedError, match="singleShot"):
        qt.QTimer.singleShot(0, print)


def test_a_timer_has_its_interval_as_an_attribute():
    """slicer: PythonQt."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(5)
    assert (timer.isSingleShot(), timer.interval, timer.isActive()) == (True, 5, False)


def test_qthread_is_missing():
    """house: it is missing in old releases and runs Python without the lock in later ones."""
    assert not hasattr(qt, "QThread")
    with pytest.raises(AttributeError, match="interpreter lock"):
        _ = qt.QThread


def test_an_unknown_class_is_missing():
    """slicer: the module has no such name."""
    with pytest.raises(AttributeError):
        _ = qt.QNothing


def test_application_name_is_an_attribute_of_the_instance():
    """slicer: `applicationName()` fails."""
    with pytest.raises(TypeError):
        qt.QApplication.instance().applicationName()
    assert qt.QApplication.instance().property("applicationName") == "Slicer"


@pytest.mark.parametrize(
    "name", ["QPushButton", "QComboBox", "QProgressBar", "QTabWidget", "QTextEdit", "QSlider", "QTreeWidget"]
)
def test_a_facade_widget_paints(name):
    """house: an attribute must not be taken for an override of a virtual getter."""
    widget = getattr(qt, name)()
    widget.resize(80, 30)
    assert not widget.grab().isNull()


def test_a_socket_notifier_passes_the_descriptor_in_the_old_form_only():
    """slicer: activated(int)."""
    import os

    reading, writing = os.pipe()
    seen = []
    notifier = qt.QSocketNotifier(reading, qt.QSocketNotifier.Read)
    notifier.connect("activated(int)", seen.append)
    os.write(writing, b"x")
    while not seen:
        qt.QApplication.processEvents()
    notifier.setEnabled(False)
    os.close(reading)
    os.close(writing)
    assert seen[0] == reading


def test_a_process_runs_and_gives_its_output():
    """slicer: QProcess with positional arguments; .data() gives bytes."""
    import sys

    process = qt.QProcess()
    process.start(sys.executable, ["-c", "print('out')"])
    assert process.waitForFinished(30_000)
    assert process.readAllStandardOutput().data() == b"out\n"
    assert process.exitCode() == 0


def test_every_known_difference_is_told_from_both_sides():
    """house: known differences are recorded as data."""
    from EmbeddedSlicer.pythonqt import differences

    assert all(difference.in_slicer != difference.here for difference in differences.KNOWN)
