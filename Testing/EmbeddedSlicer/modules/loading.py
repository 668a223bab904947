"""Loading scripted modules as Slicer's factory does: construct all, then load each after what it depends on.

Follows `Base/QTCore/qSlicerModuleFactoryManager.cxx` (loadModules, loadModule).
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from EmbeddedSlicer.modules.scripted_module import ScriptedModule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from EmbeddedSlicer.modules.module_manager import ModuleManager

_log = logging.getLogger(__name__)


def load_scripted_modules(manager: ModuleManager, paths: Sequence[str]) -> list[ScriptedModule]:
    """Construct the modules of all `paths`, then load those whose dependencies can be loaded."""
    modules = {}
    for path in paths:
        folder = str(Path(path).resolve().parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        module = ScriptedModule(str(Path(path).resolve()))
        module.construct()
        modules[module.name] = module
    return [module for module in modules.values() if _load(manager, module, modules)]


def _load(manager: ModuleManager, module: ScriptedModule, constructed: dict[str, ScriptedModule]) -> bool:
    if manager.isLoaded(module.name):
        return True
    for name in module.dependencies:
        known = constructed.get(name)
        if not (manager.isLoaded(name) or (known is not None and _load(manager, known, constructed))):
            _log.warning("When loading module %s, the dependency %s failed to be loaded.", module.name, name)
            return False
    module.setup()
    if not module.title:
        _log.warning("Failed to retrieve module title corresponding to module name: %s", module.name)
        return False
    manager.add(module)
    return True
