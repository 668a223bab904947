"""Texts on pictures, where a client asks for them (PS3.18, 8.3.5.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from AgentBridgeLib.operations.dicom.library import library
from AgentBridgeLib.operations.dicom.privacy import hides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from AgentBridgeLib.dispatch.context import OperationContext
    from AgentBridgeLib.operations.dicom.pixels import Window

_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_TECHNIQUE = (("KVP", "kV"), ("SliceThickness", "mm"), ("RepetitionTime", "ms TR"), ("EchoTime", "ms TE"))
_SMALLEST_PX, _SHARE = 10, 32


def left_out(context: OperationContext, wanted: str | None) -> str:
    """Say what was asked for and is not written; empty when nothing is."""
    if wanted and "patient" in wanted and hides(context):
        return "The annotation with the patient is left out: the safety settings hide identifiers"
    return ""


def annotate(context: OperationContext, image: Any, dataset: Any, window: Window | None, wanted: str) -> None:
    """Write the patient into the upper, the technique into the lower left corner of a PIL image, in place."""
    size_px = max(_SMALLEST_PX, image.height // _SHARE)
    font = library("PIL.ImageFont").load_default(size_px)
    brush = library("PIL.ImageDraw").Draw(image)
    style = {"font": font, "fill": "white", "stroke_width": 1, "stroke_fill": "black"}
    if "patient" in wanted and not hides(context):
        texts = [str(dataset.get(name, "") or "") for name in _PATIENT]
        brush.multiline_text((2, 2), "\n".join(filter(None, texts)), **style)
    if "technique" in wanted:
        lines = "\n".join(_technique(dataset, window))
        height = brush.multiline_textbbox((0, 0), lines, font=font, stroke_width=1)[3]
        brush.multiline_text((2, max(2, image.height - height - 2)), lines, **style)


def _technique(dataset: Any, window: Window | None) -> Iterator[str]:
    if dataset.get("Modality"):
        yield str(dataset.Modality)
    for name, unit in _TECHNIQUE:
        if dataset.get(name) not in (None, ""):
            yield f"{dataset.get(name)} {unit}"
    if window is not None:
        yield f"C {window.center:g} W {window.width:g}"
