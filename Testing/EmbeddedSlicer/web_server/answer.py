"""The answers of Slicer's WebServer, byte for byte as its contract has them.

Always closed without saying so; the OPTIONS answer lacks its last line end; an empty body is a 404.
"""

from __future__ import annotations

import json


def make_answer(content_type: bytes, body: bytes, status: str, is_cors: bool) -> bytes:
    """Make the answer with a body."""
    head = [f"HTTP/1.1 {status}".encode()]
    if is_cors:
        head.append(b"Access-Control-Allow-Origin: *")
    head += [b"Content-Type: " + content_type, b"Content-Length: %d" % len(body), b"Cache-Control: no-cache"]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def make_options_answer(is_cors: bool) -> bytes:
    """Make the answer to OPTIONS, which no handler ever sees."""
    lines = [b"HTTP/1.1 204 No Content", b"Connection: keep-alive"]
    if is_cors:
        lines += [
            b"Access-Control-Allow-Origin: *",
            b"Access-Control-Allow-Methods: POST, GET, OPTIONS, DELETE, PUT",
            b"Access-Control-Allow-Headers: Accept",
            b"Access-Control-Max-Age: 86400",
        ]
    return b"\r\n".join(lines) + b"\r\n"


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\n\r\n"


def make_error_body(error: Exception) -> bytes:
    """Make the body of a 500: the exception's text goes out unfiltered."""
    return json.dumps({"success": False, "message": f"Server error: {error}"}).encode()
