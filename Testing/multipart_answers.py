"""Take answers of several parts apart, with the standard library's own reader."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client import Answer


def parts_of(answer: Answer) -> list[bytes]:
    """Give the bodies of a multipart answer."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + answer.body)
    return [part.get_content() for part in message.iter_parts()]
