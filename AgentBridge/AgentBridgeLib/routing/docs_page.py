"""The documentation page: a shell without secrets, served from this computer only.

The page holds nothing of the scene, so it needs no token; it asks the person for one and sends it with the request
for the OpenAPI document. With the optional package `flask-swagger-ui` (its assets only; nothing of it is
imported) the document is shown by Swagger UI, else as a plain listing. See docs/adr/0007.
"""

from __future__ import annotations

import importlib.util
import pathlib
from typing import TYPE_CHECKING

from AgentBridgeLib.errors import RouteUnknownError
from AgentBridgeLib.model.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = pathlib.Path(__file__).resolve().parents[2] / "Resources" / "Docs"
_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_OWN_FILES = frozenset({"docs.js", "docs.css"})
_SWAGGER_FILES = frozenset({"swagger-ui.css", "swagger-ui-bundle.js"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page() -> Response:
    """Give the page; it loads Swagger UI only where that is installed."""
    text = (_OWN / "docs.html").read_text(encoding="utf-8")
    if _swagger_folder() is None:
        lines = [line for line in text.splitlines() if "swagger-ui" not in line]
        text = "\n".join(lines)
    return _answer(text.encode(), ".html")


def asset(name: str) -> Response:
    """Give one of the files that the page names.

    Raises
    ------
    RouteUnknownError
        The page has no such file, or the optional package is not installed.
    """
    folder = _OWN if name in _OWN_FILES else _swagger_folder() if name in _SWAGGER_FILES else None
    if folder is None or not (folder / name).is_file():
        raise RouteUnknownError(f"The documentation page has no file '{name}'.")
    return _answer((folder / name).read_bytes(), pathlib.PurePath(name).suffix)


def _swagger_folder() -> pathlib.Path | None:
    found = importlib.util.find_spec("flask_swagger_ui")
    if found is None or found.origin is None:
        return None
    folder = pathlib.Path(found.origin).parent / "dist"
    return folder if (folder / "swagger-ui-bundle.js").is_file() else None


def _answer(body: bytes, suffix: str) -> Response:
    headers = [
        ("Content-Type", _TYPES[suffix]),
        ("Content-Security-Policy", _POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-cache"),
    ]
    return Response(200, headers, [body])
