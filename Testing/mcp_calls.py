"""One call of every operation, on real data: a brain MR, and slices of a lung CT in the DICOM database.

In the order of execution, since later calls use what earlier ones made: ``$volume`` is the id of the first node in the
result that was kept as ``volume``, ``$volume.name`` a member of that result.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import dicom_data
from devtools.data import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = data_folder(Path(__file__).resolve().parent.parent)
STUDY, SERIES, FRAME = "1.2.826.0.1.55.1", "1.2.826.0.1.55.2", "1.2.826.0.1.55.3"
_REFERENCE = re.compile(r"\$([a-z_]+)((?:\.[A-Za-z_0-9]+)*)")


@dataclass(frozen=True)
class Step:
    """A call.

    Attributes
    ----------
    operation
        Name on the wire.
    arguments
        With references to earlier results.
    keep
        Name under which the result is kept; empty when nobody needs it.
    error
        Code of the error that is the right answer here; empty where the call must succeed.
    """

    operation: str
    arguments: dict[str, Any]
    keep: str = ""
    error: str = ""


def lung_slices(scan: Path, folder: Path, count: int = 4) -> list[Path]:
    """Write slices from the middle of a CT in NRRD as DICOM files; every second voxel in the plane."""
    head, _, body = scan.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    columns, rows, slices = map(int, fields["sizes"].split())
    assert fields["encoding"] == "gzip", fields
    voxels = np.frombuffer(gzip.decompress(body), "<i2").reshape(slices, rows, columns)
    files = []
    for number in range(count):
        plane = np.ascontiguousarray(voxels[slices // 2 + number, ::2, ::2])
        pixels = {"Rows": plane.shape[0], "Columns": plane.shape[1], "PixelData": plane.tobytes()}
        made = dicom_data.ct_slice(STUDY, SERIES, FRAME, number, RescaleIntercept=0, **pixels)
        files.append(dicom_data.write(made, folder / f"{number}.dcm"))
    return files


def resolved(value: Any, kept: dict[str, Any]) -> Any:
    """Put earlier results into arguments."""
    if isinstance(value, dict):
        return {name: resolved(entry, kept) for name, entry in value.items()}
    if isinstance(value, list):
        return [resolved(entry, kept) for entry in value]
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    found = kept[match[1]]
    for member in match[2].split(".")[1:]:
        found = found[int(member)] if member.isdigit() else found[member]
    return found if match[2] or not isinstance(found, dict) else _id_of(found)


def _id_of(found: dict[str, Any]) -> Any:
    if "nodes" in found:
        return found["nodes"][0]["id"]
    return found["id"] if "id" in found else found["node_ids"][0]


def text64(text: str | bytes) -> str:
    """Write bytes as operations take them in JSON."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def steps(folder: Path) -> Iterator[Step]:
    """Give all calls; `folder` is one that the host may read and write, as it may read `DATA`."""
    yield from _scene(DATA / "brain1_image.nrrd")
    yield from _volumes()
    yield from _segmentations()
    yield from _markups()
    yield from _models()
    yield from _transforms()
    yield from _tables()
    yield from _views()
    yield from _modules()
    yield from _dicom(folder, DATA / "lung1_image.nrrd")
    yield from _the_end(folder)


def _scene(brain: Path) -> Iterator[Step]:
    yield Step("files.list", {"path": str(brain.parent), "name": "*.nii.gz"})
    yield Step("files.load", {"path": str(brain), "name": "brain"}, "volume")
    yield Step("application.get", {})
    yield Step("application.log", {"limit": 5})
    yield Step("modules.list", {})
    yield Step("scene.summary", {})
    yield Step("nodes.list", {"class": "vtkMRMLScalarVolumeNode"})
    yield Step("nodes.get", {"node_id": "$volume"})
    yield Step("nodes.update", {"node_id": "$volume", "attributes": {"Reader": "agent"}})
    yield Step("nodes.reload", {"node_id": "$volume"})
    yield Step("sample_data.list", {}, "samples")
    yield Step("sample_data.load", {"name": "$samples.items.0.name"})
    yield Step("checkpoints.create", {"label": "before"}, "checkpoint")
    yield Step("checkpoints.list", {})


