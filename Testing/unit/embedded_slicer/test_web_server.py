"""The emulated WebServer module keeps the contract of Slicer's, quirks included."""

from __future__ import annotations

import json
import socket
import subprocess

import pytest

SERVE = """
app = EmbeddedSlicer.start(views=False, web_server=True)
import slicer, socket
widget = slicer.util.getModuleWidget("WebServer")
logic = slicer.util.getModuleLogic("WebServer")
from WebServerLib import BaseRequestHandler

class Echo(BaseRequestHandler):
    def __init__(self):
        self.logMessage = None
    def canHandleRequest(self, method, uri, requestBody):
        return 1.0 if uri.startswith(b"/echo") else 0.0
    def handleRequest(self, method, uri, requestBody):
        if uri == b"/echo/empty":
            return b"text/plain", b""
        if uri == b"/echo/fail":
            raise ValueError("the text")
        if uri == b"/echo/large":
            return b"application/octet-stream", b"x" * 9_000_000
        return b"text/plain", b"%s %s %d" % (method.encode(), uri, len(requestBody))

class Shadow(Echo):
    def handleRequest(self, method, uri, requestBody):
        return b"text/plain", b"of equally sure handlers the first one must win"

widget.enableSlicerHandlerExec.setChecked(True)
with socket.create_server(("127.0.0.1", 0)) as probe:
    logic.port = probe.getsockname()[1]
widget.startServer()
logic.server.requestHandlers += [Echo(), Shadow()]
print(logic.port)
EmbeddedSlicer.run()
"""
IN_PROCESS = """
app = EmbeddedSlicer.start(views=False)
import slicer
widget = slicer.util.getModuleWidget("WebServer")
logic = slicer.util.getModuleLogic("WebServer")
"""


DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def port(start_child):
    """The port of a server in a process of its own."""
    return int(start_child(SERVE).stdout.readline())


def send(port, *pieces):
    """Connect and send the pieces, one after the other."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        connection.sendall(piece)
    return connection


def exchange(port, *pieces):
    """Send the pieces and give everything until the server closes."""
    with send(port, *pieces) as connection:
        return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def get(port, path, method="GET", head="", version="HTTP/1.1"):
    return exchange(port, f"{method} {path} {version}\r\nHost: x\r\n{head}\r\n".encode())


def test_an_answer_has_no_connection_header_and_is_closed(port):
    """slicer: WebServer.py always closes without saying so."""
    head, _, body = get(port, "/echo/a?b=c").partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain",
        b"Content-Length: 17",
        b"Cache-Control: no-cache",
    ]
    assert body == b"GET /echo/a?b=c 0"


@pytest.mark.parametrize(
    ("path", "first_line"),
    [("/echo/empty", b"404 Not Found"), ("/echo/fail", b"500 Internal Server Error"), ("/echo/a", b"200 OK")],
)
def test_the_status_follows_from_body_and_exception_only(port, path, first_line):
    """slicer: 404 for an empty body, 500 with the text of the exception."""
    answer = get(port, path)
    assert answer.startswith(b"HTTP/1.1 " + first_line)
    assert (b"the text" in answer) is (path == "/echo/fail")


@pytest.mark.parametrize(
    ("header", "length"),
    [("Content-Length: 3", b"3"), ("content-length: 3", b"0"), ("Transfer-Encoding: chunked", b"0")],
)
def test_only_the_exact_spelling_of_content_length_gives_a_body(port, header, length):
    """slicer: bytes.find(b"Content-Length:")."""
    answer = exchange(port, f"POST /echo HTTP/1.1\r\n{header}\r\n\r\nabc".encode())
    assert answer.endswith(b"POST /echo " + length)


def test_a_large_body_in_many_pieces_arrives(port):
    """slicer: SlicerRequestCommunicator.onReadable."""
    body = b"y" * 3_000_000
    answer = exchange(port, b"PUT /echo HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n", body)
    assert answer.endswith(b"PUT /echo 3000000")


def test_a_large_answer_leaves_whole(port):
    """slicer: SlicerRequestCommunicator.onWritable."""
    head, _, body = get(port, "/echo/large").partition(b"\r\n\r\n")
    assert b"Content-Length: 9000000" in head
    assert len(body) == 9_000_000


def test_options_never_reaches_a_handler_and_its_answer_lacks_an_end(port):
    """slicer: 204 without the last line end."""
    assert get(port, "/echo", "OPTIONS") == b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n"


@pytest.mark.parametrize(
    ("method", "version"),
    [("HEAD", "HTTP/1.1"), ("PATCH", "HTTP/1.1"), ("GET", "HTTP/1.0"), ("GET /a b", "HTTP/1.1")],
)
def test_what_it_does_not_speak_gets_no_answer_and_no_close(port, method, version):
    """slicer: the descriptor is leaked."""
    with send(port, f"{method} /echo {version}\r\n\r\n".encode()) as connection:
        # The server has one thread: two later requests were answered, so this one was looked at before.
        assert [get(port, "/echo")[-11:] for _ in range(2)] == [b"GET /echo 0"] * 2
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/slicer/exec", "exec"),
        ("/slicer/execute", "exec"),
        ("/slicer/exec;x", "exec"),
        ("http://h/slicer/exec", "exec"),
    ],
)
def test_dangerous_requests_are_recorded_by_prefix_of_the_parsed_path(port, path, route):
    """slicer: SlicerRequestHandler routes by prefix; here it only records."""
    record = json.loads(get(port, path).partition(b"\r\n\r\n")[2])
    assert (record["recorded"], record["method"]) == (route, "GET")


def test_deleting_nodes_and_quitting_are_recorded_only(port):
    """slicer: DELETE /slicer/mrml and DELETE /slicer/system."""
    for path, route in (("/slicer/mrml", "mrml"), ("/slicer/system", "system")):
        record = json.loads(get(port, path, "DELETE").partition(b"\r\n\r\n")[2])
        assert (record["recorded"], record["method"]) == (route, "DELETE")


def test_a_path_that_leaves_the_document_root_is_recorded(port):
    """slicer: StaticPagesRequestHandler joins unchecked; here nothing is read."""
    record = json.loads(get(port, "//etc/passwd").partition(b"\r\n\r\n")[2])
    assert record["path"] == "/etc/passwd"


def test_the_server_listens_on_loopback_only(run_child):
    """house: unlike Slicer's."""
    done = run_child(IN_PROCESS + "widget.startServer(); print(logic.server.socket.getsockname()[0])")
    assert done.stdout.split() == ["127.0.0.1"], done.stderr


