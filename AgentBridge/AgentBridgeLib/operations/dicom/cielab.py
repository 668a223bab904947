"""Colors of DICOM: CIELab written as unsigned 16-bit numbers (PS3.3, C.10.7.1.1).

The white point is D65, that of sRGB: the programs that write segmentations (highdicom, dcmqi, PixelMed) take it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_WHITE_D65 = np.array([0.9505, 1.0, 1.0889])
_TO_LINEAR_SRGB = np.array(
    [
        [3.2406, -1.5372, -0.4986],
        [-0.9689, 1.8758, 0.0415],
        [0.0557, -0.2040, 1.0570],
    ]
)
_KNEE = 6 / 29


def to_rgb(value: Any) -> tuple[float, float, float] | None:
    """Give red, green and blue from 0 to 1; None when there is no color."""
    if value is None or len(value) != 3:
        return None
    lightness = float(value[0]) * 100 / 65535
    a, b = (float(one) * 255 / 65535 - 128 for one in value[1:])
    y = (lightness + 16) / 116
    bent = np.array([y + a / 500, y, y - b / 200])
    xyz = _WHITE_D65 * np.where(bent > _KNEE, bent**3, 3 * _KNEE**2 * (bent - 4 / 29))
    linear = np.clip(_TO_LINEAR_SRGB @ xyz, 0, 1)
    red, green, blue = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return float(red), float(green), float(blue)
