"""`slicer.app.moduleManager()`: which modules are loaded, in which order, and their end.

Follows `Base/QTCore/qSlicerModuleManager.h` and `qSlicerModuleFactoryManager.cxx` (loadModule, unloadModules:
in the reverse order of loading). The factory manager is the same object here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer

from EmbeddedSlicer.application.signals import Emitter, Signal

if TYPE_CHECKING:
    from EmbeddedSlicer.modules.module import Module


class ModuleManager(Emitter):
    """qSlicerModuleManager."""

    stands_for = "qSlicerModuleManager"

    moduleLoaded: Signal = None  # type: ignore[assignment]
    moduleAboutToBeUnloaded: Signal = None  # type: ignore[assignment]

    def __init__(self, application_logic: Any) -> None:
        self._application_logic = application_logic
        self._loaded: dict[str, Module] = {}
        self.moduleLoaded = Signal()
        self.moduleAboutToBeUnloaded = Signal()

    def module(self, name: str, /) -> Module | None:
        """Give a loaded module by its name, or None."""
        return self._loaded.get(name)

    def modulesNames(self) -> tuple[str, ...]:
        """Give the names of the loaded modules in the order of loading."""
        return tuple(self._loaded)

    loadedModuleNames = modulesNames

    def isLoaded(self, name: str, /) -> bool:
        """Tell whether a module is loaded."""
        return name in self._loaded

    def factoryManager(self) -> ModuleManager:
        """Give the factory manager."""
        return self

    def add(self, module: Module) -> None:
        """Take a loaded module in; `slicer.modules` has it since its construction."""
        self._loaded[module.name] = module
        self.moduleLoaded.emit(module.name)

    def unload(self, name: str) -> None:
        """Unload one module: tell its name, then forget it."""
        if name not in self._loaded:
            return
        self.moduleAboutToBeUnloaded.emit(name)
        del self._loaded[name]
        for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
            vars(slicer.modules).pop(attribute, None)
        self._application_logic.SetModuleLogic(name, None)

    def unload_all(self) -> None:
        """Unload everything in the reverse order of loading, as at the end of the application."""
        for name in reversed(tuple(self._loaded)):
            self.unload(name)
