"""How much memory can still be had: VTK ends the process when an allocation fails, so the bridge asks first."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CONTROL_GROUP = Path("/sys/fs/cgroup")


def available_memory_bytes() -> int | None:
    """Memory that the system would give without swapping; None when it does not tell."""
    try:
        if sys.platform == "win32":
            return _windows()
        if sys.platform == "darwin":
            return _macos()
        return _linux()
    except (OSError, ValueError, AttributeError):
        return None


def _linux() -> int | None:
    return linux_available(_MEMINFO.read_text("ascii"), _control_group_room())


def linux_available(meminfo: str, control_group_room: int | None) -> int | None:
    """Read ``MemAvailable`` and respect the room that a container leaves.

    Parameters
    ----------
    meminfo
        Content of ``/proc/meminfo``.
    control_group_room
        Bytes until the limit of the control group; None without a limit.
    """
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
            return available if control_group_room is None else min(available, control_group_room)
    return control_group_room


def _control_group_room() -> int | None:
    """Room below the limit of the container this runs in (control groups version 2, seen from inside)."""
    try:
        limit = (_CONTROL_GROUP / "memory.max").read_text("ascii").strip()
        used = int((_CONTROL_GROUP / "memory.current").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used + _reclaimable_bytes())


def _reclaimable_bytes() -> int:
    """Cached file content, which counts as used but is given back on demand."""
    for line in (_CONTROL_GROUP / "memory.stat").read_text("ascii").splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def _windows() -> int:
    # MEMORYSTATUSEX, sysinfoapi.h. The commit limit counts, since Windows does not overcommit.
    class Status(ctypes.Structure):
        _fields_ = (
            ("dwLength", ctypes.c_uint32),
            ("dwMemoryLoad", ctypes.c_uint32),
            ("ullTotalPhys", ctypes.c_uint64),
            ("ullAvailPhys", ctypes.c_uint64),
            ("ullTotalPageFile", ctypes.c_uint64),
            ("ullAvailPageFile", ctypes.c_uint64),
            ("ullTotalVirtual", ctypes.c_uint64),
            ("ullAvailVirtual", ctypes.c_uint64),
            ("ullAvailExtendedVirtual", ctypes.c_uint64),
        )

    status = Status(dwLength=ctypes.sizeof(Status))
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("GlobalMemoryStatusEx failed")
    return int(min(status.ullAvailPhys, status.ullAvailPageFile))


def _macos() -> int:
    # The level is what `memory_pressure` prints: percent of memory that can be had, caches included.
    return _sysctl("hw.memsize", ctypes.c_uint64) * _sysctl("kern.memorystatus_level", ctypes.c_uint32) // 100


def _sysctl(name: str, kind: type[ctypes.c_uint32] | type[ctypes.c_uint64]) -> int:
    library = ctypes.CDLL("libSystem.dylib")
    value = kind()
    size = ctypes.c_size_t(ctypes.sizeof(value))
    if library.sysctlbyname(name.encode("ascii"), ctypes.byref(value), ctypes.byref(size), None, 0) != 0:
        raise OSError(f"sysctl {name} failed")
    return int(value.value)
