"""One Python subclass per PySide6 class that behaves as PythonQt shows the class.

Laws, each one a difference of PythonQt to PySide6 (PythonQt: `src/PythonQtInstanceWrapper.cpp`,
`PythonQtClassInfo.cpp`):

- Every Q_PROPERTY is an attribute and hides the getter of the same name, so `label.text()` is a TypeError.
- Constructors take no keyword arguments (ValueError).
- A wrapper takes no new attributes and no new methods; a Python subclass does.
- Lists come back as tuples.
- `isinstance` against a base class is False.
- `object.connect("signal(type)", slot)` works beside `object.signal.connect(slot)`.

Patching PySide6's own classes does not work: `QObject.connect` cannot be replaced there, and event classes
break. What a subclass cannot reach is listed in `differences.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6 import QtCore

from EmbeddedSlicer.pythonqt import connections

if TYPE_CHECKING:
    from collections.abc import Callable

# These properties are read through a virtual C++ function. An attribute of that name in a Python subclass would
# be taken for an override of the function. (QTimer.singleShot is hidden by the static function.)
_VIRTUAL_GETTERS = frozenset(
    {
        ("QWidget", "sizeHint"),
        ("QWidget", "minimumSizeHint"),
        ("QProgressBar", "text"),
        ("QTimer", "singleShot"),
    }
)
_LIST_RESULTS = (
    "actions",
    "allKeys",
    "arguments",
    "childGroups",
    "childKeys",
    "children",
    "findChildren",
    "findItems",
    "selectedFiles",
    "selectedIndexes",
    "selectedItems",
    "selectedRows",
)


def plain(value: Any) -> Any:
    """Turn lists into tuples, as PythonQt returns them."""
    return tuple(plain(item) for item in value) if isinstance(value, list) else value


def make_facade(native: type, extras: dict[str, object] | None = None) -> type:
    """Make the strict subclass of a PySide6 class; `extras` are further members of its body."""
    body: dict[str, object] = {"__doc__": f"{native.__name__} as PythonQt shows it.", "__module__": "qt"}
    body |= _properties(native)
    body |= _tuple_methods(native, body)
    body |= connections.members()
    body["property"] = _read_property(native)
    if hasattr(native, "exec"):
        body["exec_"] = native.exec
    body["__init__"] = _constructor(native)
    body |= extras or {}
    facade = type(native)(native.__name__, (native,), body)
    facade.__setattr__ = _guarded_setattr(native, facade)  # type: ignore[method-assign]
    return facade


def _properties(native: Any) -> dict[str, object]:
    bases = {base.__name__ for base in native.__mro__}
    hidden = {name for owner, name in _VIRTUAL_GETTERS if owner in bases}
    meta = native.staticMetaObject
    found = [meta.property(index) for index in range(meta.propertyCount())]
    attributes: dict[str, object] = {
        item.name(): _attribute(native, item.name(), item.isWritable())
        for item in found
        if item.name() not in hidden and not _is_python_property(native, item.name())
    }
    attributes["name"] = _attribute(native, "objectName", writable=True)
    return attributes


def _is_python_property(native: Any, name: str) -> bool:
    """Tell whether an emulated class declares the property itself: it is an attribute already."""
    return isinstance(getattr(native, name, None), QtCore.Property)


def _attribute(native: Any, name: str, writable: bool) -> property:
    def read(self: Any) -> Any:
        return plain(native.property(self, name))

    def write(self: Any, value: object) -> None:
        if not writable:
            message = f"{name} is read-only"
            raise AttributeError(message)
        if not native.setProperty(self, name, value):
            message = f"{name} does not take {value!r}"
            raise ValueError(message)

    return property(read, write)


def _tuple_methods(native: Any, taken: dict[str, object]) -> dict[str, object]:
    names = [name for name in _LIST_RESULTS if hasattr(native, name) and name not in taken]
    return {name: _as_tuple(getattr(native, name)) for name in names}


def _as_tuple(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *arguments: Any) -> Any:
        return plain(method(self, *arguments))

    return call


def _read_property(native: Any) -> Callable[[Any, str], Any]:
    def read(self: Any, name: str, /) -> Any:
        return plain(native.property(self, name))

    return read


def _constructor(native: Any) -> Callable[..., None]:
    def construct(self: Any, *arguments: object, **keywords: object) -> None:
        if keywords:
            message = f"{native.__name__}: PythonQt takes no keyword arguments"
            raise ValueError(message)
        native.__init__(self, *arguments)
        native.__setattr__(self, "_legacy_slots", {})

    return construct


def _guarded_setattr(native: Any, facade: type) -> Callable[[Any, str, Any], None]:
    is_ours = native.__module__.startswith(
        "EmbeddedSlicer"
    )  # an emulated class keeps its state in its own way

    def put(self: Any, name: str, value: object) -> None:
        if type(self) is facade and not (is_ours and name.startswith("_")) and not _is_property(facade, name):
            what = (
                "methods cannot be overwritten"
                if hasattr(facade, name)
                else "wrappers take no new attributes"
            )
            message = f"{native.__name__}.{name} cannot be set: in PythonQt {what}"
            raise AttributeError(message)
        native.__setattr__(self, name, value)

    return put


def _is_property(facade: type, name: str) -> bool:
    return isinstance(getattr(facade, name, None), (property, QtCore.Property))


def is_object_class(value: object) -> bool:
    """Tell whether a name of PySide6 is a class that gets a facade; values and enums stay as they are."""
    return isinstance(value, type) and issubclass(value, QtCore.QObject)
