"""`slicer.i18n`: the host speaks English, so texts come back as they are.

Follows `Base/Python/slicer/i18n.py` (translate, tr).
"""

from __future__ import annotations


def translate(context: str, text: str) -> str:
    """Translate a text of a context."""
    import slicer

    translated: str = slicer.app.translate(context, text)
    return translated


def tr(text: str) -> str:
    """Translate a text; Slicer finds the context from the calling file."""
    return translate("", text)
