"""The attachment to a WebServer module in memory."""

import pytest

from AgentBridgeLib.transport.webserver import WebServerAttachment


class Base:
    """In the place of `BaseRequestHandler`."""


class Quiet:
    """Settings that allow everything."""

    def is_guarding(self):
        return False


class Server:
    def __init__(self, handlers):
        self.requestHandlers = handlers
        self.requestCommunicators = {}


class Logic:
    port = 2016
    docroot = b"/docroot"
    serverStarted = False  # noqa: N815 - Slicer's name
    server = None

    def __init__(self):
        self.requestHandlers = []
        self.starts = 0

    def start(self):
        self.starts += 1
        self.server = Server(self.requestHandlers or [])
        self.serverStarted = True


@pytest.fixture
def attach(a_loop, an_application, limits):
    """Make an attachment to what `get_logic` gives."""
    made = []

    def make(get_logic):
        made.append(WebServerAttachment(a_loop, an_application, limits, get_logic, Base, Quiet()))
        return made[-1]

    yield make
    for attachment in made:
        attachment.detach()


def test_without_the_module_it_waits_for_it(attach, a_loop):
    """slicer: the module may be loaded later."""
    found = []
    attachment = attach(lambda: found[0] if found else None)
    assert attachment.ensure() is False
    assert not attachment.is_attached

    found.append(Logic())
    a_loop.pass_time(3)

    assert attachment.is_attached
    found[0].start()
    assert len(found[0].server.requestHandlers) == 2


def test_a_server_without_the_class_to_stand_in_for_still_gets_the_handlers(attach, caplog):
    """slicer: if that hand-over is not possible, the plain handler answers."""
    logic = Logic()
    attach(lambda: logic).ensure()

    logic.start()

    assert len(logic.server.requestHandlers) == 2
    assert "SlicerRequestCommunicator" not in vars(logic.server)
    assert "without status codes" in caplog.text


def test_a_wrapper_that_was_there_before_is_restored(attach):
    """slicer: others may follow the same instance attribute."""
    logic = Logic()
    theirs = logic.start = lambda: Logic.start(logic)
    attachment = attach(lambda: logic)
    attachment.ensure()
    assert logic.start is not theirs
    logic.start()
    assert logic.starts == 1

    attachment.detach()

    assert logic.start is theirs
    assert logic.requestHandlers == logic.server.requestHandlers == []


def test_a_module_that_fails_is_reported_once_and_tried_again(attach, a_loop, caplog):
    """house: a fault repeated every two seconds would fill the log."""
    logic, faults = Logic(), [True]

    def get_logic():
        if faults:
            raise ValueError("the panel was deleted")
        return logic

    attachment = attach(get_logic)
    assert attachment.ensure() is False
    a_loop.pass_time(10)
    assert caplog.text.count("incident") == 1

    faults.clear()
    a_loop.pass_time(3)
    assert attachment.is_attached


def test_after_detaching_nothing_wakes_slicer(attach, a_loop):
    """house: an idle Slicer is not woken."""
    attachment = attach(Logic)
    attachment.ensure()

    attachment.detach()
    a_loop.pass_time(5)

    assert [call for call in a_loop.calls if call.callback is not None] == []


class StrangeLogic:
    """Of a version that keeps its handlers elsewhere."""

    server = None
    serverStarted = False  # noqa: N815 - Slicer's name

    def start(self):
        """Start."""


def test_a_webserver_of_another_shape_is_named_once_and_stops_nothing(attach, a_loop, caplog):
    """slicer: the module changes between versions; the bridge's own listener must start and stop all the same."""
    logic = StrangeLogic()
    attachment = attach(lambda: logic)

    assert attachment.ensure() is False
    a_loop.pass_time(7)
    attachment.detach()

    assert caplog.text.count("in attaching to Slicer's WebServer") == 1
