"""Search Slicer's own DICOM database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from AgentBridgeLib.dispatch.context import Progress
from AgentBridgeLib.errors import ArgumentInvalidError, BridgeError, FieldProblem
from AgentBridgeLib.host.dicom_index import INSTANCE_TAGS, PATIENT_COLUMNS, SERIES_COLUMNS, STUDY_COLUMNS
from AgentBridgeLib.operations.dicom.json_writing import JsonWriter
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.operations.dicom.query import matcher, uids
from AgentBridgeLib.operations.dicom.values import element, tag_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from AgentBridgeLib.host.dicom_index import DicomIndex, Instance, Series, Study
    from AgentBridgeLib.operations.dicom.query import Question
    from AgentBridgeLib.operations.dicom.values import JsonDataset

Level = Literal["studies", "series", "instances"]
Steps = "Generator[Progress, None, Found]"

STUDY_KEYWORDS = (
    *PATIENT_COLUMNS,
    *STUDY_COLUMNS,
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
SERIES_KEYWORDS = (*SERIES_COLUMNS, "NumberOfSeriesRelatedInstances")
INSTANCE_KEYWORDS = ("SOPInstanceUID", *INSTANCE_TAGS)


@dataclass(frozen=True, slots=True)
class Found:
    """One page of matches as DICOM JSON, and how many there are in all."""

    datasets: list[JsonDataset]
    total: int


def search(
    index: DicomIndex, level: Level, question: Question, limit: int, offset: int
) -> Generator[Progress, None, Found]:
    """Find studies, series or instances.

    Raises
    ------
    ArgumentInvalidError
        A filter is an attribute of a lower level.
    """
    check_level(level, question)
    if level == "instances":
        return (yield from _search_instances(index, question, limit, offset))
    if level == "series":
        wanted = [
            one
            for one in _series_in(index, question)
            if _fits(question.filters, question, _series_value(one))
        ]
        wanted.sort(key=lambda one: (one.study.uid, number_of(one.values["SeriesNumber"]), one.uid))
        rows = wanted[offset : offset + limit]
        made = [_dataset(_series_value(one), (*STUDY_KEYWORDS, *SERIES_KEYWORDS)) for one in rows]
        yield from _complete(index, question, made, [one.uid for one in rows])
        return Found(made, len(wanted))
    studies = [one for one in _studies_in(index, question) if _study_matches(question, one)]
    studies.sort(key=lambda one: one.uid)
    studies.sort(key=lambda one: (one.values["StudyDate"], one.values["StudyTime"]), reverse=True)
    page = studies[offset : offset + limit]
    made = [_dataset(_study_value(one), STUDY_KEYWORDS) for one in page]
    yield from _complete(index, question, made, [one.series[0].uid if one.series else "" for one in page])
    return Found(made, len(studies))


def fill(instance: Instance) -> None:
    """Read from its file what the tag cache does not have of an instance."""
    if instance.is_complete:
        return
    try:
        dataset = read_dataset(instance.path, tags=list(INSTANCE_TAGS))
        instance.values.update({name: str(dataset.get(name, "") or "") for name in INSTANCE_TAGS})
    except BridgeError:  # the file is gone; the database still knows the instance
        for name in INSTANCE_TAGS:
            instance.values.setdefault(name, "")
    instance.is_complete = True


def in_order(instances: list[Instance]) -> list[Instance]:
    """Sort by series, instance number (missing last) and UID."""
    return sorted(
        instances, key=lambda one: (one.series.uid, number_of(one.values.get("InstanceNumber", "")), one.uid)
    )


def _search_instances(
    index: DicomIndex, question: Question, limit: int, offset: int
) -> Generator[Progress, None, Found]:
    """Go through the series in their order; only those that the page shows are filled in, sorted and written out."""
    of_instances = {
        keyword: wanted
        for keyword, wanted in question.filters.items()
        if keyword not in STUDY_KEYWORDS and keyword not in SERIES_KEYWORDS
    }
    of_series = {
        keyword: wanted for keyword, wanted in question.filters.items() if keyword not in of_instances
    }
    total, rows = 0, []
    for series, candidates in _candidates(index, question):
        if not _fits(of_series, question, _series_value(series)):
            continue
        found = yield from _matching(candidates, of_instances, question)
        if offset < total + len(found) and total < offset + limit:
            for one in found:
                if not one.is_complete:
                    fill(one)
                    yield Progress(None, "Reading files")
            rows += in_order(found)[max(0, offset - total) : offset + limit - total]
        total += len(found)
    return Found((yield from _datasets_of(rows, question)), total)


def _candidates(index: DicomIndex, question: Question) -> Iterator[tuple[Series, list[Instance]]]:
    wanted = question.filters.get("SOPInstanceUID")
    if wanted is None:
        for series in sorted(_series_in(index, question), key=lambda one: one.uid):
            yield series, index.instances(series.uid)
        return
    named: dict[str, list[Instance]] = {}
    for uid in dict.fromkeys(uids(wanted)):
        one = index.instance(uid)
        if one is not None:
            named.setdefault(one.series.uid, []).append(one)
    for _, instances in sorted(named.items()):
        yield instances[0].series, instances


def _matching(
    candidates: list[Instance], filters: Mapping[str, str], question: Question
) -> Generator[Progress, None, list[Instance]]:
    for keyword, wanted in filters.items():
        decide = matcher(keyword, wanted, question.is_fuzzy)
        left = []
        for one in candidates:
            if keyword == "SOPInstanceUID":
                value = one.uid
            elif keyword in one.values:
                value = one.values[keyword]
            elif keyword in INSTANCE_TAGS:
                fill(one)
                value = one.values[keyword]
                yield Progress(None, "Reading files")
            else:
                value = _from_file(one, keyword)
                yield Progress(None, "Reading files")
            if decide(value):
                left.append(one)
        candidates = left
    yield Progress(None, "Looking through the database")
    return candidates


def _datasets_of(rows: list[Instance], question: Question) -> Generator[Progress, None, list[JsonDataset]]:
    made, shared = [], {}
    for one in rows:
        if one.series.uid not in shared:
            shared[one.series.uid] = _dataset(_series_value(one.series), (*STUDY_KEYWORDS, *SERIES_KEYWORDS))
        dataset = {**shared[one.series.uid], **_dataset(_instance_value(one), INSTANCE_KEYWORDS)}
        made.append(dict(sorted(dataset.items())))
    if question.extra or question.wants_all:
        for one, dataset in zip(rows, made, strict=True):
            yield from _add_from_file(dataset, one, question)
            yield Progress(None, "Reading files")
    return made


def _complete(
    index: DicomIndex, question: Question, made: list[JsonDataset], series_uids: list[str]
) -> Generator[Progress, None, None]:
    """Add attributes that the database does not keep from the first instance of each match."""
    if not (question.extra or question.wants_all):
        return
    for dataset, uid in zip(made, series_uids, strict=True):
        instances = index.instances(uid)
        if instances:
            yield from _add_from_file(dataset, instances[0], question)
        yield Progress(None, "Reading files")


def _add_from_file(
    dataset: JsonDataset, instance: Instance, question: Question
) -> Generator[Progress, None, None]:
    missing = [keyword for keyword in question.extra if tag_of(keyword) not in dataset]
    if not (missing or question.wants_all):
        return
    try:
        read = read_dataset(instance.path, tags=None if question.wants_all else missing)
        found = yield from JsonWriter().write_in_steps(read)
    except BridgeError:
        return
    for tag, entry in found.items():
        if tag >= "00080000":
            dataset.setdefault(tag, entry)


def check_level(level: Level, question: Question) -> None:
    """Refuse filters of a lower level.

    Raises
    ------
    ArgumentInvalidError
        A filter is an attribute of a lower level.
    """
    known = {"studies": (*STUDY_KEYWORDS, *SERIES_KEYWORDS), "series": (*STUDY_KEYWORDS, *SERIES_KEYWORDS)}
    accepted = known.get(level)
    if accepted is None:
        return
    for keyword in question.filters:
        if keyword not in accepted:
            raise ArgumentInvalidError(
                f"{keyword} is an attribute of instances; {level} cannot be searched by it. Search instances instead.",
                errors=[
                    FieldProblem(f"/filters/{keyword}", f"is no key of {level}", ", ".join(sorted(accepted)))
                ],
            )


def _studies_in(index: DicomIndex, question: Question) -> Iterator[Study]:
    wanted = question.filters.get("StudyInstanceUID")
    studies = index.studies()
    if wanted is None:
        yield from studies.values()
        return
    for uid in dict.fromkeys(uids(wanted)):
        if uid in studies:
            yield studies[uid]


def _series_in(index: DicomIndex, question: Question) -> Iterator[Series]:
    for study in _studies_in(index, question):
        wanted = question.filters.get("SeriesInstanceUID")
        accepted = None if wanted is None else uids(wanted)
        for series in study.series:
            if accepted is None or series.uid in accepted:
                yield series


def _study_matches(question: Question, study: Study) -> bool:
    for keyword, wanted in question.filters.items():
        if keyword in STUDY_KEYWORDS:
            values = [_study_value(study)(keyword)]
        else:
            values = [_series_value(series)(keyword) for series in study.series]
        if not any(map(matcher(keyword, wanted, question.is_fuzzy), values)):
            return False
    return True


def _fits(filters: Mapping[str, str], question: Question, value: Callable[[str], str]) -> bool:
    return all(
        matcher(keyword, wanted, question.is_fuzzy)(value(keyword)) for keyword, wanted in filters.items()
    )


def _study_value(study: Study) -> Callable[[str], str]:
    def value(keyword: str) -> str:
        if keyword in study.values:
            return study.values[keyword]
        if keyword == "ModalitiesInStudy":
            return "\\".join(sorted({series.values["Modality"] for series in study.series} - {""}))
        if keyword == "NumberOfStudyRelatedSeries":
            return str(len(study.series))
        return str(sum(series.count for series in study.series))

    return value


def _series_value(series: Series) -> Callable[[str], str]:
    def value(keyword: str) -> str:
        if keyword in series.values:
            return series.values[keyword]
        if keyword == "NumberOfSeriesRelatedInstances":
            return str(series.count)
        return _study_value(series.study)(keyword)

    return value


def _instance_value(instance: Instance) -> Callable[[str], str]:
    def value(keyword: str) -> str:
        return instance.uid if keyword == "SOPInstanceUID" else instance.values.get(keyword, "")

    return value


def _from_file(instance: Instance, keyword: str) -> str:
    """Read one attribute from the file, once."""
    if keyword not in instance.values:
        try:
            found = read_dataset(instance.path, tags=[keyword]).get(keyword, "")
        except BridgeError:
            found = ""
        several = found if hasattr(found, "append") else [found]
        instance.values[keyword] = "\\".join(str(one) for one in several if one is not None)
    return instance.values[keyword]


def _dataset(value: Callable[[str], str], keywords: tuple[str, ...]) -> JsonDataset:
    tags = _tags(keywords)
    return {tags[keyword]: element(keyword, value(keyword)) for keyword in keywords}


_TAGS: dict[tuple[str, ...], Mapping[str, str]] = {}


def _tags(keywords: tuple[str, ...]) -> Mapping[str, str]:
    """Give keyword to tag, in the order of tags; looked up once."""
    if keywords not in _TAGS:
        _TAGS[keywords] = {keyword: tag_of(keyword) for keyword in keywords}
    return _TAGS[keywords]


def number_of(text: str) -> tuple[bool, int]:
    """Make a key to sort whole numbers by; what is none comes last."""
    try:
        return False, int(float(text.partition("\\")[0]))
    except (ValueError, OverflowError):
        return True, 0
