"""A web server of files for tests, plain or with a certificate of its own, that misbehaves where its path says so."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import ssl
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = bytes(range(256)) * 40


class FileHandler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files` by path; ``/to?URL`` redirects, other names say what goes wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer as the path says."""
        server: Any = self.server
        server.asked.append(self.path)
        path, _, query = self.path.partition("?")
        if path == "/to":
            self._begin(302, {"Location": query, "Content-Length": "0"})
        elif path == "/loop":
            self._begin(302, {"Location": "/loop", "Content-Length": "0"})
        elif path == "/cut":
            self._begin(200, {"Content-Length": str(len(BODY) + 5)})
            self.wfile.write(BODY)
            self.close_connection = True
        elif path == "/endless":
            self._begin(200, {"Transfer-Encoding": "chunked"})
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        elif path == "/silent":
            self._begin(200, {"Content-Length": "100"})
            server.silence.wait(20)
        elif path == "/named":
            name = 'attachment; filename="../../etc/in ner.nrrd"'
            self._begin(200, {"Content-Length": str(len(BODY)), "Content-Disposition": name})
            self.wfile.write(BODY)
        elif path in server.files:
            data = server.files[path]
            self._begin(200, {"Content-Length": str(len(data))})
            self.wfile.write(data)
        else:
            self._begin(404, {"Content-Length": "0"})

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing when a client goes away in the middle, as they do here."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def file_server(files: dict[str, bytes], certificate: Path | None = None) -> Iterator[Any]:
    """Serve files on a free port; the server that is given has `url`, `asked` and `silence` (set: stop waiting)."""
    server: Any = QuietServer(("127.0.0.1", 0), FileHandler)
    server.files, server.asked, server.silence = files, [], threading.Event()
    server.daemon_threads = True
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.silence.set()
        server.shutdown()
        server.server_close()


def write_certificate(path: Path, name: str = "localhost") -> Path:
    """Write key and certificate of a server that has signed for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
