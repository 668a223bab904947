"""Which system libraries the wheels of the embedded host need and this machine lacks.

Needs the standard library only and imports nothing else: `dev.py` asks before it installs any wheel. The
table was read off `ldd` over the wheels' own libraries (PySide6 6.11, slicer-core 5.13, VTK 9.6) on Debian.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

#: Library to Debian package; each is loaded by Qt's GUI libraries or by VTK when a window is made.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libzstd.so.1": "libzstd1",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
}
#: EGL is only a dispatcher: a vendor file must name a driver, and Mesa's software driver must lie beside it.
EGL_VENDOR_FILES = ("usr/share/glvnd/egl_vendor.d/*.json", "etc/glvnd/egl_vendor.d/*.json")
#: Before Mesa 24.2, and since; the folders of Debian and of Fedora.
SOFTWARE_RENDERERS = (
    "usr/lib/*/dri/swrast_dri.so",
    "usr/lib/*/libgallium*.so",
    "usr/lib64/dri/swrast_dri.so",
    "usr/lib64/libgallium*.so",
)


def missing_libraries() -> list[tuple[str, str]]:
    """List what is missing as (library, Debian package); always empty outside Linux."""
    if not sys.platform.startswith("linux"):
        return []
    missing = [(library, package) for library, package in LIBRARIES.items() if not _can_load(library)]
    if not _has_egl_driver():
        missing.append(("EGL driver (libEGL_mesa.so.0)", "libegl-mesa0"))
    elif not _has_software_renderer():
        missing.append(("Mesa's software renderer (swrast_dri.so)", "libgl1-mesa-dri"))
    return missing


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _has_egl_driver() -> bool:
    """Tell whether EGL finds any vendor: Mesa's, or a graphics card's own."""
    return bool(_vendor_files()) or _can_load("libEGL_mesa.so.0")


def _has_software_renderer() -> bool:
    """Tell whether Mesa can render without a graphics card, or a card's own driver is there."""
    others = [path for path in _vendor_files() if "mesa" not in path.name]
    return bool(others) or any(any(Path("/").glob(pattern)) for pattern in SOFTWARE_RENDERERS)


def _vendor_files() -> list[Path]:
    return [path for pattern in EGL_VENDOR_FILES for path in Path("/").glob(pattern)]


if __name__ == "__main__":
    for name, package_name in missing_libraries():
        print(f"{name}: apt-get install {package_name}")
    sys.exit(bool(missing_libraries()))
