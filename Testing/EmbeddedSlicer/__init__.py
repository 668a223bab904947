"""3D Slicer's application-level Python API on machines without Slicer.

Scene, logics and displayable managers are Slicer's own, from the slicer-core wheel; Qt is PySide6 behind a
facade as strict as PythonQt; `slicer.app` and what hangs from it is emulated, one file per concept, each name
with the signature of the Slicer or CTK file that its own file cites. What is missing raises
`NotEmulatedError`.

    import EmbeddedSlicer

    application = EmbeddedSlicer.start()
    EmbeddedSlicer.load_scripted_module("AgentBridge/AgentBridge.py")
    raise SystemExit(EmbeddedSlicer.run())

Importing this package needs the standard library only; `start()` needs the wheels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from EmbeddedSlicer.not_emulated import NotEmulatedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "NotEmulatedError",
    "finish_startup",
    "load_scripted_module",
    "load_scripted_modules",
    "run",
    "start",
]


def start(
    settings_folder: str | Path | None = None,
    views: bool = True,
    web_server: bool = True,
    testing: bool = False,
) -> Any:
    """Start the host, once per process, and make `slicer`, `qt` and `ctk` importable.

    Parameters
    ----------
    settings_folder
        Where the user's settings live; a private folder that is removed at the end if not given.
    views
        Make slice and 3D views. Without, `layoutManager()` is None, as with --no-main-window.
    web_server
        Load the emulated WebServer module.
    testing
        Behave as with --testing: `testingEnabled()`, and an exception in a slot fails `run()` at its end.

    Returns
    -------
    object
        `slicer.app`.

    Raises
    ------
    RuntimeError
        It was started before, or views are wanted and there is no graphics driver.
    """
    from EmbeddedSlicer import startup

    return startup.start(settings_folder, views, web_server, testing)


def load_scripted_module(path: str | Path) -> Any:
    """Load one scripted module, e.g. `AgentBridge/AgentBridge.py`; see `load_scripted_modules`.

    Returns
    -------
    object or None
        `slicer.modules.<name>`; None if a dependency is not loaded.
    """
    return next(iter(load_scripted_modules(path)), None)


def load_scripted_modules(*paths: str | Path) -> list[Any]:
    """Construct scripted modules, then load each after what it depends on, as Slicer's factory does.

    Returns
    -------
    list
        The loaded modules. One whose dependency is missing is left out and logged.
    """
    from EmbeddedSlicer import startup

    return startup.load_modules([str(path) for path in paths])


def finish_startup() -> None:
    """Emit `slicer.app.startupCompleted`, once; `run()` does it if nobody did."""
    from EmbeddedSlicer import startup

    startup.finish_startup()


def run(hold_lock: bool = True) -> int:
    """Run the event loop until `slicer.app.exit()`, SIGINT or SIGTERM, then shut down in Slicer's order.

    Modules are unloaded (`moduleAboutToBeUnloaded`), `aboutToQuit` is emitted, the scene is cleared.

    Parameters
    ----------
    hold_lock
        Keep Python's interpreter lock while the loop waits, as Slicer does: Python threads stand still. On
        Linux only; elsewhere PySide6's own loop runs.

    Returns
    -------
    int
        The exit code; 0 after a signal.
    """
    from EmbeddedSlicer import event_loop

    return event_loop.run(hold_lock)
