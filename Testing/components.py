"""Programs that some tests need and not every machine has: how each is found and how it is installed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Component:
    """One program.

    Attributes
    ----------
    name
        As ``@pytest.mark.needs(name)`` says it.
    commands
        Names of the executable; the first one on the search path wins.
    install
        What to type, or to do, to have it.
    variable
        Environment variable that names the executable, for programs that live outside the search path.
    may_be_absent
        Whether its absence is a reason to skip even with ``--no-skips``.
    """

    name: str
    commands: tuple[str, ...]
    install: str
    variable: str = ""
    may_be_absent: bool = False

    def find(self) -> Path | None:
        """Return the executable, or None when the machine does not have it."""
        named = os.environ.get(self.variable, "") if self.variable else ""
        if named:
            return Path(named) if os.access(named, os.X_OK) else None
        found = (shutil.which(command) for command in self.commands)
        return next((Path(path) for path in found if path), None)

    @property
    def reason(self) -> str:
        """Why a test is skipped, with the install line."""
        return f"needs {self.name}, which is not here. Install it: {self.install}"


SLICER_VARIABLE = "AGENTBRIDGE_TEST_SLICER"

COMPONENTS: Mapping[str, Component] = MappingProxyType(
    {
        component.name: component
        for component in (
            Component(
                "slicer",
                ("Slicer",),
                "download 3D Slicer from https://download.slicer.org and pass --slicer PATH",
                variable=SLICER_VARIABLE,
                may_be_absent=True,
            ),
            Component("orthanc", ("Orthanc",), "apt-get install orthanc orthanc-dicomweb"),
            Component("dcmtk", ("storescu",), "apt-get install dcmtk"),
            Component(
                "chromium", ("chromium", "chromium-browser", "google-chrome"), "apt-get install chromium"
            ),
            Component("curl", ("curl",), "apt-get install curl"),
            Component("node", ("node", "nodejs"), "apt-get install nodejs"),
            Component("npx", ("npx",), "apt-get install npm"),
            Component(
                "claude", ("claude",), "npm install --global @anthropic-ai/claude-code", may_be_absent=True
            ),
            Component("xvfb", ("Xvfb",), "apt-get install xvfb"),
        )
    }
)


def component(name: str) -> Component:
    """Look a component up by name; an unknown one is a mistake in a test."""
    if name not in COMPONENTS:
        raise LookupError(
            f"no component is called {name!r}; Testing/components.py has {', '.join(COMPONENTS)}"
        )
    return COMPONENTS[name]
