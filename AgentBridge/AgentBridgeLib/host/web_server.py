"""Slicer's WebServer module, as far as the bridge attaches to it."""

from __future__ import annotations

from typing import Any

import slicer
import slicer.util

MODULE = "WebServer"


def logic() -> Any:
    """Give the logic of the module's panel, which owns the server; None where Slicer has no such module.

    Asking for it makes the panel if nobody has opened it yet, also without a main window.
    """
    if not hasattr(slicer.modules, MODULE.lower()):
        return None
    return slicer.util.getModuleLogic(MODULE)


def listening_address() -> str:
    """Address on which that server listens, such as ``0.0.0.0``; empty while it does not. Makes nothing."""
    panel = getattr(slicer.modules, f"{MODULE}Widget", None)
    server = getattr(getattr(panel, "logic", None), "server", None)
    address = getattr(server, "server_address", None)
    if not address:
        return ""
    return str(address[0]) or "0.0.0.0"  # noqa: S104 - what an empty address means


def handler_base() -> type | None:
    """Give `WebServerLib.BaseRequestHandler`; None where Slicer has no such module."""
    try:
        from WebServerLib.BaseRequestHandler import BaseRequestHandler  # noqa: PLC0415 - may be absent
    except ImportError:
        return None
    return BaseRequestHandler
