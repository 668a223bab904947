"""The WebServer module, emulated from the contract of Slicer's `Modules/Scripted/WebServer/WebServer.py`.

What other code relies on is the same: `startServer()` replaces `logic.requestHandlers` and calls
`logic.start()`, which stops, finds a port and makes a new server that shares the list. Two things differ on
purpose: it listens on 127.0.0.1 only, and its own handlers record requests instead of running them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleWidget
from WebServerLib import SlicerRequestHandler, StaticPagesRequestHandler

from EmbeddedSlicer.web_server.http_server import SlicerHTTPServer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SlicerHTTPServer", "WebServer", "WebServerLogic", "WebServerWidget"]


class WebServer(ScriptedLoadableModule):
    """The module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Web Server"
        parent.categories = ["Servers"]
        parent.helpText = "Emulated on machines without Slicer: handlers record requests, loopback only."


class WebServerWidget(ScriptedLoadableModuleWidget):
    """The panel: a button to start and one to stop, and which handlers are wanted."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.guiMessages = self.consoleMessages = False
        self.enableCORS = False
        # Handlers come with each start.
        self.logic = WebServerLogic(logMessage=self.logMessage, requestHandlers=[])

    def setup(self) -> None:
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        self.startServerButton = qt.QPushButton("Start server")
        self.stopServerButton = qt.QPushButton("Stop server")
        self.enableCORSCheck = qt.QCheckBox("Enable CORS")
        self.enableSlicerHandler = qt.QCheckBox("Slicer API")
        self.enableSlicerHandlerExec = qt.QCheckBox("Slicer API exec")
        self.enableStaticPagesHandler = qt.QCheckBox("Static pages")
        boxes = (self.enableSlicerHandler, self.enableSlicerHandlerExec, self.enableStaticPagesHandler)
        for widget in (self.startServerButton, self.stopServerButton, self.enableCORSCheck, *boxes):
            self.layout.addWidget(widget)
        self._readSettings()
        self.startServerButton.clicked.connect(self._onStart)
        self.stopServerButton.clicked.connect(self._onStop)
        self.updateGUIFromLogic()

    def _readSettings(self) -> None:
        def is_on(name: str, default: bool) -> bool:
            return bool(slicer.util.settingsValue(f"WebServer/{name}", default, converter=slicer.util.toBool))

        self.enableCORSCheck.setChecked(is_on("enableCORS", False))
        self.enableSlicerHandler.setChecked(is_on("enableSlicerHandler", True))
        self.enableSlicerHandlerExec.setChecked(is_on("enableSlicerHandlerExec", False))
        self.enableStaticPagesHandler.setChecked(is_on("enableStaticPagesHandler", True))

    def _onStart(self, *_: object) -> None:
        self.startServer()

    def _onStop(self, *_: object) -> None:
        self.stopServer()

    def startServer(self) -> None:
        """Replace the handlers with the chosen ones and start."""
        self.logic.requestHandlers = []
        self.logic.addDefaultRequestHandlers(
            enableSlicer=self.enableSlicerHandler.isChecked(),
            enableExec=self.enableSlicerHandlerExec.isChecked(),
            enableDICOM=False,
            enableStaticPages=self.enableStaticPagesHandler.isChecked(),
        )
        self.logic.enableCORS = self.enableCORSCheck.isChecked()
        self.logic.start()
        self.updateGUIFromLogic()

    def stopServer(self) -> None:
        """Stop listening."""
        self.logic.stop()
        self.updateGUIFromLogic()

    def updateGUIFromLogic(self) -> None:
        """Enable what can be pressed now."""
        self.startServerButton.setEnabled(not self.logic.serverStarted)
        self.stopServerButton.setEnabled(self.logic.serverStarted)

    def onReload(self) -> None:
        """Stop, load the script again (a new logic), and start again if it ran."""
        was_started = self.logic.serverStarted
        self.stopServer()
        ScriptedLoadableModuleWidget.onReload(self)
        if was_started:
            slicer.modules.WebServerWidget.startServer()

    def logMessage(self, *parts: object) -> None:
        """Print, if the panel was told to."""
        if self.consoleMessages:
            print(*parts)


class WebServerLogic:
    """Owns the server; no ScriptedLoadableModuleLogic, as in Slicer."""

    def __init__(
        self,
        port: int | None = None,
        enableSlicer: bool = True,
        enableExec: bool = False,
        enableDICOM: bool = True,
        enableStaticPages: bool = True,
        requestHandlers: list[Any] | None = None,
        logMessage: Callable[..., None] | None = None,
        enableCORS: bool = False,
    ) -> None:
        self.logMessage = logMessage or self.defaultLogMessage
        self.port = port or 2016
        self.enableCORS = enableCORS
        self.server: SlicerHTTPServer | None = None
        self.serverStarted = False
        self.docroot = str(Path(slicer.modules.webserver.path).parent / "Resources" / "docroot").encode()
        self.requestHandlers: list[Any] = []
        if requestHandlers is None:
            self.addDefaultRequestHandlers(enableSlicer, enableExec, enableDICOM, enableStaticPages)
        else:
            self.requestHandlers += requestHandlers

    def addDefaultRequestHandlers(
        self,
        enableSlicer: bool = True,
        enableExec: bool = False,
        enableDICOM: bool = True,
        enableStaticPages: bool = True,
    ) -> None:
        """Add the module's own handlers; DICOMweb is not emulated and left out."""
        del enableDICOM
        if enableSlicer:
            self.requestHandlers.append(SlicerRequestHandler(enableExec))
        if enableStaticPages:
            self.requestHandlers.append(StaticPagesRequestHandler(self.docroot))

    @staticmethod
    def defaultLogMessage(*parts: object) -> None:
        """Log for developers."""
        logging.getLogger(__name__).debug("%s", parts)

    def start(self) -> None:
        """Stop, then listen with a new server object that shares the list of handlers."""
        self.stop()
        self.port = SlicerHTTPServer.findFreePort(self.port)
        self.server = SlicerHTTPServer(
            requestHandlers=self.requestHandlers,
            docroot=self.docroot,
            server_address=("", self.port),
            logMessage=self.logMessage,
            enableCORS=self.enableCORS,
        )
        self.server.start()
        self.serverStarted = True

    def stop(self) -> None:
        """Stop listening; connections that were accepted go on."""
        if self.server:
            self.server.stop()
        self.serverStarted = False
