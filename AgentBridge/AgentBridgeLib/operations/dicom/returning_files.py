"""Files that come back: what covered identifiers when the data left is undone before a file is kept.

A client that retrieves images, makes a segmentation or a report of them and stores that has pseudonyms for UIDs in it,
and a patient without a name. With these it would belong to nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.errors import BridgeError, DataInvalidError, StorageFailedError
from AgentBridgeLib.operations.dicom.library import library, quiet, read_dataset
from AgentBridgeLib.operations.dicom.privacy import MADE_BY, decoded, hides, several
from AgentBridgeLib.policy.identifiers import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from AgentBridgeLib.dispatch.context import OperationContext

_WHO = ("PatientName", "PatientID")
_OF_STUDY = (
    *_WHO,
    *("IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize", "PatientWeight"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "StudyDescription", "ReferringPhysicianName"),
)
_HANDLES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
_SAID = ("PatientIdentityRemoved", "DeidentificationMethod")


class ReturningFiles:
    """Puts right the files of one call. Where identifiers are shown, nothing is changed."""

    def __init__(self, context: OperationContext) -> None:
        self._context = context
        self._known: dict[str, Any] = {}

    def prepared(self, path: str, target: Path) -> str:
        """Give the path of what is to be kept: the file as it is, or a corrected one that was written to `target`.

        Raises
        ------
        DataInvalidError
            It refers to a study that was given out, but names another patient.
        FileUnreadableError
            It is no readable DICOM file.
        StorageFailedError
            The corrected file could not be written.
        """
        if not hides(self._context):
            return path
        head = read_dataset(path, tags=[*_HANDLES, *_OF_STUDY, *_SAID])
        has_pseudonyms = any(self._revealed(head, name) != str(head.get(name, "")) for name in _HANDLES)
        study = self._study(self._revealed(head, "StudyInstanceUID"))
        missing = self._missing(head, study) if study is not None else {}
        if has_pseudonyms and study is not None and not set(_WHO) & set(missing):
            self._require_same_patient(head, study)
        if not has_pseudonyms and not (missing.keys() & set(_WHO)):
            return path
        return self._rewritten(path, target, missing)

    def _revealed(self, dataset: Any, name: str) -> str:
        text, uids = str(dataset.get(name, "") or ""), self._context.uids
        return text if uids is None else str(uids.reveal(text))

    def _study(self, uid: str) -> Any:
        """Give what the database's own files say of a study and its patient; None when it has none."""
        if uid not in self._known:
            index = self._context.host.dicom.index
            found = index.studies().get(uid)
            paths = [
                one.path for series in (found.series if found else ()) for one in index.instances(series.uid)
            ]
            self._known[uid] = None
            if paths:
                try:
                    self._known[uid] = read_dataset(paths[0], tags=["SpecificCharacterSet", *_OF_STUDY])
                except BridgeError:  # its file is gone: nothing is known
                    return None
        return self._known[uid]

    def _missing(self, head: Any, study: Any) -> Mapping[str, Any]:
        """Give the attributes of study and patient that are covered in a file; none of what others have removed."""
        said = str(head.get("DeidentificationMethod", "") or "")
        if (said or head.get("PatientIdentityRemoved") == "YES") and not said.startswith(MADE_BY):
            return {}
        if any(not self._is_covered(head, study, name) for name in _WHO):
            return {}
        return {
            name: study[name].value
            for name in _OF_STUDY
            if study.get(name) not in (None, "") and self._is_covered(head, study, name)
        }

    def _is_covered(self, head: Any, study: Any, name: str) -> bool:
        text, real = (str(one.get(name, "") or "").strip() for one in (head, study))
        uids = self._context.uids
        return text in {"", HIDDEN} or (
            uids is not None and any(uids.is_pseudonym_of(text, form) for form in (real, *real.split("=")))
        )

    def _require_same_patient(self, head: Any, study: Any) -> None:
        for name in _WHO:
            text, real = (str(one.get(name, "") or "").strip() for one in (head, study))
            if text != real and not self._is_covered(head, study, name):
                raise DataInvalidError("The file names another patient than the study that it refers to.")

    def _rewritten(self, path: str, target: Path, missing: Mapping[str, Any]) -> str:
        with quiet():
            dataset = library("pydicom").dcmread(path)
            self._reveal_all(dataset)
            self._reveal_all(dataset.file_meta)
            if any(not str(value).isascii() for value in missing.values()):
                decoded(dataset).SpecificCharacterSet = "ISO_IR 192"
            for name, value in missing.items():
                setattr(dataset, name, value)
            if str(dataset.get("DeidentificationMethod", "") or "").startswith(MADE_BY) and missing:
                del dataset.DeidentificationMethod
                if "PatientIdentityRemoved" in dataset:
                    del dataset.PatientIdentityRemoved
            try:
                library("pydicom").dcmwrite(str(target), dataset)
            except OSError as fault:
                raise StorageFailedError(
                    f"An instance could not be kept: {fault.strerror}. Free disk space."
                ) from None
            except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value provokes
                raise DataInvalidError("This file cannot be rewritten; it is broken.") from None
        return str(target)

    def _reveal_all(self, dataset: Any) -> None:
        uids = self._context.uids
        if uids is None:
            return
        for element in dataset.iterall():
            if element.VR == "UI" and element.value:
                element.value = [uids.reveal(one) for one in several(element.value)]
