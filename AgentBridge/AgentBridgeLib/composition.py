"""The one place that builds the objects of a bridge and connects them."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.dispatch.audit import AuditLog
from AgentBridgeLib.dispatch.audit_file import AuditFile
from AgentBridgeLib.dispatch.call import Call, Done, Failed, Preference
from AgentBridgeLib.dispatch.checkpoints import Checkpoints
from AgentBridgeLib.dispatch.context import PANEL_DOOR, Caller
from AgentBridgeLib.dispatch.earlier_runs import EarlierRuns
from AgentBridgeLib.dispatch.events import EventRing
from AgentBridgeLib.dispatch.job_service import JobService
from AgentBridgeLib.dispatch.journal import Journal
from AgentBridgeLib.dispatch.kernel import Dispatcher, KernelParts
from AgentBridgeLib.dispatch.legacy_policy import LegacyPolicy
from AgentBridgeLib.dispatch.log_cover import LogCover
from AgentBridgeLib.dispatch.preparing import Preparation
from AgentBridgeLib.dispatch.results import ResultStore
from AgentBridgeLib.dispatch.safety import Redaction, Safety
from AgentBridgeLib.dispatch.turn import Turn
from AgentBridgeLib.dispatch.work_folders import WorkFolders
from AgentBridgeLib.host import web_server
from AgentBridgeLib.host.adapter import SlicerHost
from AgentBridgeLib.host.event_loop import QtEventLoop
from AgentBridgeLib.host.instance_file import InstanceFile, TokenFile
from AgentBridgeLib.host.process_table import is_alive
from AgentBridgeLib.host.secret_file import kept_secret
from AgentBridgeLib.jobs.machine import JobMachine
from AgentBridgeLib.mcp.assembly import make_endpoint
from AgentBridgeLib.model.envelopes import timestamp
from AgentBridgeLib.model.exchange import TransportLimits
from AgentBridgeLib.model.version import VERSION
from AgentBridgeLib.operations.index import make_catalog
from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.policy.settings import parse_grant
from AgentBridgeLib.registry.catalog import CatalogError
from AgentBridgeLib.registry.extension import marked_functions
from AgentBridgeLib.routing.application import BridgeApplication
from AgentBridgeLib.routing.gate import Gate
from AgentBridgeLib.routing.openapi import document
from AgentBridgeLib.routing.service_routes import SERVICE_ROUTES
from AgentBridgeLib.routing.services import Services
from AgentBridgeLib.routing.table import BINARY_BYTES, JSON_BYTES, PREFIX, RouteTable
from AgentBridgeLib.transport.listener import Listener
from AgentBridgeLib.transport.webserver import WebServerAttachment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from AgentBridgeLib.dispatch.call import Outcome
    from AgentBridgeLib.host.ports.scene import SceneChange
    from AgentBridgeLib.mcp.endpoint import McpEndpoint
    from AgentBridgeLib.policy.capabilities import Mode
    from AgentBridgeLib.policy.identifiers import Redactor
    from AgentBridgeLib.policy.settings import SafetySettings

DEFAULT_PORT = 2016
AUDIT_FOLDER = "audit"
PSEUDONYM_FILE = "pseudonym.key"


class Bridge:
    """A bridge in a running Slicer: everything behind `/agent/v1`, and the listener before it.

    Parameters
    ----------
    grants
        Capability to mode, for this run; they win over the stored settings.
    allowed_folders
        Folders that files may be read from and written to while the person has not chosen any.
    wall_clock
        Seconds since 1970: what approvals expire by, and what stands in the log.

    Raises
    ------
    ValueError
        A grant names no capability, or no mode; nothing was started.
    """

    def __init__(
        self,
        grants: Mapping[str, Mode] | None = None,
        allowed_folders: Sequence[str] = (),
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        checked = dict(parse_grant(f"{name}={mode}") for name, mode in (grants or {}).items())
        self._instance_id = secrets.token_hex(8)
        self._wall_clock = wall_clock
        self._started_at = wall_clock()
        self._is_started = False
        self._told_scene: str | None = None
        self.loop = QtEventLoop()
        self.host = SlicerHost(self.loop)
        self.catalog = make_catalog()
        self.events = EventRing(self._redactor, first=int(self._started_at * 1000))
        self.safety = Safety(
            self.host.settings,
            checked,
            tuple(allowed_folders) or _own_folders(),
            self._on_policy,
            self.loop.now,
        )
        folder = self.host.application.data_folder
        self.redaction = Redaction(self.safety, self.host.scene, kept_secret(folder, PSEUDONYM_FILE))
        self._log_cover = LogCover(self._redactor)
        self._log_cover.install()
        self.turn = Turn(self.loop)
        log_folder = str(Path(folder) / AUDIT_FOLDER)
        self.audit = AuditLog(wall_clock, redactor=self._redactor, file=AuditFile(log_folder))
        self.journal = Journal()
        self.folders = WorkFolders(lambda: self.host.application.temporary_folder)
        self.results = ResultStore(self.folders.root)
        self.jobs = JobService(
            self.loop,
            self.host.scene,
            self.turn,
            self.events,
            self.redaction,
            self.results,
            wall_clock,
            JobMachine(fate=EarlierRuns(log_folder, is_alive).fate),
        )
        self.checkpoints = Checkpoints(self.host.copier, self.host.scene, self.folders.root, wall_clock)
        self.dispatcher = Dispatcher(self._kernel_parts())
        self.preparation = Preparation(self.loop, self.turn)
        self.tokens = TokenFile(self.host.application.data_folder)
        self.gate = Gate(
            lambda: self.tokens.token, lambda: self.safety.current().allowed_origins, self.loop.now
        )
        self.mcp = self._make_mcp()
        self.limits = TransportLimits()
        self.application = BridgeApplication(self.gate, self._services())
        self.listener = Listener(self.loop, self.application, self.limits)
        self.attachment = self._make_attachment()
        self._instance_file = InstanceFile(self.host.application.data_folder)
        self._scene_watch = self.host.scene.subscribe(self._on_scene)

    @property
    def url(self) -> str:
        """Base URL of `/agent/v1`; empty while nothing listens."""
        return "" if self.listener.port is None else f"http://127.0.0.1:{self.listener.port}{PREFIX}"

    @property
    def token(self) -> str:
        """The token that clients send."""
        return self.tokens.token

    def start(self, port: int = DEFAULT_PORT) -> str:
        """Listen on `port` or the next free one, and tell clients by the instance file. Gives the URL."""
        self.listener.start(port)
        self._is_started = True
        self._attach(self.safety.current())
        self._write_instance_file()
        self.preparation.begin(self.catalog)
        return self.url

    @property
    def is_receiving(self) -> bool:
        """Whether a DICOM listener runs that the bridge has started."""
        return self.host.dicom.listener.received_count is not None

    def renew_token(self) -> str:
        """Make a new token; clients that follow the instance file find it there.

        No approval lasts longer, and every connection ends: event streams were opened with the old one.
        """
        token = self.tokens.renew()
        self.dispatcher.desk.forget_session()
        if self.listener.port is not None:
            self._write_instance_file()
        self.listener.disconnect()
        if self.attachment is not None:
            self.attachment.disconnect()
        return token

    def stop(self) -> None:
        """Stop listening; jobs are asked to stop. It can be started again."""
        self._is_started = False
        self.preparation.stop()
        self._instance_file.remove()
        self._detach()
        self.listener.stop()
        self._stop_receiving()
        self.jobs.cancel_all()

    def close(self) -> None:
        """End it for good, at shutdown or reload."""
        self.stop()
        self.mcp.close()
        self._log_cover.remove()
        if self.audit.file is not None:
            self.audit.file.close()
        self._scene_watch.cancel()
        self.checkpoints.close()
        self.results.close()
        self.folders.close()
        self.host.close()
        self.loop.close()

    def call_for_person(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        then: Callable[[dict[str, Any]], None],
        otherwise: Callable[[str], None],
    ) -> None:
        """Call an operation for the person at the panel: no approval, but the same way and the same audit.

        Parameters
        ----------
        then
            Gets the result, now or in a later turn of the event loop.
        otherwise
            Gets what went wrong, in words.
        """

        def answer(outcome: Outcome) -> None:
            if isinstance(outcome, Done) and isinstance(outcome.payload, bytes):
                then(json.loads(outcome.payload))
            elif isinstance(outcome, Failed):
                otherwise(outcome.error.message)

        caller = Caller("the person at the panel", secrets.token_hex(8), PANEL_DOOR)
        self.dispatcher.call(Call(operation, arguments, caller, Preference(wait_s=60.0)), answer)

    def add_operations(self, entries: Iterable[object]) -> list[str]:
        """Take operations of another extension into the catalogue, all or none; gives their names.

        Raises
        ------
        CatalogError
            Something is declared wrong, or a name or route is taken; nothing was added.
        """
        names = [operation.name for operation in self.catalog.add(marked_functions(entries))]
        try:
            RouteTable(SERVICE_ROUTES, self.catalog)
        except ValueError as fault:
            self.catalog.remove(names)
            raise CatalogError(str(fault)) from None
        self.events.publish("operations.changed", {"added": names, "removed": []})
        return names

    def remove_operations(self, names: Iterable[str]) -> None:
        """Take them out again."""
        removed = list(names)
        self.catalog.remove(removed)
        self.events.publish("operations.changed", {"added": [], "removed": removed})

    def identity(self) -> dict[str, Any]:
        """Describe this running instance."""
        application = self.host.application
        return {
            "name": "AgentBridge",
            "version": VERSION,
            "api": "v1",
            "instance_id": self._instance_id,
            "process_id": os.getpid(),
            "started_at": timestamp(self._started_at),
            "application": {
                "name": application.name,
                "version": application.version,
                "revision": application.revision,
                "os": application.operating_system,
                "architecture": application.architecture,
                "has_main_window": application.has_main_window,
            },
        }

    def _redactor(self) -> Redactor:
        return self.redaction.redactor()

    def _kernel_parts(self) -> KernelParts:
        return KernelParts(
            host=self.host,
            catalog=self.catalog,
            safety=self.safety,
            redaction=self.redaction,
            turn=self.turn,
            jobs=self.jobs,
            audit=self.audit,
            events=self.events,
            folders=self.folders,
            checkpoints=self.checkpoints,
            wall_clock=self._wall_clock,
            journal=self.journal,
        )

    def _services(self) -> Services:
        return Services(
            catalog=self.catalog,
            dispatcher=self.dispatcher,
            jobs=self.jobs,
            events=self.events,
            audit=self.audit,
            safety=self.safety,
            redaction=self.redaction,
            turn=self.turn,
            loop=self.loop,
            identity=self.identity,
            limits=self._limits,
            openapi=lambda catalog: document(catalog, VERSION, self.url.removesuffix(PREFIX)),
            mcp=self.mcp.handle,
        )

    def _make_mcp(self) -> McpEndpoint:
        return make_endpoint(
            self.catalog,
            self.dispatcher,
            self.jobs,
            self.safety,
            self.loop,
            self.host.settings,
            self.events,
            redactor=self._redactor,
            url=lambda: self.url,
        )

    def _limits(self) -> dict[str, Any]:
        return {
            "head_bytes": self.limits.head_bytes,
            "json_bytes": JSON_BYTES,
            "binary_bytes": BINARY_BYTES,
            "idle_s": self.limits.idle_s,
            "connections": self.limits.connections,
            "waiting_requests": self.limits.waiting_requests,
        }

    def _make_attachment(self) -> WebServerAttachment | None:
        base = web_server.handler_base()
        if base is None:
            return None
        policy = LegacyPolicy(self.safety, self.audit, self.host.files)
        return WebServerAttachment(
            self.loop,
            self.application,
            self.limits,
            web_server.logic,
            base,
            policy,
            is_answering=lambda: self.safety.current().answers_on_web_server,
        )

    def _attach(self, settings: SafetySettings) -> None:
        if self.attachment is None or not self._is_started:
            return
        if settings.answers_on_web_server or settings.guards_web_server:
            self.attachment.ensure()
        else:
            self.attachment.detach()

    def _detach(self) -> None:
        if self.attachment is not None:
            self.attachment.detach()

    def _write_instance_file(self) -> None:
        identity = self.identity()
        self._told_scene = self.host.scene.scene.GetURL()
        self._instance_file.write(
            {
                "url": self.url,
                "token": self.token,
                "process_id": identity["process_id"],
                "instance_id": identity["instance_id"],
                "started_at": identity["started_at"],
                "application": identity["application"]["name"],
                "application_version": identity["application"]["version"],
                "scene_label": self._scene_label(),
            }
        )

    def _scene_label(self) -> str:
        name = Path(self.host.scene.scene.GetURL() or "").name
        return self.redaction.redactor().text(name) or "untitled scene"

    def _on_scene(self, change: SceneChange) -> None:
        kind = f"scene.{change.kind}"
        data = {"node": change.node_id, "class": change.class_name, "scene_revision": change.revision}
        self.events.publish(kind, {name: value for name, value in data.items() if value is not None})
        if self._is_started and self.host.scene.scene.GetURL() != self._told_scene:
            self._write_instance_file()

    def _stop_receiving(self) -> None:
        if self.is_receiving:
            self.host.dicom.listener.stop()

    def _on_policy(self, settings: SafetySettings) -> None:
        self._attach(settings)
        if settings.dicom_listener is None or self.safety.is_stopped:
            self._stop_receiving()
        if self.safety.is_stopped:
            self.dispatcher.desk.forget_session()
        modes = {name: settings.mode(name) for name in CAPABILITIES}
        self.events.publish(
            "policy.changed",
            {
                "capabilities": modes,
                "identifier_policy": settings.identifiers,
                "stopped": self.safety.is_stopped,
            },
        )


def _own_folders() -> tuple[str, ...]:
    """Choose the folders that are allowed as long as the person has not said anything: the documents folder."""
    documents = Path.home() / "Documents"
    return (str(documents),) if documents.is_dir() else ()
