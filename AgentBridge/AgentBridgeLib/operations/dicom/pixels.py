"""Frames of DICOM images as 8-bit pictures: decoded, windowed, inverted, colored as the file asks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from AgentBridgeLib.errors import ArgumentInvalidError, BridgeError, DataInvalidError, FieldProblem
from AgentBridgeLib.operations.dicom.decoders import decode, is_new_pydicom
from AgentBridgeLib.operations.dicom.functional_groups import item_of
from AgentBridgeLib.operations.dicom.library import library, quiet

if TYPE_CHECKING:
    from numpy.typing import NDArray

JPEG_QUALITY = 90
_SHOWN_BY = ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction")


@dataclass(frozen=True, slots=True)
class Window:
    """Center and width in the unit of the image's values, after its rescale; `function` as PS3.3 names it."""

    center: float
    width: float
    function: str = ""


def has_pixels(dataset: Any) -> bool:
    """Tell whether a data set that was read with its pixels has any."""
    return any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def frame_count(dataset: Any) -> int:
    """Count the frames.

    Raises
    ------
    DataInvalidError
        The instance has no pixels.
    """
    if not has_pixels(dataset):
        raise DataInvalidError("The instance has no pixels to render.")
    try:
        return max(1, int(dataset.get("NumberOfFrames", 1) or 1))
    except ValueError:
        raise DataInvalidError("The instance does not say how many frames it has.") from None


def render(dataset: Any, frame: int, window: Window | None) -> NDArray[np.uint8]:
    """Make the picture of a frame.

    Parameters
    ----------
    dataset
        Read with its pixels.
    frame
        From 1.
    window
        In place of the file's own.

    Returns
    -------
    array
        uint8, shape (rows, columns) for gray and (rows, columns, 3) for color.

    Raises
    ------
    ArgumentInvalidError
        There is no such frame.
    DataInvalidError
        The pixels cannot be decoded; the message names the transfer syntax. Or it is not said how they are shown.
    """
    try:
        with quiet():
            return _render(dataset, frame, window)
    except BridgeError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises whatever contradicting attributes provoke
        raise DataInvalidError(
            "The image does not say, or not without contradiction, how its pixels are shown."
        ) from None


def _render(dataset: Any, frame: int, window: Window | None) -> NDArray[np.uint8]:
    count = frame_count(dataset)
    if frame > count:
        raise ArgumentInvalidError(
            f"The instance has {count} frames; there is no frame {frame}.",
            errors=[FieldProblem("/frame", "is beyond the last frame", f"1 to {count}")],
        )
    pixels = decode(dataset, frame - 1, count)
    interpretation = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if interpretation == "PALETTE COLOR":
        colored = _tools("apply_color_lut")(pixels, dataset)
        return _to_bytes(colored, 65535.0 if colored.dtype.itemsize > 1 else 255.0)
    if pixels.ndim == 3:
        stored = int(dataset.get("BitsStored", 8) or 8)
        return _to_bytes(pixels, float(2**stored - 1))
    gray = _gray(_of_frame(dataset, frame - 1), pixels, window)
    inverted = interpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    return np.ascontiguousarray(255 - gray if inverted else gray)


def _of_frame(dataset: Any, index: int) -> Any:
    """Give what says how values are shown: of an enhanced image that stands in the functional groups of its frames."""
    if not dataset.get("PerFrameFunctionalGroupsSequence"):
        return dataset
    said = library("pydicom").Dataset()
    said.update({name: dataset[name] for name in _SHOWN_BY if name in dataset})
    for macro in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
        said.update(item_of(dataset, index, macro) or {})
    return said


def shaped(
    picture: NDArray[np.uint8], most_px: int | None = None, *, viewport_px: tuple[int, int] | None = None
) -> Any:
    """Give a picture the size it is shown in, as an image of PIL.

    Parameters
    ----------
    picture
        As `render` makes it.
    most_px
        Made smaller so that no side is above this.
    viewport_px
        Width and height that it is fitted into, made larger if need be; the aspect ratio stays.
    """
    image = library("PIL.Image").fromarray(picture)
    if most_px is not None:
        image.thumbnail((most_px, most_px))
    if viewport_px is not None:
        image = library("PIL.ImageOps").contain(image, viewport_px)
    return image


def save(image: Any, kind: str, quality: int = JPEG_QUALITY) -> bytes:
    """Write an image of PIL as ``png`` or ``jpeg``; `quality`, 1 to 100, is of JPEG."""
    out = io.BytesIO()
    if kind == "png":
        image.save(out, "PNG", compress_level=1)
    else:
        image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _tools(name: str) -> Any:
    """Find a function of pydicom: since 3.0 in `pydicom.pixels`, before in a handler module."""
    return getattr(
        library("pydicom.pixels" if is_new_pydicom() else "pydicom.pixel_data_handlers.util"), name
    )


def _gray(dataset: Any, stored: Any, window: Window | None) -> NDArray[np.uint8]:
    values = _tools("apply_modality_lut")(stored, dataset).astype(np.float64)
    if window is None and dataset.get("VOILUTSequence"):
        whole = _tools("apply_modality_lut")(stored, dataset)
        table = dataset.VOILUTSequence[0]
        bits = int(table.LUTDescriptor[2])
        return _to_bytes(_tools("apply_voi")(whole.astype(np.int64), dataset), float(2**bits - 1))
    if window is None:
        window = _own_window(dataset)
    if window is None:
        low, high = float(values.min()), float(values.max())
        return _to_bytes(values - low, max(high - low, 1e-12))
    function = window.function or str(dataset.get("VOILUTFunction", "LINEAR") or "LINEAR")
    return _to_bytes(apply_window(values, window, function), 1.0)


def apply_window(values: NDArray[np.float64], window: Window, function: str) -> NDArray[np.float64]:
    """Map values to 0…1 by a window (PS3.3, C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        return np.asarray(
            1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - window.center) / window.width, -700, 700)))
        )
    if function == "LINEAR_EXACT":
        return np.asarray((values - window.center) / window.width + 0.5).clip(0.0, 1.0)
    if window.width <= 1:
        return np.asarray(values > window.center - 0.5).astype(np.float64)
    scaled = (values - (window.center - 0.5)) / (window.width - 1.0) + 0.5
    return np.asarray(scaled).clip(0.0, 1.0)


def _own_window(dataset: Any) -> Window | None:
    try:
        center, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    except (TypeError, ValueError):
        return None
    return Window(center, width) if center is not None and width else None


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if hasattr(value, "append") else value)


def _to_bytes(values: Any, highest: float) -> NDArray[np.uint8]:
    scaled = np.asarray(values, dtype=np.float64) * (255.0 / highest)
    return np.ascontiguousarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
