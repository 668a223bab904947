"""The embedded host, started once, for widgets."""

from __future__ import annotations

import EmbeddedSlicer
from EmbeddedSlicer import startup

if startup.host.application is None:
    EmbeddedSlicer.start(web_server=False)
