"""The settings as the panel reads and writes them, also while there is no bridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.host.settings import SlicerSettings
from AgentBridgeLib.policy.capabilities import PRESETS
from AgentBridgeLib.policy.settings import KEYS, MODE_PREFIX, parse_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from AgentBridgeLib.policy.capabilities import Mode
    from AgentBridgeLib.policy.settings import SafetySettings


class Preferences:
    """One reading and one way of writing for all sections.

    Parameters
    ----------
    logic
        `AgentBridgeLogic`; its bridge looks again after each change.
    """

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self._store = SlicerSettings()

    def read(self) -> SafetySettings:
        """Give the settings in force: stored, or as the start command granted them."""
        bridge = self._logic.bridge
        if bridge is not None:
            return bridge.safety.look_again()
        return parse_settings({key: self._store.read(key) for key in KEYS})

    @property
    def grants(self) -> Mapping[str, Mode]:
        """Modes of this run that the stored settings cannot change."""
        bridge = self._logic.bridge
        return {} if bridge is None else bridge.safety.grants

    def write(self, key: str, value: bool | str | Sequence[str] | None) -> None:
        """Store one value as text; lists as JSON. None removes it."""
        text: str | None
        if value is None:
            text = None
        elif isinstance(value, bool):
            text = "true" if value else "false"
        else:
            text = value if isinstance(value, str) else json.dumps(list(value), ensure_ascii=False)
        self._store.write(key, text)
        if self._logic.bridge is not None:
            self._logic.bridge.safety.look_again()

    def families(self) -> list[str]:
        """Families of operations, such as ``volumes``; none while there is no bridge."""
        bridge = self._logic.bridge
        names = () if bridge is None else bridge.catalog.operations
        return list(dict.fromkeys(name.partition(".")[0] for name in names))

    def choose_preset(self, name: str) -> None:
        """Write all modes of a preset but that of code, which needs a step of its own."""
        for capability, mode in PRESETS[name].items():
            if capability != "python.execute":
                self.write(MODE_PREFIX + capability, mode)

    def preset(self) -> str:
        """Name of the preset that the modes are; empty when they are none."""
        modes = dict(self.read().modes)
        return next((name for name, wanted in PRESETS.items() if dict(wanted) == modes), "")

    def repair(self) -> None:
        """Remove every stored value that cannot be read, so that its default holds openly."""
        for key in KEYS:
            if parse_settings({key: self._store.read(key)}).complaints:
                self._store.write(key, None)
        self.read()