def test_each_start_makes_a_new_server_with_new_handlers(run_child):
    """slicer: startServer() replaces requestHandlers, start() stops and makes a new server sharing the list."""
    script = IN_PROCESS + (
        "widget.startServer(); first, handlers = logic.server, logic.requestHandlers\n"
        "widget.startServer(); second = logic.server\n"
        "print(first is not second, logic.requestHandlers is not handlers,\n"
        "      second.requestHandlers is logic.requestHandlers, first.socket.fileno(), logic.serverStarted)\n"
        "logic.stop(); print(logic.serverStarted, logic.server is second)\n"
    )
    done = run_child(script)
    assert done.stdout.split() == ["True", "True", "True", "-1", "True", "False", "True"], done.stderr


def test_an_empty_list_of_handlers_is_not_shared(run_child):
    """slicer: `requestHandlers or []`."""
    script = IN_PROCESS + "logic.requestHandlers = []; logic.start()\n"
    done = run_child(script + "print(logic.server.requestHandlers is logic.requestHandlers)")
    assert done.stdout.split() == ["False"], done.stderr


def test_a_taken_port_is_followed_by_the_next_one_unchecked(run_child):
    """slicer: findFreePort steps once."""
    script = IN_PROCESS + (
        "import socket; from WebServer import SlicerHTTPServer\n"
        "taken = socket.create_server(('127.0.0.1', 0)); port = taken.getsockname()[1]\n"
        "print(SlicerHTTPServer.findFreePort(port) - port)\n"
    )
    assert run_child(script).stdout.split() == ["1"]


def test_a_reload_makes_a_new_logic_and_starts_again(run_child):
    """slicer: WebServerWidget.onReload."""
    script = IN_PROCESS + (
        "widget.startServer(); widget.onReload(); new = slicer.util.getModuleLogic('WebServer')\n"
        "print(new is not logic, new.serverStarted, logic.serverStarted)\n"
    )
    done = run_child(script)
    assert done.stdout.split() == ["True", "True", "False"], done.stderr


def test_a_communicator_of_the_instance_takes_connections_over(start_child):
    """house: the hand-over of door 2 looks up `SlicerRequestCommunicator` on the server."""
    script = SERVE.replace(
        "print(logic.port)",
        "taken = []\n"
        "def take(connection, handlers, docroot, log, cors):\n"
        "    connection.sendall(b'taken'); connection.close(); return connection\n"
        "logic.server.SlicerRequestCommunicator = take\n"
        "print(logic.port)",
    )
    child: subprocess.Popen[str] = start_child(script)
    assert exchange(int(child.stdout.readline())) == b"taken"