def _volumes() -> Iterator[Step]:
    one = {"volume_id": "$volume"}
    yield Step("volumes.list", {})
    yield Step("volumes.get", one)
    yield Step("volumes.histogram", {**one, "bins": 16})
    yield Step("volumes.sample", {**one, "points_ras": [[0, 0, 0]]})
    yield Step("volumes.data", {**one, "format": "npy", "region": [0, 8, 0, 8, 0, 8]})
    yield Step("volumes.create", {"shape": [4, 4, 4], "scalar_type": "uint8", "name": "small"}, "small")
    zeros = text64(bytes(64))
    yield Step("volumes.replace_data", {"volume_id": "$small", "content": zeros, "format": "raw"})
    yield Step("volumes.update", {**one, "window_width": 1000, "window_level": 500})
    yield Step("volumes.clone", one)
    yield Step("volumes.crop", {**one, "region": [50, 150, 50, 150, 5, 15]}, "part")
    part = {"volume_id": "$part"}
    yield Step("volumes.resample", {**part, "spacing_mm": [2, 2, 6.5]})
    yield Step("volumes.threshold", {**part, "minimum": 100, "maximum": 5000})
    yield Step("volumes.math", {**part, "operator": "multiply", "value": 2})
    yield Step("volumes.smooth", {**part, "sigma_mm": 1.0})
    yield Step("volumes.denoise", {**part, "radius_voxels": 1})


def _segmentations() -> Iterator[Step]:
    threshold = {"minimum": 300, "maximum": 5000, "segment_name": "bright"}
    yield Step("segmentations.create", {"source_volume_id": "$part", "threshold": threshold}, "segmentation")
    one = {"segmentation_id": "$segmentation"}
    segment = {**one, "segment_id": "$described.segments.0.id"}
    yield Step("segmentations.list", {})
    yield Step("segmentations.get", one, "described")
    yield Step("segmentations.edit", {**segment, "effect": "keep_largest"})
    yield Step("segmentations.statistics", {**one, "volume_id": "$part"})
    yield Step("segmentations.labelmap", {**one, "format": "nrrd"})
    yield Step("segmentations.update_segment", {**segment, "name": "head"})
    yield Step("segmentations.add_segment", {**one, "name": "empty"}, "second")
    yield Step("segmentations.remove_segment", {**one, "segment_id": "$second.segments.1.id"})


