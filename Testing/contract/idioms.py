"""Idioms that work on one binding of Qt and fail on the other, or that stop Slicer's event loop.

Each rule names what it found and what to write instead. The facts are PythonQt's and Slicer's own.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Q_PROPERTY names whose getter PythonQt hides behind an attribute: calling it is a TypeError there.
PROPERTY_GETTERS = frozenset(
    {
        "accessibleName",
        "currentIndex",
        "currentRow",
        "currentText",
        "interval",
        "maximum",
        "minimum",
        "minimumSizeHint",
        "objectName",
        "palette",
        "placeholderText",
        "plainText",
        "singleStep",
        "sizeHint",
        "sourceModel",
        "styleSheet",
        "text",
        "title",
        "toolTip",
        "value",
        "windowTitle",
    }
)
BANNED_NAMES = {
    "singleShot": "Slicer keeps every single-shot timer forever; use the event loop of host/",
    "processEvents": "requests would nest; return to the event loop instead",
    "getNode": "it matches patterns over all nodes; use GetNodeByID",
    "exec_": "a modal loop nests requests; use open() and finished",
}
BANNED_MODULES = {
    "asyncio": "nothing turns its loop inside Slicer",
    "concurrent": "Python threads do not run while Slicer idles",
    "multiprocessing": "children of Slicer start through QProcess",
    "socketserver": "it blocks or needs threads",
    "subprocess": "children of Slicer start through QProcess",
    "threading": "Python threads do not run while Slicer idles",
    "_thread": "Python threads do not run while Slicer idles",
    "PySide6": "shipped code says `import qt`",
    "EmbeddedSlicer": "shipped code does not know where it runs",
}
TAKES_PROPERTIES = ("loadNodeFromFile", "loadNodesFromFile", "exportNode", "saveNode", "saveScene")


def find_idioms(source: str) -> list[str]:
    """List the forbidden idioms of one module as ``line: what, instead``.

    A line that ends in ``# idiom: reason`` is let through; the reason is for the reader.
    """
    lines = source.splitlines()
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.expr, ast.stmt)))
    found = ((node.lineno, text) for node in nodes for text in _faults(node))
    return [f"{number}: {text}" for number, text in found if "# idiom: " not in lines[number - 1]]


def _faults(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        yield from _call_faults(node)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _import_faults(node)
    elif isinstance(node, ast.Attribute) and node.attr in BANNED_NAMES:
        yield f"{node.attr}: {BANNED_NAMES[node.attr]}"
    elif isinstance(node, ast.ClassDef):
        yield from _super_faults(node)


def _import_faults(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for name in names:
        if name.partition(".")[0] in BANNED_MODULES:
            yield f"import {name}: {BANNED_MODULES[name.partition('.')[0]]}"


def _call_faults(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    name = called.rpartition(".")[2]
    is_method = isinstance(node.func, ast.Attribute)
    has_arguments = bool(node.args or node.keywords)
    if is_method and name in PROPERTY_GETTERS and not has_arguments:
        yield f'{called}(): PythonQt hides this getter; read property("{name}")'
    if called.startswith(("qt.", "ctk.")) and node.keywords:
        yield f"{called} with keywords: PythonQt takes positional arguments only"
    if called == "isinstance" and len(node.args) == 2 and _mentions_qt(node.args[1]):
        yield 'isinstance with a Qt class is False in PythonQt; use inherits("QClass")'
    if is_method and name in ("connect", "disconnect") and node.args:
        yield from _connect_faults(name, node.args[0])
    if called == "faulthandler.enable" and not has_arguments:
        yield "faulthandler.enable() without file: Slicer's sys.stderr has no descriptor; pass sys.__stderr__"
    if (
        "slicer.util" in called
        and name.startswith(("load", *TAKES_PROPERTIES))
        and not _passes_properties(node)
    ):
        yield f"{called} without properties=: the mutable default keeps what earlier calls put there"


def _connect_faults(name: str, first: ast.expr) -> Iterator[str]:
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield f'{name}("signal()"): PySide6 has no such form; use signal.{name}(method)'
    if isinstance(first, ast.Lambda):
        yield f"{name}(lambda): it cannot be disconnected; use a bound method"


def _mentions_qt(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id in ("qt", "ctk") for part in ast.walk(node))


def _passes_properties(node: ast.Call) -> bool:
    return any(keyword.arg == "properties" for keyword in node.keywords) or len(node.args) >= 2


def _super_faults(node: ast.ClassDef) -> Iterator[str]:
    if not any(_mentions_qt(base) for base in node.bases):
        return
    for part in ast.walk(node):
        if not isinstance(part, ast.Attribute) or part.attr == "__init__":
            continue
        if ast.unparse(part.value) == "super()":
            yield f"super().{part.attr} in a Qt class: an AttributeError in PythonQt; call the base class by name"
