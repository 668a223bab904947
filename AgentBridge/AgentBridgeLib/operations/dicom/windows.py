"""The window that a file asks to be shown with."""

from __future__ import annotations

from typing import Any


def show_as_asked(node: Any, attributes: Any) -> None:
    """Give a volume the first window of a data set; without a usable one it stays as it is.

    Parameters
    ----------
    attributes
        With ``WindowCenter`` and ``WindowWidth`` (PS3.3, C.11.2), or None.
    """
    center, width = (
        _first(attributes.get(name)) if attributes else None for name in ("WindowCenter", "WindowWidth")
    )
    display = node.GetDisplayNode()
    if center is None or not width or width < 0 or not display.IsA("vtkMRMLScalarVolumeDisplayNode"):
        return
    display.SetAutoWindowLevel(0)
    display.SetWindowLevel(width, center)


def _first(value: Any) -> float | None:
    try:
        return float(value[0] if hasattr(value, "append") else value)
    except (TypeError, ValueError, IndexError):
        return None
