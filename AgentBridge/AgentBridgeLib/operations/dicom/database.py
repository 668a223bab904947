"""Import files into Slicer's DICOM database, and delete from it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from AgentBridgeLib.dispatch.context import Progress, Suspend
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    BridgeError,
    ConfirmationRequiredError,
    DataInvalidError,
    FieldProblem,
    FileMissingError,
    FileUnreadableError,
)
from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.dicom import DicomDeleted, DicomImported, ImportedFile, Uid
from AgentBridgeLib.model.fields import ReadPath
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.privacy import database_redactor
from AgentBridgeLib.operations.dicom.returning_files import ReturningFiles
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from AgentBridgeLib.dispatch.context import OperationContext

MOST_FILES = 100_000
MOST_PROBLEMS = 1000


class ImportArguments(Arguments):
    """What to add to the database."""

    path: ReadPath = Field(
        description="A file, or a folder with everything below it.", examples=["/data/dicom"]
    )
    copies_files: bool = Field(
        default=True,
        description="Whether the database keeps copies; else it links to the files where they are.",
    )
    replaces: bool = Field(
        default=False, description="Whether instances that are there already are replaced."
    )

    def also_requires(self) -> tuple[str, ...]:
        """Require that files may be read."""
        return ("files.read",)


class DeleteArguments(Arguments):
    """What to remove: exactly one of a study and a series."""

    study_instance_uid: Uid | None = Field(default=None, description="A whole study.")
    series_instance_uid: Uid | None = Field(default=None, description="One series.")
    confirm: bool = Field(default=False, description="Must be true: there is no way back.")


@operation(
    name="dicom.import_files",
    capability="dicom.write",
    route="POST /dicom/import",
    execution="process",
    long=True,
    keywords="import folder CD disk DICOM files index",
)
def import_files(
    context: OperationContext, arguments: ImportArguments
) -> Generator[Progress | Suspend, None, DicomImported]:
    """Import a file or a folder into Slicer's DICOM database.

    Each file is looked at first, so that the answer says file by file what became of it. Instances that the database
    has already are not added twice. Files made of data that were retrieved here are put right as dicomweb.store does;
    of these the database always keeps copies. Cancel stops the import; what is in by then stays.

    Returns
    -------
    DicomImported
        Counts, the series concerned, and the files that did not get in.

    Raises
    ------
    FileMissingError
        There is nothing at the path.
    DataInvalidError
        More than 100,000 files are below the folder.
    FeatureMissingError
        No DICOM database is open, or pydicom is absent.

    Warnings
    --------
    Links (`copies_files` false) break when the files are moved. Symbolic links in the folder are not followed.
    """
    index = context.host.dicom.index
    looked_at: list[ImportedFile] = []
    series: set[str] = set()
    seen: set[str] = set()
    returning = ReturningFiles(context)
    as_they_are: list[str] = []
    corrected: list[str] = []
    for path in _files_below(Path(arguments.path)):
        kept = _put_right(returning, path, Path(context.work_folder()) / f"{len(looked_at)}.dcm")
        one = ImportedFile(path=path, outcome="failed")
        if kept:
            one = _look_at(index, kept, arguments.replaces, series, seen).model_copy(update={"path": path})
        looked_at.append(one)
        if one.outcome in {"added", "replaced"}:
            (as_they_are if kept == path else corrected).append(kept)
        yield Progress(None, f"Looking at files: {len(looked_at)}")
    if as_they_are:
        yield from add_to_database(context, as_they_are, copies=arguments.copies_files)
    if corrected:
        yield from add_to_database(context, corrected, copies=True)
    outcomes = [_check_arrival(index, one) for one in looked_at]
    cover = database_redactor(context)
    problems = [
        one.model_copy(update={"path": cover.text(one.path)})
        for one in outcomes
        if one.outcome in {"not_dicom", "incomplete", "failed"}
    ]
    return DicomImported(
        counts=dict(Counter(one.outcome for one in outcomes)),
        series=sorted(series),
        problems=problems[:MOST_PROBLEMS],
    )


@operation(
    name="dicom.delete",
    capability="dicom.write",
    route="POST /dicom/delete",
    destructive=True,
    revision_scope="none",
)
def delete(context: OperationContext, arguments: DeleteArguments) -> DicomDeleted:
    """Delete a study or a series from Slicer's DICOM database, with its stored files and cached values.

    Files that the database only links to stay where they are. The scene keeps what was loaded.

    Returns
    -------
    DicomDeleted
        What is gone.

    Raises
    ------
    ConfirmationRequiredError
        `confirm` is not true.
    ArgumentInvalidError
        Not exactly one of study and series is named.
    FileMissingError
        The database has no such study or series.
    FeatureMissingError
        No DICOM database is open.
    """
    if (arguments.study_instance_uid is None) == (arguments.series_instance_uid is None):
        raise ArgumentInvalidError(
            "Name either a study or a series.",
            errors=[FieldProblem("", "must name one of study_instance_uid and series_instance_uid")],
        )
    if not arguments.confirm:
        raise ConfirmationRequiredError("Deleting cannot be undone. Repeat with `confirm: true`.")
    dicom = context.host.dicom
    study = dicom.index.studies().get(arguments.study_instance_uid or "")
    one = dicom.index.series().get(arguments.series_instance_uid or "")
    found = list(study.series) if study else [one] if one else []
    if not found:
        raise FileMissingError(
            "The database has no such study or series; dicom.find_series lists what it has."
        )
    for series in found:
        dicom.remove_series(series.uid)
    return DicomDeleted(
        series=[series.uid for series in found], instance_count=sum(series.count for series in found)
    )


def _files_below(path: Path) -> Iterator[str]:
    if path.is_file():
        yield str(path)
        return
    if not path.is_dir():
        raise FileMissingError("There is nothing at `path`.")
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            found = Path(folder) / name
            if name == "DICOMDIR" or found.is_symlink() or not found.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                raise DataInvalidError(
                    f"More than {MOST_FILES:,} files are below the folder; import parts of it."
                )
            yield str(found)


def _put_right(returning: ReturningFiles, path: str, target: Path) -> str:
    """Give the path of what is to be kept of a file; empty when it names another patient than that of its study."""
    try:
        return returning.prepared(path, target)
    except DataInvalidError:
        return ""
    except FileUnreadableError:
        return path  # found out later


def _look_at(index: Any, path: str, replaces: bool, series: set[str], seen: set[str]) -> ImportedFile:
    try:
        dataset = read_dataset(
            path, tags=["PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
        )
    except BridgeError as error:
        if error.code == "host.feature_missing":
            raise
        return ImportedFile(path=path, outcome="not_dicom")
    uid = str(dataset.get("SOPInstanceUID", "") or "")
    has_all = uid and dataset.get("StudyInstanceUID") and dataset.get("SeriesInstanceUID")
    if not has_all:
        return ImportedFile(path=path, outcome="incomplete", sop_instance_uid=uid or None)
    is_known = uid in seen or index.instance(uid) is not None
    series.add(str(dataset.SeriesInstanceUID))
    seen.add(uid)
    outcome: Literal["added", "replaced", "already_there"] = "added"
    if is_known:
        outcome = "replaced" if replaces else "already_there"
    return ImportedFile(path=path, outcome=outcome, sop_instance_uid=uid)


def add_to_database(
    context: OperationContext, paths: list[str], *, copies: bool
) -> Generator[Progress | Suspend, None, None]:
    """Let CTK's indexer work, and wait for its end; if the caller is closed meanwhile, it is told to stop."""
    fraction = [0.0]
    waking: list[Callable[[], None]] = []

    def wake_all() -> None:
        while waking:
            waking.pop()()

    def on_progress(told: float) -> None:
        fraction[0] = told
        wake_all()

    running = context.host.dicom.add_files(paths, copies=copies, on_progress=on_progress, on_end=wake_all)
    try:
        while running.is_running:
            yield Progress(
                fraction[0], "Adding files to the database; if it is canceled now, those that are in stay"
            )
            yield Suspend(lambda wake: waking.append(wake) if running.is_running else wake())
    finally:
        running.cancel()


def _check_arrival(index: Any, one: ImportedFile) -> ImportedFile:
    if one.outcome in {"added", "replaced"} and index.instance(one.sop_instance_uid) is None:
        return one.model_copy(update={"outcome": "failed"})
    return one
