"""`slicer.app.commandOptions()`: what was asked for on the command line.

Follows `Base/QTCore/qSlicerCoreCommandOptions.h` and `Base/QTGUI/qSlicerCommandOptions.h`; all are
Q_PROPERTYs.
"""

from __future__ import annotations

from EmbeddedSlicer.not_emulated import Emulated


class CommandOptions(Emulated):
    """The options of this run."""

    stands_for = "qSlicerCommandOptions"

    additionalModulePaths: tuple[str, ...] = ()
    disableCLIModules = True
    disableLoadableModules = False
    disableScriptedLoadableModules = False
    disableToolTips = False
    exitAfterStartup = False
    ignoreSlicerRC = True
    modulesToIgnore: tuple[str, ...] = ()
    noMainWindow = True
    noSplash = True
    pythonCode = ""
    pythonDisabled = False
    pythonScript = ""
    runPythonAndExit = False
    showPythonConsole = False
    testingEnabled = False

    def __init__(self, testing: bool) -> None:
        self.testingEnabled = testing
