"""Look at the scene as a whole; clear, save and load it."""

from __future__ import annotations

import math
import os
import secrets
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    ConfirmationRequiredError,
    FieldProblem,
    FileExistsAlreadyError,
    FileMissingError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.fields import ReadPath, WritePath
from AgentBridgeLib.model.frames import FrameArguments, bounds_in
from AgentBridgeLib.model.nodes import FileSaved
from AgentBridgeLib.model.scene import SceneCleared, SceneLoaded, SceneSummary
from AgentBridgeLib.operations.common.node_index import node_index
from AgentBridgeLib.operations.scene.node_details import summarize
from AgentBridgeLib.policy.identifiers import Redactor
from AgentBridgeLib.policy.references import check_inside
from AgentBridgeLib.policy.spellings import variants
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.host.ports.scene import SceneHost

SCENE_ENDINGS = (".mrb", ".mrml")
MOST_LOADED_NODES = 1000


class ClearArguments(Arguments):
    """Whether you mean it."""

    confirm: bool = Field(default=False, description="Must be true: everything in the scene goes.")


class SaveArguments(Arguments):
    """Where to."""

    path: WritePath = Field(
        description="File to write, ending in .mrb (one archive with all data) or .mrml.",
        examples=["/data/session.mrb"],
    )
    overwrite: bool = Field(default=False, description="Whether a file that is there may be replaced.")
    remove_identifiers: bool = Field(
        default=False,
        description="Whether patient names, ids, dates and UIDs are replaced in the file, for sharing it.",
    )


class LoadArguments(Arguments):
    """Where from."""

    path: ReadPath = Field(description="An .mrb or .mrml file.", examples=["/data/session.mrb"])
    clear: bool = Field(
        default=False,
        description="Whether the scene is emptied first; that needs the capability scene.delete as well.",
    )

    def also_requires(self) -> tuple[str, ...]:
        """Name scene.delete when the scene is to be emptied."""
        return ("scene.delete",) if self.clear else ()


@operation(
    name="scene.summary",
    capability="scene.read",
    route="GET /scene",
    read_only=True,
    keywords="overview what is loaded open contents",
)
def summarize_scene(context: OperationContext, arguments: FrameArguments) -> SceneSummary:
    """Summarize the scene: how many nodes of which class, its extent, the active volume, the layout.

    Returns
    -------
    SceneSummary
        `bounds_ras` (or `bounds_lps`): mm, around everything listed that has an extent, parent transforms applied.

    Notes
    -----
    Source: Slicer developer guide, "MRML overview".
    """
    scene = context.host.scene
    index = node_index(scene)
    listed = index.of_class("vtkMRMLNode")
    store = context.checkpoints
    layout_number = _layout_number(scene.scene)
    selection = scene.application_logic.GetSelectionNode()
    segmentations = index.of_class("vtkMRMLSegmentationNode")
    step = store.last_step if store is not None else None
    return SceneSummary(
        node_count=len(listed),
        hidden_node_count=len(index.entries) - len(listed),
        counts_by_class=dict(sorted(Counter(entry.class_name for entry in listed).items())),
        **bounds_in(arguments.frame, "bounds", _bounds(scene)),
        active_volume_id=(selection.GetActiveVolumeID() or None) if selection is not None else None,
        active_segmentation_id=segmentations[0].id if len(segmentations) == 1 else None,
        layout=_layout_name(layout_number),
        layout_number=layout_number,
        checkpoint_count=len(store) if store is not None else 0,
        undo_operation=step.operation if step is not None else None,
        undo_problem=(store.problem_of(step) or None) if store is not None and step is not None else None,
        file_name=scene.scene.GetURL() or None,
    )


