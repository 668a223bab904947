"""Whether a process lives."""

from __future__ import annotations

import ctypes
import os


def is_alive(process_id: int) -> bool:
    """Tell whether a process with this id runs, whoever owns it.

    On Windows `os.kill(pid, 0)` would end the process, so the process is opened and asked instead.
    """
    if os.name == "nt":
        return _is_alive_windows(process_id)
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _is_alive_windows(process_id: int) -> bool:
    query_limited_information, still_active = 0x1000, 259
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(query_limited_information, False, process_id)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == still_active