def _markups() -> Iterator[Step]:
    points = [[0, 0, 0], [30, 40, 0], [0, 10, 20], [5, 5, 50]]
    yield Step("markups.create", {"type": "line", "points_ras": points[:2]}, "line")
    yield Step("markups.create", {"type": "fiducial", "points_ras": points, "name": "fixed"}, "fixed")
    moved = [[x + 5, y, z] for x, y, z in points]
    yield Step("markups.create", {"type": "fiducial", "points_ras": moved, "name": "moving"}, "moving")
    one = {"markups_id": "$moving"}
    yield Step("markups.list", {})
    yield Step("markups.get", {"markups_id": "$line"})
    yield Step("markups.update", {**one, "is_locked": False})
    yield Step("markups.add_points", {**one, "points": [{"position_ras": [1, 2, 3]}]})
    yield Step("markups.list_points", one, "points")
    point = {**one, "point_id": "$points.items.4.id"}
    yield Step("markups.update_point", {**point, "label": "extra"})
    yield Step("markups.delete_point", point)
    yield Step("markups.data", one, "written")
    schema = (
        "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    )
    control = [{"id": "1", "position": [1.0, 2.0, 3.0], "positionStatus": "defined"}]
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": control}
    file = {"@schema": schema + "markups-schema-v1.0.3.json#", "markups": [markup]}
    content = text64(json.dumps(file))
    yield Step("markups.import", {"content": content}, "imported")
    yield Step("markups.replace_data", {"markups_id": "$imported.markups.0.id", "content": content})


def _models() -> Iterator[Step]:
    ball = {"kind": "sphere", "radius_mm": 10}
    yield Step("models.create", {"shape": ball}, "model")
    yield Step("models.create", {"shape": ball, "center_ras": [8, 0, 0]}, "other")
    one = {"model_id": "$model"}
    yield Step("models.list", {})
    yield Step("models.get", one)
    yield Step("models.update", {**one, "opacity": 0.5})
    yield Step("models.measure", one)
    yield Step("models.data", {**one, "format": "ply"})
    yield Step("models.decimate", {**one, "reduction": 0.5})
    yield Step("models.smooth", one)
    yield Step("models.clip", {**one, "origin_ras": [0, 0, 0], "normal_ras": [0, 0, 1]})
    yield Step("models.boolean", {**one, "other_id": "$other", "mode": "union"})
    triangle = "v 0 0 0\nv 10 0 0\nv 0 10 0\nf 1 2 3\n"
    yield Step("models.import", {"content": text64(triangle), "format": "obj", "frame": "ras"})


def _transforms() -> Iterator[Step]:
    one = {"transform_id": "$transform"}
    yield Step("transforms.create", {"translation_ras_mm": [5, 0, 0], "name": "shift"}, "transform")
    yield Step("transforms.list", {})
    yield Step("transforms.get", one)
    yield Step("transforms.update", {**one, "translation_ras_mm": [0, 5, 0]})
    yield Step("transforms.apply", {**one, "node_ids": ["$other"]})
    yield Step("transforms.map_points", {**one, "points_ras": [[0, 0, 0]]})
    yield Step("transforms.harden", {"node_ids": ["$other"]})
    yield Step("transforms.invert", one, "inverse")
    yield Step("transforms.concatenate", {"transform_ids": ["$transform", "$inverse"], "name": "together"})
    yield Step("transforms.register_landmarks", {"moving_id": "$moving", "fixed_id": "$fixed"})
    head = (
        "NRRD0005\ntype: double\ndimension: 4\nspace: right-anterior-superior\nsizes: 3 2 2 2\n"
        "space directions: none (10,0,0) (0,10,0) (0,0,10)\nkinds: vector domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (0,0,0)\n\n"
    )
    grid = text64(head.encode() + bytes(3 * 8 * 8))
    yield Step("transforms.create_grid", {"content": grid}, "grid")
    yield Step("transforms.data", {"transform_id": "$grid"})
    yield Step("transforms.replace_data", {"transform_id": "$grid", "content": grid})


def _tables() -> Iterator[Step]:
    columns = [{"name": "structure", "type": "string", "values": ["brain", "lung"]}]
    yield Step("tables.create", {"columns": columns}, "table")
    one = {"table_id": "$table"}
    yield Step("tables.list", {})
    yield Step("tables.get", one)
    yield Step("tables.add_rows", {**one, "rows": [["liver"]]})
    yield Step("tables.rows", one)
    yield Step("tables.update_row", {**one, "row": 0, "values": {"structure": "head"}})
    yield Step("tables.replace", {**one, "columns": columns})
    yield Step("texts.create", {"text": "first"}, "text")
    yield Step("texts.list", {})
    yield Step("texts.get", {"text_id": "$text"})
    yield Step("texts.update", {"text_id": "$text", "text": "second"})
    yield Step(
        "sequences.create",
        {"node_ids": ["$model", "$other"], "index_name": "time", "index_unit": "s"},
        "sequence",
    )
    yield Step("sequences.list", {})
    yield Step("sequences.get", {"sequence_id": "$sequence"})
    yield Step("sequences.browse", {"sequence_id": "$sequence", "item": 1})


def _views() -> Iterator[Step]:
    yield Step("views.list", {})
    yield Step("views.set_layout", {"layout": "FourUpView"})
    yield Step("views.slice_image", {"name": "Red", "background": "$volume", "width": 2048, "height": 2048})
    yield Step("views.set_slice", {"name": "Red", "background": "$volume", "orientation": "Axial"})
    yield Step("views.fit", {})
    yield Step("views.center", {"position_ras": [0, 0, 0]})
    yield Step("views.threed_image", {"name": "1", "look_from": "anterior"})
    yield Step("views.camera", {"name": "1"})
    yield Step("views.set_camera", {"name": "1", "position_ras": [0, 500, 0], "focal_point_ras": [0, 0, 0]})
    yield Step("views.screenshot", {"accept_blank": True})
    yield Step("views.gltf", {"name": "1"})


def _modules() -> Iterator[Step]:
    yield Step("cli_modules.list", {})
    yield Step("cli_modules.get", {"name": "ScaleVolume"})
    yield Step(
        "cli_modules.run", {"name": "ScaleVolume", "parameters": {"inputVolume": "$part", "factor": 2}}
    )
    yield Step("python.execute", {"source": "1 + 1"})
    yield Step("person.hand_over", {"prompt": "Place a point."}, error="host.feature_missing")


def _dicom(folder: Path, lung: Path) -> Iterator[Step]:
    files = lung_slices(lung, folder / "dicom")
    study = {"study_instance_uid": STUDY}
    series = {**study, "series_instance_uid": SERIES}
    instance = {**series, "sop_instance_uid": "$instances.items.0.SOPInstanceUID"}
    alone = {"sop_instance_uid": instance["sop_instance_uid"]}
    yield Step("dicom.import_files", {"path": str(folder / "dicom"), "copies_files": True})
    yield Step("dicom.find_studies", {})
    yield Step("dicom.find_series", {"filters": {"StudyInstanceUID": STUDY}})
    yield Step("dicom.find_instances", {"filters": {"SeriesInstanceUID": SERIES}}, "instances")
    yield Step("dicom.find_reports", {})
    yield Step("dicom.metadata", alone)
    yield Step("dicom.render_frame", alone)
    yield Step("dicom.report_text", alone, error="data.invalid")
    yield Step("dicom.document_text", alone, error="data.invalid")
    yield Step("dicom.load", {"series_instance_uid": SERIES}, "chest")
    yield Step("dicomweb.search_studies", {})
    yield Step("dicomweb.search_series", {})
    yield Step("dicomweb.search_instances", {})
    yield Step("dicomweb.search_study_series", study)
    yield Step("dicomweb.search_study_instances", study)
    yield Step("dicomweb.search_series_instances", series)
    yield Step("dicomweb.study_metadata", study)
    yield Step("dicomweb.series_metadata", series)
    yield Step("dicomweb.instance_metadata", instance)
    yield Step("dicomweb.bulk_data", {**instance, "place": "7FE00010"})
    yield Step("dicomweb.retrieve_study", study)
    yield Step("dicomweb.retrieve_series", series)
    yield Step("dicomweb.retrieve_instance", instance)
    yield Step("dicomweb.retrieve_frames", {**instance, "frames": "1"})
    yield Step("dicomweb.render_frames", {**instance, "frames": "1"})
    yield Step("dicomweb.render_instance", instance)
    content = text64(files[0].read_bytes())
    yield Step("dicomweb.store", {"content": content})
    yield Step("dicomweb.store_in_study", {"content": content, **study})
    yield Step("dicom.nodes", {})
    yield Step("dicom.pull", {"node": "nowhere", **study}, error="argument.invalid")
    yield Step("dicom.push", {"node": "nowhere", **study}, error="argument.invalid")
    yield Step("dicom.listener", {})
    yield Step("dicom.start_listener", {}, error="policy.capability_disabled")
    yield Step("dicom.stop_listener", {})
    chest = {"volume_id": "$chest"}
    air = {"source_volume_id": "$chest", "threshold": {"minimum": -1000, "maximum": -500}}
    yield Step("segmentations.create", air, "air")
    yield Step("dicom.save_segmentation", {"segmentation_id": "$air", **chest})
    yield Step("markups.create", {"type": "line", "points_ras": [[-8, -161, 102], [-3, -161, 102]]}, "width")
    yield Step("dicom.save_measurements", {"markups_ids": ["$width"], **chest})
    yield Step("dicom.save_picture", chest)
    yield Step("dicom.delete", {"series_instance_uid": SERIES, "confirm": True})


def _the_end(folder: Path) -> Iterator[Step]:
    """Calls that remove, replace or wait."""
    yield Step("nodes.save", {"node_id": "$volume", "path": str(folder / "saved.nrrd")})
    yield Step("scene.save", {"path": str(folder / "scene.mrb")})
    yield Step("nodes.delete", {"node_id": "$line"})
    yield Step("nodes.delete_many", {"ids": ["$text"]})
    yield Step("scene.undo", {})
    yield Step("checkpoints.restore", {"checkpoint_id": "$checkpoint.checkpoint.id"})
    yield Step("checkpoints.delete", {"checkpoint_id": "$checkpoint.checkpoint.id"})
    yield Step("scene.clear", {"confirm": True})
    yield Step("scene.load", {"path": str(folder / "scene.mrb")})
