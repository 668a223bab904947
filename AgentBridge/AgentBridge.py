"""AgentBridge: a safe, typed door into Slicer for agents and scripts.

This file is only the doorway: Slicer imports it at every start, also for people who never use the bridge. All else
is in AgentBridgeLib and is imported when it is needed, since it needs packages that Slicer does not bundle.
"""

import importlib
import logging
import os
import sys

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

START_WITH_SLICER = "AgentBridge/start_with_slicer"
GRANTS_VARIABLE = "AGENTBRIDGE_GRANTS"
"""Environment variable with capabilities for one run where nobody can be asked, such as "files.write=allow"."""

OLDEST_PYTHON = (3, 11)
"""Older Slicers can read this file, but nothing of AgentBridgeLib."""


def whyUnsupported():
    """Say why the bridge cannot run in this Slicer; empty when it can."""
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return ""
    return _(
        "Agent Bridge needs Slicer 5.10 or later. This is Slicer {version} with Python {python}; "
        "the bridge needs Python {oldest}."
    ).format(
        version=slicer.app.applicationVersion,
        python=".".join(str(number) for number in sys.version_info[:2]),
        oldest=".".join(str(number) for number in OLDEST_PYTHON),
    )


class AgentBridge(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Agent Bridge")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Servers")]
        parent.dependencies = ["WebServer"]
        parent.contributors = ["The AgentBridge developers"]
        parent.helpText = _(
            "Lets AI agents and scripts on this computer work with the scene through a versioned, typed HTTP API, "
            "under safety settings that you control. Nothing is sent anywhere, and no code is run unless you allow it."
        )
        parent.acknowledgementText = _("Licensed under Apache-2.0.")
        slicer.app.startupCompleted.connect(self.onStartupCompleted)
        slicer.app.moduleManager().moduleAboutToBeUnloaded.connect(self.onModuleAboutToBeUnloaded)
        self.settingsPage = None  # stays in Slicer's settings dialog for good; see AgentBridgeWidget

    def onStartupCompleted(self):
        if slicer.app.testingEnabled():
            return
        if (
            slicer.util.settingsValue(START_WITH_SLICER, "false", converter=str) == "true"
        ):  # as the panel reads it
            slicer.util.getModuleLogic("AgentBridge").startIfPossible()

    def onModuleAboutToBeUnloaded(self, name):
        if name == "AgentBridge":
            # Not this file's own class: a reload has put another file, with its bridge, in the place of this one.
            importlib.import_module(__name__).AgentBridgeLogic.closeShared()