@operation(
    name="scene.clear",
    capability="scene.delete",
    route="POST /scene/clear",
    destructive=True,
    keywords="start over new empty scene close case delete everything remove all",
)
def clear_scene(context: OperationContext, arguments: ClearArguments) -> SceneCleared:
    """Remove everything from the scene but views, colors and the other nodes that Slicer needs.

    Raises
    ------
    ConfirmationRequiredError
        `confirm` is not true.

    Notes
    -----
    Singletons stay (`vtkMRMLScene::Clear(0)`); with them the views would go and stay blank. Source: `vtkMRMLScene.h`.
    """
    if not arguments.confirm:
        raise ConfirmationRequiredError(
            "This removes every volume, segmentation, markup and all else from the scene. Repeat it with "
            "`confirm` true if that is meant."
        )
    scene = context.host.scene
    before = len(node_index(scene).entries)
    scene.scene.Clear(0)
    after = node_index(scene)
    return SceneCleared(
        removed_count=max(0, before - len(after.entries)), node_count=len(after.of_class("vtkMRMLNode"))
    )


@operation(
    name="scene.save",
    capability="files.write",
    route="POST /scene/save",
    revision_scope="none",
    keywords="save everything project session bundle MRB archive export case",
)
def save_scene(context: OperationContext, arguments: SaveArguments) -> FileSaved:
    """Save the whole scene with its data as one .mrb archive, or as .mrml with the data beside it.

    With `remove_identifiers` every identifying text that the scene's DICOM attributes know is replaced by a pseudonym,
    in names of nodes, attributes, labels, texts and names of files, another one in every saved file. The open scene
    keeps them.

    Returns
    -------
    FileSaved
        Its warnings say which kinds of identifiers are in the file.

    Raises
    ------
    ArgumentInvalidError
        The path ends in neither .mrb nor .mrml.
    FileExistsAlreadyError
        A file is there and `overwrite` is not true.
    StorageFailedError
        Writing failed, or an identifying text could not be taken out; what was there before still is.

    Warnings
    --------
    What somebody typed as free text is recognized only where a DICOM attribute says the same; voxels may show a face.
    """
    _check_ending(arguments.path)
    check_target(arguments.path, overwrite=arguments.overwrite)
    identifiers = context.host.scene.identifiers()
    warnings: tuple[str, ...] = ()
    if arguments.remove_identifiers and identifiers:
        # A key of its own: pseudonyms in two files cannot be matched with each other.
        clean = Redactor("pseudonymize", identifiers, secrets.token_bytes(32)).text
        forms = sorted({form for text, kind in identifiers.items() for form in variants(text, kind)})
        context.host.files.save_scene(arguments.path, clean, forms)
    else:
        context.host.files.save_scene(arguments.path)
        warnings = _identifier_warnings(identifiers)
    size = Path(arguments.path).stat().st_size
    return FileSaved(path=arguments.path, size_bytes=size, warnings=warnings)


@operation(
    name="scene.load",
    capability="files.read",
    route="POST /scene/load",
    keywords="open saved scene project session bundle MRB restore case",
)
def load_scene(context: OperationContext, arguments: LoadArguments) -> SceneLoaded:
    """Load an .mrb or .mrml file into the scene, or in place of the scene with `clear`.

    `clear` removes what is there, so it needs the capability scene.delete as well.

    Raises
    ------
    FileMissingError
        There is no such file.
    FileUnreadableError
        It is no scene, or parts of it could not be read.
    ArgumentInvalidError
        The path ends in neither .mrb nor .mrml.
    PathOutsideRootsError
        The scene names a data file outside the allowed folders.
    AddressNotAllowedError
        The scene would load data from the web.

    Warnings
    --------
    Views, layout and slice positions of the file replace the present ones. Ids of nodes may be other than in the file
    when they are taken.
    """
    _check_ending(arguments.path)
    if not Path(arguments.path).is_file():
        raise FileMissingError(f"There is no file at {arguments.path}.")
    check_references(context, arguments.path)
    return read_scene(context, arguments.path, clear=arguments.clear)


