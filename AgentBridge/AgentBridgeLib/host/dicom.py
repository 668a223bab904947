"""Slicer's DICOM database; implements `ports.DicomHost`.

CTK is called on the main thread only. `slicer.dicomDatabase` appears when the application is up and not at all
without the DICOM module, so the application's own accessor is the second choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ctk
import slicer

from AgentBridgeLib.errors import FeatureMissingError
from AgentBridgeLib.host import dicom_hierarchy
from AgentBridgeLib.host.dicom_index import DicomIndex
from AgentBridgeLib.host.dicom_listener import SlicerDicomListener
from AgentBridgeLib.host.dicom_plugins import DicomPlugins
from AgentBridgeLib.host.qtcompat import guarded, run_guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from AgentBridgeLib.host.ports.dicom import DicomOrigin, DicomPluginHost


class SlicerDicom:
    """The application's one DICOM database."""

    def __init__(self) -> None:
        self.plugins: DicomPluginHost = DicomPlugins()
        self.listener = SlicerDicomListener()
        self._index: DicomIndex | None = None
        self._imports: list[DicomImport] = []

    @property
    def index(self) -> DicomIndex:
        """What is in the database.

        Raises
        ------
        FeatureMissingError
            No database is open, or it is in memory.
        """
        path = str(self._database().databaseFilename)
        if self._index is None or self._index.database_file != path:
            self._index = DicomIndex(path)
        return self._index

    def add_files(
        self,
        paths: Sequence[str],
        *,
        copies: bool,
        on_progress: Callable[[float], None],
        on_end: Callable[[], None],
    ) -> DicomImport:
        """Begin to add files with CTK's indexer, beside the event loop; errors as in `index`."""
        started = DicomImport(self._database(), list(paths), copies, on_progress, on_end)
        self._imports = [one for one in self._imports if one.is_running]
        self._imports.append(started)
        return started

    def start_listener(self, port: int | None) -> None:
        """Start the listener on a port, or on that of Slicer's settings; errors as in `index`, and its own."""
        self.listener.start(self._database(), port)

    def remove_series(self, series_uid: str) -> None:
        """Remove a series with its stored files and its cached values; linked files stay. Errors as in `index`.

        Series by series on purpose: CTK's `removeStudy` and `removePatient` leave identifiers in the tag cache.
        """
        self._database().removeSeries(series_uid, True, True)

    def origins(self) -> Mapping[str, DicomOrigin]:
        """Node id to where it came from, of all nodes in the scene that the subject hierarchy says so of."""
        return dicom_hierarchy.origins(slicer.mrmlScene)

    def place(self, node: Any, values: Mapping[str, str], instance_uids: Sequence[str]) -> None:
        """Put a node under its patient and study in the subject hierarchy; `values` by DICOM keyword."""
        dicom_hierarchy.place(slicer.mrmlScene, node, values, instance_uids)

    def close(self) -> None:
        """Stop imports, and a listener that the bridge has started."""
        self.listener.close()
        for one in self._imports:
            one.cancel()
        self._imports.clear()

    def _database(self) -> Any:
        found = getattr(slicer, "dicomDatabase", None)
        if found is None:
            accessor = getattr(slicer.app, "dicomDatabase", None)
            found = accessor() if accessor else None
        if found is None or not found.isOpen:
            raise FeatureMissingError(
                "Slicer has no open DICOM database. Open Slicer's DICOM module and choose a database folder there."
            )
        return found


class DicomImport:
    """Files on their way into the database; implements `ports.RunningImport`."""

    def __init__(
        self,
        database: Any,
        paths: list[str],
        copies: bool,
        on_progress: Callable[[float], None],
        on_end: Callable[[], None],
    ) -> None:
        self.is_running = True
        self._on_progress = on_progress
        self._on_end = on_end
        self._indexer = ctk.ctkDICOMIndexer()
        self._indexer.backgroundImportEnabled = True
        self._indexer.progress.connect(self._on_indexer_progress)
        self._indexer.indexingComplete.connect(guarded(self._told_end))
        self._indexer.addListOfFiles(database, paths, copies)

    def cancel(self) -> None:
        """Stop; what is in the database stays there. Safe to repeat."""
        if self.is_running:
            self._indexer.cancel()

    def _on_indexer_progress(self, percent: int = 0, *_: object) -> None:
        run_guarded(lambda: self._on_progress(percent / 100))

    def _told_end(self) -> None:
        if self.is_running:
            self.is_running = False
            self._on_end()