class AgentBridgeLogic(ScriptedLoadableModuleLogic):
    """Start and stop the bridge. There is one per Slicer, however many logics are made."""

    _shared = None
    _observers = []  # noqa: RUF012 - one list for all logics, on purpose
    _registrations = []  # noqa: RUF012 - the same

    def start(self, port=None, grants=None, allowed_folders=()):
        """Start the bridge, or give the address of the one that runs.

        :param port: where to begin to look for a free port; 0 lets the system choose. Default: 2016.
        :param grants: capability to mode ("allow", "ask", "deny") for this run.
        :param allowed_folders: folders that clients may use while the settings name none.
        :return: base URL.
        :raises RuntimeError: this Slicer is too old.
        :raises ModuleNotFoundError: the required packages are not installed; see missingPackages().
        """
        self.requireSupported()
        if self.missingPackages():
            missing = ", ".join(self.missingPackages())
            raise ModuleNotFoundError(
                f"AgentBridge needs {missing}. Install with the button in its panel, or with "
                "slicer.util.getModuleLogic('AgentBridge').installPackages()."
            )
        from AgentBridgeLib.composition import DEFAULT_PORT, Bridge

        if AgentBridgeLogic._shared is None:
            AgentBridgeLogic._shared = Bridge(self.grants() if grants is None else grants, allowed_folders)
        self.addRegistered()
        url = self.bridge.start(DEFAULT_PORT if port is None else port)
        self.tellObservers()
        return url

    @staticmethod
    def requireSupported():
        """Refuse a Slicer that is too old, in words instead of a SyntaxError.

        :raises RuntimeError: it is.
        """
        if whyUnsupported():
            raise RuntimeError(whyUnsupported())

    @staticmethod
    def grants():
        """Read the grants of the environment.

        :raises ValueError: one names no capability or no mode.
        """
        from AgentBridgeLib.policy.settings import parse_grant

        texts = os.environ.get(GRANTS_VARIABLE, "").split(",")
        return dict(parse_grant(text.strip()) for text in texts if text.strip())

    def observe(self, observer):
        """Call `observer` whenever the bridge was started or stopped, by whomever.

        :return: function that ends it.
        """
        observers = AgentBridgeLogic._observers
        observers.append(observer)
        return lambda: observers.remove(observer) if observer in observers else None

    @staticmethod
    def tellObservers():
        """Tell every panel."""
        for observer in list(AgentBridgeLogic._observers):
            observer()

    def registerOperations(self, entries):
        """Let clients call operations of another extension; they vanish with unregisterOperations.

        :param entries: functions marked with AgentBridgeLib.registry.operation.operation, or dictionaries with
            function, name, capability, arguments (a JSON Schema), and what else registry.extension.PlainOperation has.
        :return: registration, to be given to unregisterOperations. It is kept while the bridge is not running yet.
        :raises CatalogError: an operation is declared wrong, or its name is taken; nothing was added.
        """
        registration = list(entries)
        names = None if self.bridge is None else self.bridge.add_operations(registration)
        AgentBridgeLogic._registrations.append((registration, names))
        return registration

    def unregisterOperations(self, registration):
        """Take operations away that registerOperations added. Safe to repeat."""
        for known in [known for known in AgentBridgeLogic._registrations if known[0] is registration]:
            AgentBridgeLogic._registrations.remove(known)
            if self.bridge is not None and known[1]:
                self.bridge.remove_operations(known[1])

    def addRegistered(self):
        """Add what was registered before there was a bridge; what is declared wrong is named in the log."""
        for position, (registration, names) in enumerate(AgentBridgeLogic._registrations):
            if names is None:
                try:
                    added = self.bridge.add_operations(registration)
                except Exception:
                    logging.exception("Operations of another extension could not be added")
                    added = []
                AgentBridgeLogic._registrations[position] = (registration, added)

    def startIfPossible(self):
        """Start, or say in the log why not; for the start of Slicer, where nobody can be asked."""
        try:
            logging.info("AgentBridge listens on %s", self.start())
        except Exception:
            logging.exception("AgentBridge could not start")

    def stop(self):
        """Stop listening. Safe to repeat."""
        if self.bridge is not None:
            self.bridge.stop()
            self.tellObservers()

    @property
    def bridge(self):
        """The bridge; None before the first start."""
        return AgentBridgeLogic._shared

    @property
    def url(self):
        """Base URL; empty while stopped."""
        return "" if self.bridge is None else self.bridge.url

    @property
    def token(self):
        """The token that clients send; empty before the first start."""
        return "" if self.bridge is None else self.bridge.token

    def missingPackages(self):
        """List the requirements that are not installed."""
        from AgentBridgeLib.host import packages

        return packages.missing()

    def installPackages(self):
        """Install the required packages, without asking."""
        self.requireSupported()
        from AgentBridgeLib.host import packages

        packages.install()

    @staticmethod
    def closeShared():
        """End the bridge for good: Slicer unloads the module, or the developer reloads it."""
        bridge, AgentBridgeLogic._shared = AgentBridgeLogic._shared, None
        AgentBridgeLogic._registrations = [(entries, None) for entries, _ in AgentBridgeLogic._registrations]
        if bridge is not None:
            bridge.close()


class AgentBridgeWidget(ScriptedLoadableModuleWidget):
    """The panel."""

    panel = settings = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = AgentBridgeLogic()
        if whyUnsupported():
            self.note = qt.QLabel(whyUnsupported())
            self.note.setObjectName("AgentBridgeUnsupported")
            self.note.setWordWrap(True)
            self.layout.addWidget(self.note)
            self.layout.addStretch(1)
        else:
            self.makePanel()

    def makePanel(self):
        from AgentBridgeLib.gui.panel import Panel
        from AgentBridgeLib.host import main_window

        ui = slicer.util.loadUI(self.resourcePath("UI/AgentBridge.ui"))  # idiom: loads no node
        self.panel = Panel(self.logic, ui, attends=main_window.exists())
        self.layout.addWidget(self.panel.widget)
        self.leave = self.logic.observe(self.panel.refresh)
        self.settings = self.mirrorInSettingsDialog() if main_window.exists() else None

    def enter(self):
        if self.panel is not None:
            self.panel.refresh()

    def mirrorInSettingsDialog(self):
        """Show the safety settings in Slicer's settings dialog too; its page is made once, filled by each reload."""
        from AgentBridgeLib.gui.settings_page import SettingsPage, make_page

        module = slicer.modules.AgentBridgeInstance
        if module.settingsPage is None:
            module.settingsPage = make_page()
            slicer.app.settingsDialog().addPanel(_("Agent Bridge"), module.settingsPage)
        return SettingsPage(module.settingsPage, self.logic)

    def cleanup(self):
        if self.panel is None:
            return
        self.leave()
        self.panel.close()
        if self.settings is not None:
            self.settings.close()

    def onReload(self):
        AgentBridgeLogic.closeShared()
        for name in [name for name in sys.modules if name.partition(".")[0] == "AgentBridgeLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class AgentBridgeTest(ScriptedLoadableModuleTest):
    """Run by the Reload and Test button; the cases are in Testing/Python."""

    def runTest(self):
        self.setUp()
        self.test_module_is_loaded_and_starts_only_on_request()

    def test_module_is_loaded_and_starts_only_on_request(self):
        logic = slicer.util.getModuleLogic("AgentBridge")
        self.assertEqual(logic.url, "" if logic.bridge is None else logic.bridge.url)
