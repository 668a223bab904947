"""One execution of a command line module: files out, a process, files in.

Follows `Libs/MRML/CLI/vtkSlicerCLIModuleLogic.cxx` (ApplyTask): statuses, progress lines, texts; canceling ends the
process.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import qt
import slicer

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRESS = re.compile(r"<filter-progress>([\d.eE+-]+)</filter-progress>")


class Run:
    """Runs a Python module that exchanges volumes through NRRD files."""

    def __init__(
        self, path: str, node: Any, parameters: dict[str, Any], on_end: Callable[[Run], None]
    ) -> None:
        self._path, self._node, self._parameters, self._on_end = path, node, parameters, on_end
        self._folder = Path(tempfile.mkdtemp(prefix="cli-"))
        self._outputs: list[tuple[Any, Path]] = []
        self._text = ""
        self._process = qt.QProcess()
        self._process.readyReadStandardOutput.connect(self.on_output)
        self._process.finished.connect(self.on_finished)
        self._tag = node.AddObserver(node.StatusModifiedEvent, self.on_status)

    def start(self) -> None:
        """Write the inputs and start the process."""
        arguments = self._arguments()
        self._node.SetStatus(self._node.Running)
        self._process.start(sys.executable, [self._path, *arguments])

    def on_status(self, *_: object) -> None:
        """End the process when somebody canceled."""
        if self._node.GetStatus() == self._node.Cancelling:
            self._process.kill()

    def on_output(self, *_: object) -> None:
        """Note progress and text."""
        self._text += self._process.readAllStandardOutput().data().decode(errors="replace")
        found = _PROGRESS.findall(self._text)
        if found:
            self._node.fraction = float(found[-1])
            self._node.Modified()

    def on_finished(self, *_: object) -> None:
        """Read the outputs and say how it ended."""
        self.on_output()
        node = self._node
        node.RemoveObserver(self._tag)
        node.SetOutputText(_PROGRESS.sub("", self._text).strip())
        node.SetErrorText(self._process.readAllStandardError().data().decode(errors="replace"))
        was_canceled = node.GetStatus() == node.Cancelling
        has_failed = self._process.exitCode() != 0
        if not was_canceled and not has_failed:
            has_failed = not all(_read(output, path) for output, path in self._outputs)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._on_end(self)
        ended = node.CompletedWithErrors if has_failed else node.Completed
        node.SetStatus(node.Cancelled if was_canceled else ended)

    def _arguments(self) -> list[str]:
        text = subprocess.run(
            [sys.executable, self._path, "--xml"], capture_output=True, text=True, check=True
        ).stdout
        flags, positions = [], {}
        for entry in ET.fromstring(text).iterfind("parameters/*"):
            name = entry.findtext("name", "")
            if name not in self._parameters:
                continue
            value = self._as_text(name, entry.findtext("channel", ""), self._parameters[name])
            if entry.find("index") is not None:
                positions[int(entry.findtext("index", "0"))] = value
            elif entry.tag == "boolean":
                flags += [entry.findtext("longflag", "")] if self._parameters[name] else []
            else:
                flags += [f"{entry.findtext('longflag', '')}={value}"]
        return [*flags, *(positions[index] for index in sorted(positions))]

    def _as_text(self, name: str, channel: str, value: Any) -> str:
        if isinstance(value, (list, tuple)):
            return ",".join(str(part) for part in value)
        if not isinstance(value, slicer.vtkMRMLNode):
            return str(value)
        path = self._folder / f"{name}.nrrd"
        if channel == "output":
            self._outputs.append((value, path))
        else:
            _storage(path).WriteData(value)
        return str(path)


def _read(node: Any, path: Path) -> bool:
    return bool(path.is_file() and _storage(path).ReadData(node))


def _storage(path: Path) -> Any:
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    storage.SetUseCompression(0)
    return storage
