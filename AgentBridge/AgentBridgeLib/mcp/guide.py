"""What agents are taught: the instructions of the server, help topics, and prompts for whole tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from AgentBridgeLib.mcp.vocabulary import Json

INSTRUCTIONS = """\
These tools drive a running 3D Slicer (medical images) that a person sits in front of.
- Begin with scene_summary. Node IDs (vtkMRMLScalarVolumeNode1) are the handles; names are labels and may repeat.
  Segments have ids of their own inside their segmentation.
- Positions are RAS in mm (right, anterior, superior are positive) unless a name ends in _lps or _ijk. DICOM uses
  LPS: negate the first two. Indices are zero-based (i, j, k). Units stand in the names: length_mm, volume_ml.
- Never guess geometry or gray values: volumes_get has spacing and bounds, volumes_histogram the values,
  volumes_sample those at points. Look at what you made with views_slice_image (its pixel_to_ras tells where things
  are) or views_threed_image.
- Long work answers with a job. Follow it with jobs_get (wait_s 20) until succeeded, then jobs_result. jobs_cancel
  stops it.
- Deleting and writing may need the person's approval in the AgentBridge panel: the answer says so and names a job.
  Nothing was done yet. Tell the person, wait with jobs_get, do not repeat the call. If denied, do something else.
- A tool that is disabled says which switch of the panel would enable it. Never look for a way around.
- Patient names and identifiers may be hidden; do not try to recover them. Results are no diagnosis.
- Files: absolute paths in the allowed folders (files.list without a path names them); existing files are not
  overwritten unless asked.
- Many more operations than tools: operations_search with the task in your words (crop, align two scans, ruler),
  then operations_describe, operations_run. Often: segmentations.edit (islands, margins, holes, subtract),
  volumes.resample, transforms.register_landmarks, segmentations.export (then nodes_save: STL), scene.save,
  person.hand_over (the person draws or corrects).
- Every answer about the scene has scene_revision: when it has moved on without you, the person has worked; look
  again.
- Errors say what was wrong and what to do next."""

HELP = {
    "frames": """\
Positions are RAS, mm: R grows to the patient's right, A to the front, S to the head. LPS (DICOM, ITK) is (-R, -A, S).
ijk are zero-based voxel indices at voxel centers; NumPy arrays are [k, j, i]. A parent transform moves a node in the
world: answers say whether it is applied.""",
    "jobs": """\
States: awaiting_approval, queued, running, waiting_for_user, succeeded, failed, canceled. jobs_get with wait_s answers
when the state changes. Results stay for 24 hours. A canceled or failed job leaves no half-made nodes.""",
    "safety": """\
Each operation needs a capability, which the person has set to allow, ask or deny in the AgentBridge panel. ask parks
the call until the person approves that very call; it expires after five minutes. Files are reached in allowed folders
only. python_execute is off unless the person has switched it on.""",
    "pictures": """\
views_slice_image: name Red, Yellow or Green; orientation, offset_mm (RAS), background, label. views_threed_image:
look_from a side of the patient. Pictures come at 1024 pixels at the most, with a link to a larger one. A slice tells
pixel_to_ras: times (column, row, 1), counted from the upper left, it is a place in RAS, mm. A blank picture is an
error that says what to show.""",
}
"""Topic to text, served as `slicer://help/{topic}`."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A task that a person can start from the client's menu.

    Attributes
    ----------
    arguments
        Name to description; all are required and stand in braces in the text.
    """

    summary: str
    text: str
    arguments: tuple[tuple[str, str], ...] = ()


PROMPTS = {
    "describe_scene": Prompt(
        "Say what is loaded in Slicer and show it.",
        """\
Call scene_summary, then volumes_get for each volume, and take one axial picture of the active volume with
views_slice_image. Describe in plain words what is there: modality if known, size in mm, segments, markups. Make no
diagnosis.""",
    ),
    "load_and_look": Prompt(
        "Load a file and look at it in three planes.",
        """\
Load the file {path} with files_load. Then take an axial, a sagittal and a coronal picture through the middle of its
bounds (volumes_get) with views_slice_image, and tell its dimensions, spacing in mm and the range of its values
(volumes_histogram).""",
        (("path", "File in an allowed folder."),),
    ),
    "segment_and_measure": Prompt(
        "Segment a structure by intensity and measure it.",
        """\
Segment {structure} in the volume {volume_id}: read its geometry with volumes_get and its values with
volumes_histogram, choose a threshold and say why. Make the segmentation with segmentations_create, keep its largest
island with operations_run (segmentations.edit) where the structure is one piece, measure it with
segmentations_statistics, and look at it over the image with views_slice_image. Correct the threshold if the picture
shows that it is wrong. Report volume_ml and surface_mm2 (asked for with surface always).""",
        (("volume_id", "Volume to segment."), ("structure", "What to find, in words.")),
    ),
    "measure_distance": Prompt(
        "Measure between two places.",
        """\
Draw a line from {start_ras} to {end_ras} (RAS, mm) with markups_create, read its length_mm with markups_get, and take
a picture of the slice that contains its middle with views_slice_image.""",
        (("start_ras", "Start, RAS in mm."), ("end_ras", "End, RAS in mm.")),
    ),
    "measure_lesion": Prompt(
        "Measure a segment as a lesion: volume, mean value, longest diameter, with a picture.",
        """\
Measure the segments of {segmentation_id} with segmentations_statistics, with the values of {volume_id}. Draw a line
from start to end of the longest_slice_diameter of the largest one with markups_create, and take a picture of the
slice that it lies in with views_slice_image. Report volume_ml, mean and standard deviation, both diameters in mm, and
say what the picture shows. Make no diagnosis.""",
        (("segmentation_id", "Segmentation with the lesion."), ("volume_id", "Image that it was drawn on.")),
    ),
    "smooth_and_compare": Prompt(
        "Smooth a volume and show what it did.",
        """\
Smooth the volume {volume_id} with sigma_mm {sigma_mm} (volumes_smooth), follow the job with jobs_get if there is one,
then take the same slice of both volumes with views_slice_image, and compare their values with
volumes_histogram (the same minimum, maximum and bins).""",
        (("volume_id", "Volume to smooth."), ("sigma_mm", "Width of the Gaussian in mm.")),
    ),
    "tidy_up": Prompt(
        "Remove what is no longer needed, with the person's approval.",
        """\
List the nodes with nodes_list. Propose which of those that AgentBridge made can go, and wait for my answer. Then
delete them with nodes_delete; each deletion may wait for approval in the panel. If it is denied, leave the node
alone.""",
    ),
}
"""Name to prompt, in the order of `prompts/list`."""


def prompt_entries() -> list[Json]:
    """Give the entries of `prompts/list`."""
    return [
        {
            "name": name,
            "title": name.replace("_", " ").capitalize(),
            "description": prompt.summary,
            "arguments": [
                {"name": argument, "description": text, "required": True}
                for argument, text in prompt.arguments
            ],
        }
        for name, prompt in PROMPTS.items()
    ]


def prompt_messages(prompt: Prompt, arguments: Json) -> Json:
    """Fill a prompt in. Values are put in once, so a value that looks like a placeholder stays what it is."""
    text = prompt.text.format_map({name: str(arguments[name]) for name, _ in prompt.arguments})
    content = {"type": "text", "text": " ".join(text.split())}
    return {"description": prompt.summary, "messages": [{"role": "user", "content": content}]}
