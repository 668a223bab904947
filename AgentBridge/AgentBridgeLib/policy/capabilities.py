"""What an agent may be allowed to do, in the words of the person who allows it.

Source: the contract, section 4. The order is the order of the panel.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["allow", "ask", "deny"]
MODES: tuple[Mode, ...] = ("allow", "ask", "deny")


@dataclass(frozen=True, slots=True)
class Capability:
    """One row of the safety settings; `default` holds until the person chooses."""

    name: str
    default: Mode
    sentence: str

    @property
    def when_unreadable(self) -> Mode:
        """What an unreadable setting counts as: it may have said that this is denied, so nothing is done unasked."""
        return "ask" if self.default == "allow" else self.default


_ROWS = (
    Capability("scene.read", "allow", "Look at the scene: nodes, voxels, measurements."),
    Capability("scene.edit", "allow", "Add nodes to the scene and change them."),
    Capability("scene.delete", "ask", "Remove nodes, or clear the scene."),
    Capability("views.control", "allow", "Take pictures of the views and change what they show."),
    Capability("files.read", "allow", "Read files inside the allowed folders."),
    Capability("files.write", "ask", "Write files inside the allowed folders."),
    Capability("dicom.read", "allow", "Search and read the DICOM database."),
    Capability("dicom.write", "ask", "Import into the DICOM database, or delete from it."),
    Capability("network", "ask", "Connect to the servers named in the settings, and to those of samples."),
    Capability("modules.run", "allow", "Run processing modules."),
    Capability("application.control", "ask", "Control the application itself, such as quitting it."),
    Capability("python.execute", "deny", "Run any Python code: everything Slicer and this account can do."),
)

CAPABILITIES: Mapping[str, Capability] = MappingProxyType({row.name: row for row in _ROWS})


_LOOK_ONLY = {"scene.read", "views.control", "dicom.read"}

PRESETS: Mapping[str, Mapping[str, Mode]] = MappingProxyType(
    {
        "look_only": MappingProxyType(
            {row.name: "allow" if row.name in _LOOK_ONLY else "deny" for row in _ROWS}
        ),
        "work_with_the_scene": MappingProxyType({row.name: row.default for row in _ROWS}),
        "everything_but_code": MappingProxyType(
            {row.name: "deny" if row.name == "python.execute" else "allow" for row in _ROWS}
        ),
        "developer": MappingProxyType(
            {row.name: "ask" if row.name == "python.execute" else "allow" for row in _ROWS}
        ),
    }
)
