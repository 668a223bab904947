"""Take the text of a PDF document, in a process of its own: ``document_pages.py FOLDER MOST_PAGES``.

Reads ``document.pdf`` and writes ``pages.json`` beside it: texts of the pages and their count, or null when nothing
can be read. Needs pypdf, nothing of the bridge.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pypdf


def pages_of(path: Path, most: int) -> dict[str, Any] | None:
    """Give the texts of the first pages."""
    try:
        reader = pypdf.PdfReader(path)
        texts = []
        for number, page in enumerate(reader.pages[:most], 1):
            texts.append(str(page.extract_text()))
            sys.stdout.write(
                f"<filter-progress>{number / min(most, len(reader.pages)):.4f}</filter-progress>\n"
            )
            sys.stdout.flush()
        return {"pages": texts, "count": len(reader.pages)}
    except Exception:  # noqa: BLE001 - pypdf raises whatever a broken document provokes
        return None


def main(arguments: list[str]) -> int:
    """Read one document."""
    warnings.simplefilter("ignore")
    folder = Path(arguments[0])
    found = pages_of(folder / "document.pdf", int(arguments[1]))
    (folder / "pages.json").write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
