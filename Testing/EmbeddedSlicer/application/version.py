"""Names and numbers of the application, taken from the slicer-core wheel.

Follows the CONSTANT properties of `Base/QTCore/qSlicerCoreApplication.h`: major and minor are int, the rest
is text.
"""

from __future__ import annotations

import platform
from importlib.metadata import version

WHEEL_VERSION = version("slicer-core")
MAJOR, MINOR, REVISION = WHEEL_VERSION.split(".")[:3]
OPERATING_SYSTEM = {"Linux": "linux", "Windows": "win", "Darwin": "macosx"}[platform.system()]
ARCHITECTURE = {"x86_64": "amd64", "AMD64": "amd64"}.get(platform.machine(), platform.machine().lower())
