"""The person allows Slicer's DICOM listener and takes it back: a real window, real presses, a real port."""

from __future__ import annotations

import socket

import pytest

from orthanc import free_port
from served_panel import ServedPanel

pytestmark = pytest.mark.needs("xvfb")
LATER = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    with ServedPanel(tmp_path_factory.mktemp("panel")) as made:
        made.start()
        made.do("unfold", "Connection", "Safety")
        made.press("Preset_everything_but_code")
        yield made


@pytest.fixture
def client(panel):
    return panel.client()


@pytest.fixture
def port(panel):
    """A free port, written into the field after the box beside it was pressed."""
    found = free_port()
    panel.press("Listener")
    panel.do("type_number", "AgentBridgeListenerPort", found)
    yield found
    if panel.do("is_checked", "AgentBridgeListener"):
        panel.press("Listener")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def start(panel, client, port):
    state = client.call("dicom.start_listener")
    assert (state["is_running"], state["port"]) == (True, port)
    panel.wait_until(lambda: accepts(port))


def test_listener_is_refused_until_the_box_is_pressed(panel, client):
    """issue:#6: off by default; no approval opens it either"""
    assert not panel.do("is_checked", "AgentBridgeListener")
    assert client.post("/dicom/listener/start").code == "policy.capability_disabled"


def test_allowed_listener_runs_where_the_person_said_and_the_panel_says_so_as_long_as_it_does(
    panel, client, port
):
    """issue:#6"""
    start(panel, client, port)
    panel.wait_until(lambda: f"listener runs on port {port}" in panel.read("Notices"))
    client.post("/dicom/listener/stop").expect()
    panel.wait_until(lambda: "listener runs" not in panel.words("Panel"))


@pytest.mark.parametrize("button", ["Listener", "StopAll", "Toggle"])
def test_listener_ends_when_the_permission_is_withdrawn_or_everything_is_stopped(panel, client, port, button):
    """issue:#4: stop everything; nothing goes on listening that the person has switched off"""
    start(panel, client, port)
    panel.press(button)
    panel.wait_until(lambda: not accepts(port))
    assert "listener runs" not in panel.words("Panel")
    if button == "StopAll":
        panel.press("StopAll")
    if button == "Toggle":
        panel.start()


def test_listener_is_allowed_and_its_port_written_by_keys_alone(panel, client):
    """issue:#4: usable with the keyboard"""
    found = free_port()
    panel.do("focus", "AgentBridgeListener")
    panel.do("key", "Space")
    assert panel.do("key", "Tab") == "AgentBridgeListenerPort"
    panel.do("type_number", "AgentBridgeListenerPort", found)
    start(panel, client, found)
    panel.do("focus", "AgentBridgeListener")
    panel.do("key", "Space")
    panel.wait_until(lambda: not accepts(found))