def read_scene(context: OperationContext, path: str, *, clear: bool) -> SceneLoaded:
    """Read a scene whose references have been checked, and say what came.

    Raises
    ------
    FileUnreadableError, OutOfMemoryError
        It is no scene, or parts of it could not be read; its images do not fit into memory.
    """
    scene = context.host.scene
    before = set() if clear else {entry.id for entry in node_index(scene).entries}
    context.host.files.load_scene(path, clear=clear)
    new = [entry.id for entry in node_index(scene).of_class("vtkMRMLNode") if entry.id not in before]
    nodes = [scene.node(node_id) for node_id in new[:MOST_LOADED_NODES]]
    return SceneLoaded(nodes=tuple(summarize(node) for node in nodes), loaded_count=len(new))


def _identifier_warnings(identifiers: Mapping[str, str]) -> tuple[str, ...]:
    if not identifiers:
        return ()
    kinds = ", ".join(sorted(set(identifiers.values())))
    return (
        f"The file holds {len(identifiers)} identifying texts ({kinds}). To share it, save with `remove_identifiers`.",
    )


def check_references(context: OperationContext, path: str, own: Sequence[str] = ()) -> None:
    """Refuse a file that would make Slicer read others that the caller may not read.

    Parameters
    ----------
    path
        The file.
    own
        Files that came with it, and so may be read.

    Raises
    ------
    PathOutsideRootsError
        Its header, or the scene, names a file outside the allowed folders.
    AddressNotAllowedError
        The scene would load data from the web.
    """
    found = context.host.files.references(path)
    if found.paths or found.addresses:
        folders = (*context.settings.allowed_folders, *own)
        check_inside(Path(path).name, found.paths, found.addresses, folders, os.path.realpath)


def check_target(path: str, *, overwrite: bool) -> None:
    """Refuse a path that cannot, or should not, be written.

    Raises
    ------
    FileExistsAlreadyError
        A file is there and may not be replaced.
    ArgumentInvalidError
        It is a folder, or its folder does not exist.
    """
    target = Path(path)
    if target.is_dir():
        raise _bad_path(f"{path} is a folder", "a file name in it")
    if not target.parent.is_dir():
        raise _bad_path(f"the folder {target.parent} does not exist", "a path in a folder that exists")
    if target.exists() and not overwrite:
        raise FileExistsAlreadyError(f"{path} exists. Choose another name, or set `overwrite` to replace it.")


def _check_ending(path: str) -> None:
    if not path.lower().endswith(SCENE_ENDINGS):
        raise _bad_path(f"{Path(path).name} does not end in .mrb or .mrml", "a path ending in .mrb or .mrml")


def _bad_path(problem: str, expected: str) -> ArgumentInvalidError:
    return ArgumentInvalidError(
        f"`path` cannot be used: {problem}.", errors=[FieldProblem("/path", problem, expected)]
    )


def _bounds(scene: SceneHost) -> Sequence[float] | None:
    union: list[float] | None = None
    for entry in node_index(scene).of_class("vtkMRMLDisplayableNode"):
        bounds = [1.0, -1.0] * 3
        scene.node(entry.id).GetRASBounds(bounds)
        if not all(-math.inf < bounds[2 * axis] <= bounds[2 * axis + 1] < math.inf for axis in range(3)):
            continue  # empty, or with points that are no numbers
        union = bounds if union is None else _united(union, bounds)
    return union


def _united(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [(max if at % 2 else min)(pair) for at, pair in enumerate(zip(one, other, strict=True))]


def _layout_number(scene: Any) -> int | None:
    node = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    number = node.GetViewArrangement() if node is not None else 0
    return number or None


def _layout_name(number: int | None) -> str | None:
    from slicer import vtkMRMLLayoutNode

    if number is None:
        return None
    for name, value in vars(vtkMRMLLayoutNode).items():
        if name.startswith("SlicerLayout") and name.endswith("View") and value == number:
            return name.removeprefix("SlicerLayout")
    return None
