"""A scene as one file: ``.mrb``, or ``.mrml`` with a folder of data.

`vtkMRMLScene::WriteToMRB` removes its work folder before anyone can see whether a full disk cut one of the files in
it. So Slicer writes the folder (`SaveSceneToSlicerDataBundleDirectory`, the same that WriteToMRB uses), the files are
checked, and the archive is made here.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import slicer
import vtk

from AgentBridgeLib.errors import StorageFailedError
from AgentBridgeLib.host.scene_scrub import scrub_folder
from AgentBridgeLib.host.staging import check_written
from AgentBridgeLib.host.table_files import table_files, write_exactly

if TYPE_CHECKING:
    from pathlib import Path

    from AgentBridgeLib.host.scene_scrub import Scrubber
    from AgentBridgeLib.host.staging import Staging

DATA_FOLDER = "Data"
MOST_MESSAGE_CHARACTERS = 1000

# What is compressed already, or compresses badly, is stored as it is.
_PACKED = (".nrrd", ".gz", ".mrb", ".png", ".jpg", ".h5", ".vtp")
_DATA_REFERENCE = re.compile(rb'(\s(?:fileName|fileListMember\d+)=")' + DATA_FOLDER.encode() + rb"/")


def write_bundle(scene: Any, staging: Staging, scrubber: Scrubber | None) -> None:
    """Write ``.mrb``: an archive of one folder, named as the file."""
    folder = _write_folder(scene, staging, scrubber)
    try:
        with zipfile.ZipFile(staging.file, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path in sorted(folder.rglob("*")):
                is_packed = path.name.lower().endswith(_PACKED)
                method = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
                bundle.write(path, path.relative_to(folder.parent).as_posix(), method)
    except OSError as error:
        raise StorageFailedError(f"{staging.file.name} could not be written: {error.strerror}.") from error
    _remove_work_folder(folder)


def write_scene_with_data(scene: Any, staging: Staging, scrubber: Scrubber | None) -> None:
    """Write ``.mrml``, and the data of its nodes into ``<name>_Data`` beside it.

    The folder has the scene's name because two scenes may lie in one place.
    """
    folder = _write_folder(scene, staging, scrubber)
    data_folder = f"{staging.file.stem}_{DATA_FOLDER}"
    text = next(folder.glob("*.mrml")).read_bytes()
    encoded = quote(data_folder).encode("ascii")
    try:
        staging.file.write_bytes(_DATA_REFERENCE.sub(rb"\g<1>" + encoded + b"/", text))
        (folder / DATA_FOLDER).rename(staging.folder / data_folder)
        for private in folder.glob("*_Private"):
            private.rename(staging.folder / private.name)
    except OSError as error:
        raise StorageFailedError(f"{staging.file.name} could not be written: {error.strerror}.") from error
    _remove_work_folder(folder)


def _write_folder(scene: Any, staging: Staging, scrubber: Scrubber | None) -> Path:
    """Let Slicer write scene and data, and clean them; gives the folder, which has the name of the target."""
    folder = staging.folder / "work" / staging.file.stem.strip()
    folder.mkdir(parents=True)
    unsaved = vtk.vtkCollection()
    scene.GetStorableNodesModifiedSinceRead(unsaved)
    messages = slicer.vtkMRMLMessageCollection()
    is_written = slicer.app.applicationLogic().SaveSceneToSlicerDataBundleDirectory(
        str(folder), None, messages
    )
    for index in range(unsaved.GetNumberOfItems()):
        unsaved.GetItemAsObject(index).StorableModified()  # writing marked it as saved; its own file is not
    for node_id, name in table_files(next(folder.glob("*.mrml"))).items():
        write_exactly(scene.GetNodeByID(node_id), folder / unquote(name))
    check_written(folder)
    if not is_written:
        words = str(messages.GetAllMessagesAsString()).strip()[:MOST_MESSAGE_CHARACTERS]
        raise StorageFailedError(f"Slicer could not write all nodes of the scene. {words}".strip())
    if scrubber is not None:
        scrub_folder(folder, scrubber)
    return folder


def _remove_work_folder(folder: Path) -> None:
    for path in sorted(folder.parent.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.parent.rmdir()
