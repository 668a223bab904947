"""What the facade does not catch: differences of PySide6 to PythonQt that a subclass cannot reach.

Code must keep to the common subset by other means: the linter of the shipped code, or a run in Slicer.
"""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """One known difference."""

    topic: str
    in_slicer: str
    here: str


KNOWN = (
    Difference(
        "keyword arguments of methods", "ValueError", "taken where PySide6 has them; refused by constructors"
    ),
    Difference("enumerations", "int, and `|` gives int", "enum.Enum"),
    Difference("super() on a virtual method", "AttributeError", "works"),
    Difference("argument types", "coerced: setText(None) shows None", "TypeError"),
    Difference(
        "objects that Qt makes itself", "wrapped like all others", "plain PySide6 (buttons of a button box)"
    ),
    Difference("receivers of signals", "kept alive by the sender", "bound methods are weak: keep the owner"),
    Difference("slots with *args", "get all arguments", "get none"),
    Difference("deleted objects", "ValueError", "RuntimeError"),
    Difference("bytes(QByteArray)", "fails; .data() works", "both work"),
    Difference(
        "sizeHint, minimumSizeHint, QProgressBar.text", "attributes", "methods: a virtual getter reads them"
    ),
    Difference("exceptions in virtual methods", "printed", "printed, and a default value is returned"),
    Difference(
        "QSettings values read back in the same process", "typed until the file is read again", "text at once"
    ),
)
