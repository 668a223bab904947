"""Loading scripted modules as Slicer's factory does."""

from __future__ import annotations

import sys

import pytest
import qt
import slicer

import EmbeddedSlicer

SCRIPT = """
from slicer.ScriptedLoadableModule import *
import slicer
from slicer.i18n import tr as _

class {name}(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("{title}")
        parent.categories = ["Testing"]
        parent.dependencies = {dependencies}
        slicer.constructed.append("{name}")

    def setup(self):
        slicer.loaded.append(("{name}", tuple(slicer.constructed)))

class {name}Widget(ScriptedLoadableModuleWidget):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.logic = {name}Logic()
        self.cleaned = 0

    def cleanup(self):
        self.cleaned += 1

class {name}Logic(ScriptedLoadableModuleLogic):
    pass

class {name}Test(ScriptedLoadableModuleTest):
    def runTest(self):
        slicer.tested = self.messageDelay
"""


@pytest.fixture
def write_module(tmp_path):
    """Write scripts; their modules are unloaded after the test."""
    slicer.constructed, slicer.loaded = [], []
    names = []

    def write(name, dependencies=(), title="A title"):
        path = tmp_path / f"{name}.py"
        path.write_text(
            SCRIPT.format(name=name, dependencies=list(dependencies), title=title), encoding="utf-8"
        )
        names.append(name)
        return path

    yield write
    for name in names:
        slicer.app.moduleManager().unload(name)
        sys.modules.pop(name, None)
    sys.path.remove(str(tmp_path))


def test_a_module_is_found_by_its_name(write_module):
    """slicer: slicer.modules.<lower case name> and <name>Instance."""
    path = write_module("HostFirst")
    module = EmbeddedSlicer.load_scripted_module(path)
    assert module is slicer.modules.hostfirst
    assert module is slicer.util.getModule("HostFirst")
    assert (module.name, module.title, module.path) == ("HostFirst", "A title", str(path))
    assert slicer.modules.HostFirstInstance.resourcePath("a.txt") == str(path.parent / "Resources" / "a.txt")
    assert slicer.util.modulePath("HostFirst") == str(path)


def test_all_modules_are_constructed_before_any_is_loaded_and_dependencies_load_first(write_module):
    """slicer: qSlicerModuleFactoryManager::loadModules."""
    paths = [write_module("HostAfter", ["HostBefore", "Volumes"]), write_module("HostBefore")]
    EmbeddedSlicer.load_scripted_modules(*paths)
    both = ("HostAfter", "HostBefore")
    assert slicer.loaded == [("HostBefore", both), ("HostAfter", both)]


def test_a_module_without_its_dependency_is_not_loaded(write_module):
    """slicer: loadModule gives up with a warning."""
    assert EmbeddedSlicer.load_scripted_module(write_module("HostAlone", ["Nowhere"])) is None
    assert slicer.app.moduleManager().module("HostAlone") is None
    assert slicer.loaded == []


def test_a_module_without_title_is_not_loaded(write_module):
    """slicer: a title is required."""
    assert EmbeddedSlicer.load_scripted_module(write_module("HostUntitled", title="")) is None


def test_get_module_logic_makes_the_widget_once(write_module):
    """slicer: the logic of a scripted module lives in its widget."""
    EmbeddedSlicer.load_scripted_module(write_module("HostLogic"))
    assert not hasattr(slicer.modules, "HostLogicWidget")
    logic = slicer.util.getModuleLogic("HostLogic")
    assert logic is slicer.modules.HostLogicWidget.logic
    assert logic is slicer.util.getModuleLogic("HostLogic")
    assert slicer.util.getModuleWidget("HostLogic") is slicer.modules.HostLogicWidget


def test_a_reload_cleans_up_and_makes_a_new_logic_without_a_signal(write_module):
    """slicer: slicer.util.reloadScriptedModule."""
    EmbeddedSlicer.load_scripted_module(write_module("HostReload"))
    old = slicer.util.getModuleWidget("HostReload")
    told = []
    slicer.app.moduleManager().moduleAboutToBeUnloaded.connect(told.append)
    old.onReload()
    slicer.app.moduleManager().moduleAboutToBeUnloaded.disconnect(told.append)
    assert old.cleaned == 1
    assert slicer.util.getModuleLogic("HostReload") is not old.logic
    assert told == []


def test_unloading_tells_the_name_and_removes_the_module(write_module):
    """slicer: qSlicerModuleFactoryManager::unloadModule."""
    EmbeddedSlicer.load_scripted_module(write_module("HostGone"))
    widget = slicer.util.getModuleWidget("HostGone")
    slicer.app.moduleManager().unload("HostGone")
    assert widget.cleaned == 1
    assert not hasattr(slicer.modules, "hostgone")


def test_the_module_object_takes_only_known_attributes(write_module):
    """slicer: `parent` is a QObject with fixed properties."""
    module = EmbeddedSlicer.load_scripted_module(write_module("HostFixed"))
    with pytest.raises(AttributeError):
        module.titel = "typo"


def test_a_module_runs_its_test_case(write_module):
    """slicer: slicer.selfTests."""
    EmbeddedSlicer.load_scripted_module(write_module("HostTested"))
    slicer.selfTests["HostTested"](msec=5)
    assert slicer.tested == 5


def test_a_widget_without_parent_makes_its_own(write_module):
    """slicer: ScriptedLoadableModuleWidget.__init__."""
    EmbeddedSlicer.load_scripted_module(write_module("HostFree"))
    widget = sys.modules["HostFree"].HostFreeWidget()
    assert widget.parent.isVisible()
    assert widget.parent.mrmlScene() is slicer.mrmlScene
    widget.layout.addWidget(qt.QLabel("x"))
    widget.parent.close()


def test_a_parameter_node_is_a_singleton_of_the_module(write_module, scene):
    """slicer: ScriptedLoadableModuleLogic.getParameterNode."""
    EmbeddedSlicer.load_scripted_module(write_module("HostParameters"))
    logic = slicer.util.getModuleLogic("HostParameters")
    node = logic.getParameterNode()
    assert node is logic.getParameterNode()
    assert node.GetAttribute("ModuleName") == "HostParameters"


def test_loadable_modules_have_their_real_logic():
    """slicer: slicer.modules.<name>.logic()."""
    assert slicer.util.getModuleLogic("Volumes").IsA("vtkSlicerVolumesLogic")
    assert slicer.modules.markups.logic() is slicer.app.applicationLogic().GetModuleLogic("Markups")
    with pytest.raises(RuntimeError):
        slicer.util.getModule("Nowhere")


def test_requirements_are_checked_and_never_installed(tmp_path):
    """slicer: slicer.packaging; house: the host does not change its environment."""
    import slicer.packaging

    path = tmp_path / "requirements.txt"
    path.write_text("# comment\nnumpy>=1.0\nno-such-package-here; python_version < '3'\n", encoding="utf-8")
    wanted = slicer.packaging.load_requirements(path)
    assert slicer.packaging.pip_check(wanted)
    slicer.packaging.pip_ensure(wanted, requester="test")
    assert not slicer.packaging.pip_check("numpy>=999")
    with pytest.raises(NotImplementedError, match="pip_ensure"):
        slicer.packaging.pip_ensure("numpy>=999", prompt_install=False)
