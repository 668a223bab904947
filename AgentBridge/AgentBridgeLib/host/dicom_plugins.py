"""Slicer's DICOM plugins: what they offer to load, and loading it.

Follows `Modules/Scripted/DICOMLib/DICOMUtils.py` (getDefaultPluginClassNames, getLoadablesFromFileLists,
selectHighestConfidenceLoadables, loadLoadables), whose own functions hide progress and failures.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import qt
import slicer

from AgentBridgeLib.errors import OperationFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from AgentBridgeLib.host.ports.scene import SceneHost


class PluginOffer:
    """One way to load some files; implements `ports.DicomOffer`."""

    def __init__(self, plugin_name: str, plugin: Any, loadable: Any) -> None:
        self.plugin_name = plugin_name
        self.warning = str(getattr(loadable, "warning", "") or "").strip()
        self.paths = [str(path) for path in getattr(loadable, "files", None) or ()]
        self.confidence = float(getattr(loadable, "confidence", 0.0))
        self._plugin = plugin
        self._loadable = loadable

    def load(self, scene: SceneHost) -> list[Any]:
        """Let the plugin load it, which cannot be interrupted; give the nodes that came, without display and storage.

        Raises
        ------
        OperationFailedError
            It did not load; nothing stays of what it made.
        """
        additions = scene.record_additions()
        words = "it loaded nothing"
        try:
            is_loaded = bool(self._plugin.load(self._loadable))
        except Exception as fault:
            logging.getLogger("AgentBridge").exception("The DICOM plugin %s failed", self.plugin_name)
            is_loaded, words = False, f"it raised {type(fault).__name__}"
        added = [scene.scene.GetNodeByID(node_id) for node_id in additions.stop()]
        nodes = [node for node in added if node is not None]
        if not is_loaded:
            for node in reversed(nodes):
                scene.scene.RemoveNode(node)
            raise OperationFailedError(f"Slicer's DICOM plugin {self.plugin_name} failed: {words}.")
        return [
            node for node in nodes if not (node.IsA("vtkMRMLStorageNode") or node.IsA("vtkMRMLDisplayNode"))
        ]

    @property
    def derived_files(self) -> list[str]:
        """Files that the plugin has written while it loaded, for the database."""
        return [str(path) for path in getattr(self._loadable, "derivedItems", None) or ()]


class DicomPlugins:
    """The plugins that the person has not disabled."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Any, Any]] = {}

    def names(self) -> list[str]:
        """Give their names; empty in a Slicer without the DICOM module."""
        known = getattr(slicer.modules, "dicomPlugins", None) or {}
        disabled = set(_disabled())
        return [name for name in known if name not in disabled]

    def examine(self, name: str, paths: Sequence[str]) -> list[PluginOffer]:
        """Ask one plugin what it would make of the files of a series; a plugin that raises offers nothing."""
        plugin = self._plugin(name)
        try:
            loadables = plugin.examineForImport([list(paths)])
        except Exception:  # noqa: BLE001 - as in Slicer, one broken plugin does not keep the others from loading
            return []
        return [PluginOffer(name, plugin, loadable) for loadable in loadables or ()]

    def _plugin(self, name: str) -> Any:
        """Keep one object per class: it remembers what it has examined."""
        known = slicer.modules.dicomPlugins[name]
        if name not in self._made or self._made[name][0] is not known:
            self._made[name] = (known, known())
        return self._made[name][1]


def _disabled() -> list[str]:
    settings = qt.QSettings()
    names = []
    for number in range(settings.beginReadArray("DICOM/disabledPlugins")):
        settings.setArrayIndex(number)
        names += [str(key) for key in list(settings.allKeys())[:1]]
    settings.endArray()
    return names
