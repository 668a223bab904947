"""The host's ports in memory: a clock that the test moves, a scene that is a dictionary, settings that are one too."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from AgentBridgeLib.dispatch.audit import AuditLog
from AgentBridgeLib.dispatch.call import Call, Preference
from AgentBridgeLib.dispatch.checkpoints import Checkpoints
from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.dispatch.events import EventRing
from AgentBridgeLib.dispatch.job_service import JobService
from AgentBridgeLib.dispatch.kernel import Dispatcher, KernelParts
from AgentBridgeLib.dispatch.results import ResultStore
from AgentBridgeLib.dispatch.safety import LOOK_AGAIN_S, Redaction, Safety
from AgentBridgeLib.dispatch.turn import Turn
from AgentBridgeLib.dispatch.work_folders import WorkFolders
from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.registry.catalog import Catalog


class Scheduled:
    def __init__(self, callback):
        self.callback = callback

    def cancel(self):
        self.callback = None


class ManualLoop:
    """`ports.EventLoop` whose time passes when the test says so."""

    def __init__(self):
        self.time = 1000.0
        self._queue: list[Any] = []
        self._numbers = itertools.count()

    def now(self):
        return self.time

    def call_later(self, delay_s, callback):
        call = Scheduled(callback)
        heapq.heappush(self._queue, (self.time + delay_s, next(self._numbers), call))
        return call

    def advance(self, seconds=0.0):
        """Let time pass, and everything that is due happen, in order."""
        end = self.time + seconds
        while self._queue and self._queue[0][0] <= end:
            due, _, call = heapq.heappop(self._queue)
            self.time = max(self.time, due)
            if call.callback is not None:
                callback, call.callback = call.callback, None
                callback()
        self.time = end

    def settle(self):
        """Let happen what happens without waiting: steps of jobs, turns of the queue."""
        self.advance(1.0)


class MemoryNode:
    def __init__(self, node_id, name):
        self.node_id, self.name, self.attributes = node_id, name, {}

    def GetName(self):
        return self.name

    def GetID(self):
        return self.node_id

    def SetAttribute(self, key, value):
        self.attributes[key] = value


class MemoryScene:
    """`ports.SceneHost` as far as dispatch needs it; it is its own `scene`."""

    def __init__(self):
        self.nodes: dict[str, MemoryNode] = {}
        self.revision = 1
        self.revisions: dict[str, int] = {}
        self.records: list[Any] = []
        self.identifying: dict[str, str] = {}
        self.patients: dict[str, Any] = {}
        self.scene = self

    def GetNodeByID(self, node_id):
        return self.nodes.get(node_id)

    def add(self, node_id, name=""):
        self.nodes[node_id] = MemoryNode(node_id, name or node_id)
        self.touch(node_id)
        for record in self.records:
            record.ids.append(node_id)
        return self.nodes[node_id]

    def touch(self, node_id):
        self.revision += 1
        self.revisions[node_id] = self.revision

    def note_change(self):
        self.revision += 1

    def node_revision(self, node_id):
        return self.revisions.get(node_id, 0)

    def forget_node(self, node):
        del self.nodes[node.node_id]
        self.revision += 1

    def record_additions(self):
        record = SimpleNamespace(ids=[])
        self.records.append(record)

        def stop():
            if record in self.records:
                self.records.remove(record)
            return [node_id for node_id in record.ids if node_id in self.nodes]

        record.stop = stop
        record.so_far = lambda: [node_id for node_id in record.ids if node_id in self.nodes]
        return record

    def identifiers(self):
        return self.identifying

    def patient(self, node_id):
        return self.patients.get(node_id)


class MemoryPart:
    """`ports.NodeCopyPart` of a node that takes as much as its attribute ``bytes`` says."""

    def __init__(self, node):
        self.node = MemoryNode(node.node_id, node.name)
        self.node.attributes = dict(node.attributes)
        self.memory_bytes = int(node.attributes.get("bytes", 0))
        self.disk_bytes = 0

    def move_to_disk(self, _folder):
        moved, self.memory_bytes = self.memory_bytes, 0
        self.disk_bytes += moved
        return moved

    def drop(self):
        self.memory_bytes = self.disk_bytes = 0


class MemoryCopier:
    """`ports.SceneCopier` of a `MemoryScene`."""

    def __init__(self, scene):
        self.scene = scene

    def copy_scene(self, _earlier=None):
        return SimpleNamespace(parts=[MemoryPart(node) for node in self.scene.nodes.values()], is_whole=True)

    def copy_nodes(self, node_ids, most_bytes):
        nodes = [self.scene.nodes[node_id] for node_id in node_ids if node_id in self.scene.nodes]
        if sum(int(node.attributes.get("bytes", 0)) for node in nodes) > most_bytes:
            return None
        return SimpleNamespace(parts=[MemoryPart(node) for node in nodes], is_whole=False)

    def copy_before_step(self, node_ids, most_bytes):
        return self.copy_nodes(node_ids, most_bytes)

    def settle(self, copy):
        """Say that a step wrote in place into the nodes that have the attribute `written`."""
        here = [self.scene.nodes.get(part.node.node_id) for part in copy.parts]
        return "written in place" if any(node and node.attributes.get("written") for node in here) else ""

    def content_bytes(self):
        return sum(int(node.attributes.get("bytes", 0)) for node in self.scene.nodes.values())

    def restore(self, copy):
        if copy.is_whole:
            self.scene.nodes.clear()
        for part in copy.parts:
            self.scene.nodes[part.node.node_id] = MemoryPart(part.node).node
            self.scene.touch(part.node.node_id)

    def remove_nodes(self, node_ids, copy):  # noqa: ARG002
        for node_id in node_ids:
            if self.scene.nodes.pop(node_id, None) is not None:
                self.scene.revision += 1


class MemorySettings:
    def __init__(self):
        self.texts: dict[str, str] = {}

    def read(self, key):
        return self.texts.get(key)


@dataclass
class Desk:
    """A dispatcher with everything around it in memory."""

    folder: str
    loop: ManualLoop = field(default_factory=ManualLoop)
    scene: MemoryScene = field(default_factory=MemoryScene)
    settings: MemorySettings = field(default_factory=MemorySettings)
    catalog: Catalog = field(default_factory=lambda: Catalog(CAPABILITIES))

    def __post_init__(self):
        host = SimpleNamespace(loop=self.loop, scene=self.scene, settings=self.settings)
        self.safety = Safety(self.settings, {}, (self.folder,), lambda _: None, self.loop.now)
        self.redaction = Redaction(self.safety, self.scene)
        self.events = EventRing(self.redaction.redactor)
        self.turn = Turn(self.loop)
        self.audit = AuditLog(self.loop.now)
        self.folders = WorkFolders(lambda: self.folder)
        self.results = ResultStore(self.folders.root)
        self.jobs = JobService(
            self.loop, self.scene, self.turn, self.events, self.redaction, self.results, self.loop.now
        )
        self.checkpoints = Checkpoints(MemoryCopier(self.scene), self.scene, self.folders.root, self.loop.now)
        self.dispatcher = Dispatcher(
            KernelParts(
                host=host,
                catalog=self.catalog,
                safety=self.safety,
                redaction=self.redaction,
                turn=self.turn,
                jobs=self.jobs,
                audit=self.audit,
                events=self.events,
                folders=self.folders,
                checkpoints=self.checkpoints,
                wall_clock=self.loop.now,
            )
        )

    def start(self, operation, arguments=None, client="tests", **preference):
        """Make a call; gives the list that its answer will be put into."""
        answers: list[Any] = []
        caller = Caller(client, "request", "listener")
        call = Call(operation, arguments or {}, caller, Preference(**preference))
        self.dispatcher.call(call, answers.append)
        return answers

    def call(self, operation, arguments=None, **preference):
        """Make a call that is answered at once; gives the answer."""
        answers = self.start(operation, arguments, **preference)
        assert len(answers) == 1
        return answers[0]

    def set(self, key, text):
        """Change a setting as somebody else would, a while before the next call."""
        self.settings.texts[key] = text
        self.loop.advance(LOOK_AGAIN_S)

    def outcomes(self):
        return [(entry.decision, entry.outcome) for entry in reversed(self.audit.page(None, 1000)[0])]
