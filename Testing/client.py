"""A small HTTP client for tests, the demo and the benchmark: one keep-alive connection, answers as values."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

END_STATES = frozenset({"succeeded", "failed", "canceled"})
LONG_POLL_S = 25
OLDEST_REUSE_S = 15.0
"""A connection that was idle longer is not used again: the server may be closing it, and a POST is not sent twice."""


class ProblemError(AssertionError):
    """An answer that was expected to be a success is a problem document; the text shows it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body[:2000].decode('utf-8', 'replace')}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    """One response.

    Attributes
    ----------
    status
        HTTP status code.
    headers
        Names in lower case.
    body
        All of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)

    @property
    def is_success(self) -> bool:
        """Whether the status is of the 2xx family."""
        return 200 <= self.status < 300

    def expect(self, status: int | None = None) -> Answer:
        """Return the answer itself; raise `ProblemError` unless it is a success, or has exactly this status."""
        if not (self.is_success if status is None else self.status == status):
            raise ProblemError(self)
        return self

    @property
    def code(self) -> str:
        """The stable code of a problem document; empty for a success."""
        return "" if self.is_success else str(self.json().get("code", ""))


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event; `data` is parsed JSON."""

    id: str
    event: str
    data: Any


class Client:
    """Speaks to one bridge. Paths are relative to its base URL: ``client.get("/nodes")``."""

    def __init__(
        self, base_url: str, token: str | None, timeout_s: float = 60.0, *, keeps_connection: bool = True
    ) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url.rstrip("/")
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        self.prefix = parts.path.rstrip("/")
        self.token = token
        self.timeout_s = timeout_s
        self._keeps_connection = keeps_connection
        self._used_at = time.monotonic()
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def from_connection_file(cls, path: Path, timeout_s: float = 60.0) -> Client:
        """Connect to the bridge whose address and token stand in a connection file."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content["url"], content["token"], timeout_s)

    def with_token(self, token: str | None) -> Client:
        """Return another client that sends this token or none, each request on a connection of its own."""
        return Client(self.base_url, token, self.timeout_s, keeps_connection=False)

    def request(
        self,
        method: str,
        path: str,
        *,
        json_body: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Answer:
        """Send one request and read its whole answer."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        target = self.prefix + path
        if query:
            target += "?" + urlencode(
                {name: _as_text(value) for name, value in query.items()}, quote_via=quote
            )
        return self._exchange(method, target, body, sent)

    def _exchange(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        known = self._connection
        connection = self._connect()
        is_reused = connection is known
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            # An idle connection may have been closed meanwhile; only what changes nothing is sent twice.
            if not is_reused or method not in ("GET", "HEAD"):
                raise
            return self._exchange(method, target, body, headers)
        except BaseException:
            self.close()
            raise
        content = response.read()
        if not self._keeps_connection:
            self.close()
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, content
        )

    def _connect(self) -> http.client.HTTPConnection:
        if time.monotonic() - self._used_at > OLDEST_REUSE_S:
            self.close()
        self._used_at = time.monotonic()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        return self._connection

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, **query: object) -> Answer:
        """GET, with the query as keywords."""
        return self.request("GET", path, headers=headers, query=query)

    def post(
        self, path: str, json_body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST a JSON body."""
        return self.request("POST", path, json_body=json_body, headers=headers)

    def patch(self, path: str, json_body: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """PATCH with a JSON body."""
        return self.request("PATCH", path, json_body=json_body, headers=headers)

    def delete(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, headers=headers)

    def put_bytes(
        self, path: str, body: bytes, content_type: str = "application/octet-stream", **query: object
    ) -> Answer:
        """PUT binary data, with the query as keywords."""
        return self.request("PUT", path, body=body, headers={"Content-Type": content_type}, query=query)

    def post_bytes(
        self, path: str, body: bytes, content_type: str = "application/octet-stream", **query: object
    ) -> Answer:
        """POST binary data, with the query as keywords."""
        return self.request("POST", path, body=body, headers={"Content-Type": content_type}, query=query)

    def call(self, operation: str, **arguments: object) -> Any:
        """Call an operation by name and return its result; raise `ProblemError` if it fails."""
        answer = self.post(f"/operations/{operation}", arguments, headers={"Prefer": "wait=60"}).expect()
        return answer.json() if answer.body else None

    def start_job(self, operation: str, **arguments: object) -> dict[str, Any]:
        """Start an operation as a job and return the job."""
        job: dict[str, Any] = (
            self.post("/jobs", {"operation": operation, "arguments": arguments}).expect(202).json()
        )
        return job

    def wait_for_job(self, job_id: str, deadline_s: float = 120.0) -> dict[str, Any]:
        """Hold requests open until the job has ended, and return it; `TimeoutError` after the deadline."""
        give_up = time.monotonic() + deadline_s
        while True:
            job: dict[str, Any] = self.get(f"/jobs/{job_id}", wait=LONG_POLL_S).expect(200).json()
            if job["state"] in END_STATES:
                return job
            if time.monotonic() > give_up:
                raise TimeoutError(f"job {job_id} is still {job['state']} after {deadline_s} s: {job}")

    def job_result(self, job_id: str) -> Any:
        """Wait for a job and return its result; raise `ProblemError` if it failed."""
        self.wait_for_job(job_id)
        return self.get(f"/jobs/{job_id}/result").expect(200).json()

    def events(self, last_event_id: str | None = None) -> Iterator[ServerEvent]:
        """Follow the event stream on a connection of its own, until the server ends it or the caller stops."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            connection.request("GET", f"{self.prefix}/events", headers=headers)
            yield from _parse_events(connection.getresponse())
        finally:
            connection.close()

    def raw_socket(self) -> socket.socket:
        """Open a plain connection, for bytes that no HTTP library would send."""
        return socket.create_connection((self.host, self.port), timeout=self.timeout_s)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_as_text(item) for item in value)
    return str(value)


def _parse_events(response: http.client.HTTPResponse) -> Iterator[ServerEvent]:
    fields: dict[str, list[str]] = {}
    for raw in iter(response.readline, b""):
        line = raw.decode("utf-8").rstrip("\r\n")
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields:
            data = json.loads("\n".join(fields["data"]))
            yield ServerEvent("".join(fields.get("id", [])), "".join(fields.get("event", ["message"])), data)
        fields = {}
