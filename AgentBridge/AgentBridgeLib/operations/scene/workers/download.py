"""Load one file from a web server, in a process of its own: ``download.py REQUEST.json``.

REQUEST.json names url, origins (the servers that may be asked, see `policy.downloads`), folder, name (optional),
most_bytes, timeout_s and sha256 (optional). ``result.json`` beside it gets name, path, size_bytes and url, or kind and
words of what went wrong. Progress goes to standard output as command line modules of Slicer write it. Needs the
standard library; certificates of `certifi` are used too when it is there.

Every address, those of redirects too, is checked before it is asked. The connection goes to the very IP address that
was checked, so a name cannot lead elsewhere a moment later. Neither proxies nor credentials of the environment are
used.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import sys
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from AgentBridgeLib.policy.downloads import AddressRefusedError, WebAddress, check_address, is_public

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_REDIRECTS = 5
CHUNK_BYTES = 1 << 20
_REDIRECTS = {301, 302, 303, 307, 308}


class DownloadError(Exception):
    """It did not work; `kind` says in which way."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class _Plain(http.client.HTTPConnection):
    """Connects to an address that was checked, and says the name of the server."""

    def __init__(self, address: WebAddress, timeout_s: float) -> None:
        super().__init__(address.host, address.port, timeout=timeout_s)
        self._must_be_public = address.must_be_public

    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self.timeout, self._must_be_public)


class _Secure(http.client.HTTPSConnection):
    """The same over TLS, with the certificate checked against the name."""

    def __init__(self, address: WebAddress, timeout_s: float) -> None:
        self._trust = _trusted()
        super().__init__(address.host, address.port, timeout=timeout_s, context=self._trust)
        self._must_be_public = address.must_be_public

    def connect(self) -> None:
        plain = _connected(self.host, self.port, self.timeout, self._must_be_public)
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def download(request: dict[str, Any], tell: Callable[[float], None]) -> dict[str, Any]:
    """Load the file of a request into its folder.

    Raises
    ------
    DownloadError
        It did not work; nothing is left in the folder.
    """
    url = str(request["url"])
    for _ in range(MOST_REDIRECTS + 1):
        try:
            address = check_address(url, request["origins"])
        except AddressRefusedError as fault:
            raise DownloadError("refused", str(fault)) from None
        with contextlib.closing(_connection(address, float(request["timeout_s"]))) as connection:
            answer = _ask(connection, address.target)
            if answer.status not in _REDIRECTS:
                return _store(answer, request, url, tell)
            location = answer.headers.get("Location")
        if not location:
            raise DownloadError("failed", "the server redirects to nowhere")
        url = urljoin(url, location)
    raise DownloadError("failed", f"the server redirects more than {MOST_REDIRECTS} times")


def _connection(address: WebAddress, timeout_s: float) -> http.client.HTTPConnection:
    return (_Secure if address.scheme == "https" else _Plain)(address, timeout_s)


def _ask(connection: http.client.HTTPConnection, target: str) -> http.client.HTTPResponse:
    try:
        connection.request(
            "GET", target, headers={"Accept-Encoding": "identity", "User-Agent": "AgentBridge"}
        )
        return connection.getresponse()
    except ssl.SSLCertVerificationError as fault:
        raise DownloadError(
            "certificate", f"its certificate is not trusted: {fault.verify_message}"
        ) from None
    except TimeoutError:
        raise DownloadError("timeout", "the server did not answer in time") from None
    except (OSError, http.client.HTTPException):
        raise DownloadError("unreachable", "the server cannot be reached") from None


def _store(
    answer: http.client.HTTPResponse, request: dict[str, Any], url: str, tell: Callable[[float], None]
) -> dict[str, Any]:
    with answer:
        if answer.status in {404, 410}:
            raise DownloadError("missing", f"the server has no such file (status {answer.status})")
        if answer.status != 200:
            raise DownloadError("failed", f"the server answered with status {answer.status}")
        name = request.get("name") or file_name(answer.headers.get("Content-Disposition", ""), url)
        target = Path(request["folder"]) / name
        beside = target.with_name(f"{name}.{os.getpid()}.part")
        try:
            size, digest = _receive(answer, beside, int(request["most_bytes"]), tell)
            wanted = str(request.get("sha256") or "").lower()
            if wanted and wanted != digest:
                raise DownloadError("checksum", "it is not the expected file: its SHA-256 sum differs")
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    return {"name": name, "path": str(target), "size_bytes": size, "url": url}


def _receive(
    answer: http.client.HTTPResponse, path: Path, most_bytes: int, tell: Callable[[float], None]
) -> tuple[int, str]:
    claimed = answer.length
    if claimed is not None and claimed > most_bytes:
        raise DownloadError("too_large", f"it has {claimed} bytes; at most {most_bytes} are taken")
    received, digest = 0, hashlib.sha256()
    try:
        with path.open("xb") as file:
            while chunk := answer.read(CHUNK_BYTES):
                received += len(chunk)
                if received > most_bytes:
                    raise DownloadError("too_large", f"it has more than {most_bytes} bytes")
                file.write(chunk)
                digest.update(chunk)
                if claimed:
                    tell(received / claimed)
    except TimeoutError:
        raise DownloadError("timeout", "the server stopped sending") from None
    except (http.client.HTTPException, ConnectionError, ssl.SSLError):
        raise DownloadError("cut_off", "the connection ended before the file was complete") from None
    except OSError as fault:
        raise DownloadError("storage", f"the file could not be stored: {fault.strerror}") from None
    if claimed is not None and received != claimed:
        raise DownloadError("cut_off", f"only {received} of {claimed} bytes came")
    return received, digest.hexdigest()


def file_name(disposition: str, url: str) -> str:
    """Choose a name for the file that is safe in any folder: what the server proposes, else the end of the address."""
    header = Message()
    header["Content-Disposition"] = disposition or "inline"
    proposed = header.get_filename() or unquote(PurePosixPath(urlsplit(url).path).name)
    plain = PurePosixPath(proposed.replace("\\", "/")).name
    return re.sub(r"[^A-Za-z0-9._-]+", "_", plain)[-120:].lstrip(".") or "download"


def _connected(host: str, port: int, timeout: Any, must_be_public: bool) -> socket.socket:
    found = [entry[4][:2] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if must_be_public and not all(is_public(str(address)) for address, _ in found):
        raise DownloadError("refused", f"{host} lies in this computer or in a private network")
    fault: OSError | None = None
    for address in found:
        try:
            return socket.create_connection((str(address[0]), int(address[1])), timeout)
        except OSError as error:
            fault = error
    raise fault or OSError(f"{host} has no address")


def _trusted() -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context


def _tell(fraction: float) -> None:
    sys.stdout.write(f"<filter-progress>{fraction:.3f}</filter-progress>\n")
    sys.stdout.flush()


def main(path: Path) -> None:
    """Do what the request says and write down how it went."""
    request = json.loads(path.read_text(encoding="utf-8"))
    try:
        result = download(request, _tell)
    except DownloadError as fault:
        result = {"kind": fault.kind, "words": str(fault)}
    path.with_name("result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
