"""The window that a file, or a client, asks to be shown with."""

from __future__ import annotations

from typing import Any

from AgentBridgeLib.errors import ArgumentInvalidError, FieldProblem
from AgentBridgeLib.operations.dicom.pixels import Window

_NUMBER = r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?"
WINDOW = rf"^{_NUMBER},{_NUMBER}(,(linear|linear-exact|sigmoid))?$"


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


def window_of(text: str | None) -> Window | None:
    """Read center, width and function (PS3.18, 8.3.5.1.4); the shape of the text was checked before.

    Raises
    ------
    ArgumentInvalidError
        The width is not above 0.
    """
    if text is None:
        return None
    center, width, *function = text.split(",")
    if float(width) <= 0:
        raise ArgumentInvalidError(
            "The window has no width.", errors=[FieldProblem("/window", "has no width", "a width above 0")]
        )
    return Window(float(center), float(width), (function or ["linear"])[0].upper().replace("-", "_"))


def _first(value: Any) -> float | None:
    try:
        return float(value[0] if hasattr(value, "append") else value)
    except (TypeError, ValueError, IndexError):
        return None
