"""The life of a served host: ports, instance files, signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from client import Client

DEV = Path(__file__).resolve().parents[1] / "dev.py"


def instance_files(home):
    return sorted((home / "instances").glob("*.json"))


@pytest.fixture
def home(tmp_path):
    """A folder of its own for each host, which its environment names."""
    return tmp_path


def environment(home):
    return {**os.environ, "AGENTBRIDGE_HOME": str(home)}


def test_client_needs_nothing_but_the_instance_file(start_bridge, home):
    """http: section 1"""
    host = start_bridge(environment=environment(home))
    (path,) = instance_files(home)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert path.stem == str(content["process_id"]) == str(host.process.pid)
    Client(content["url"], content["token"], keeps_connection=False).get("/scene").expect(200)


def test_secrets_are_readable_by_their_owner_only(start_bridge, home):
    """http: section 1"""
    start_bridge(environment=environment(home))
    for path in (*instance_files(home), home / "token"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (home / "instances").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly_and_leaves_no_file(start_bridge, home, number):
    """issue:#2"""
    host = start_bridge(environment=environment(home))
    host.process.send_signal(number)
    assert host.process.wait(20) == 0, host.tail()
    assert instance_files(home) == []
    assert not host.connection_file.exists()


def test_signal_ends_it_cleanly_while_a_job_works_and_a_client_watches(start_bridge, home):
    """issue:#2"""
    host = start_bridge(is_empty=False, environment=environment(home))
    volume = host.client.get("/volumes").json()["items"][0]["id"]
    stream = host.client.events("0")
    host.client.start_job("volumes.denoise", volume_id=volume, radius_voxels=4)
    next(stream)
    host.process.send_signal(signal.SIGTERM)
    assert host.process.wait(20) == 0, host.tail()
    assert instance_files(home) == []
    stream.close()


def test_file_of_a_dead_process_is_cleaned_up_and_that_of_a_living_one_stays(start_bridge, home):
    """http: section 1"""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = home / "instances"
    folder.mkdir(mode=0o700)
    dead, living = folder / f"{gone.pid}.json", folder / f"{os.getpid()}.json"
    for path in (dead, living):
        path.write_text("{}", encoding="utf-8")
    start_bridge(environment=environment(home))
    assert not dead.exists()
    assert living.exists()


def test_taken_port_is_passed_over_and_the_bound_one_is_told(start_bridge, tmp_path_factory):
    """http: section 1: bound, never probed"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        host = start_bridge(tmp_path_factory.mktemp("h"), options=[f"--port={port}"])
        assert host.client.port != port
        host.client.get("/scene").expect(200)


def test_several_hosts_of_one_person_are_told_apart(start_bridge, home):
    """users: demand 6"""
    first, second = (start_bridge(environment=environment(home)) for _ in range(2))
    identities = {host.client.get("/").json()["instance_id"] for host in (first, second)}
    assert len(identities) == 2
    assert len(instance_files(home)) == 2
    assert first.client.token == second.client.token


def test_instance_file_names_the_scene_that_is_open(start_bridge, home):
    """http: section 1, scene label; it tells several instances apart"""
    host = start_bridge(
        environment=environment(home),
        grants={"files.write": "allow", "scene.delete": "allow"},
        options=[f"--allow-folder={home}"],
    )
    (path,) = instance_files(home)
    assert json.loads(path.read_text(encoding="utf-8"))["scene_label"] == "untitled scene"
    host.client.call("scene.save", path=f"{home}/study7.mrml")
    host.client.call("scene.load", path=f"{home}/study7.mrml", clear=True)
    for _ in range(200):  # it follows the scene's events, which are gathered for a moment
        if json.loads(path.read_text(encoding="utf-8"))["scene_label"] == "study7.mrml":
            return
        host.client.get("/scene").expect()
    raise AssertionError(path.read_text(encoding="utf-8"))


def test_new_token_ends_the_streams_that_were_opened_with_the_old_one(start_bridge):
    """house: the old token is worthless from now on, also for who came in with it before"""
    client = start_bridge(grants={"python.execute": "allow"}).client
    with client.raw_socket() as watching:
        watching.settimeout(10)
        watching.sendall(
            f"GET {client.prefix}/events HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
            f"Authorization: Bearer {client.token}\r\n\r\n".encode()
        )
        assert b"200 OK" in watching.recv(1000)
        source = (
            "import slicer\n"
            "bridge = slicer.util.getModuleLogic('AgentBridge').bridge\n"
            "bridge.loop.call_later(0.0, bridge.renew_token)"
        )
        client.post("/python/execute", {"source": source}).expect()
        while watching.recv(1000):
            pass
    assert client.get("/scene").status == 401


def test_token_that_others_could_have_read_is_replaced(start_bridge, home):
    """house: it is no secret any more"""
    token = home / "token"
    token.write_text("A" * 43, encoding="utf-8")
    token.chmod(0o644)
    host = start_bridge(environment=environment(home))
    assert host.client.token != "A" * 43
    assert token.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("option", ["--grant=nothing=allow", "--grant=scene.delete=perhaps", "--port=high"])
def test_option_that_makes_no_sense_is_refused_at_once(option):
    """issue:#2"""
    ran = subprocess.run(
        [sys.executable, str(DEV), "serve", option], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode != 0
    assert "usage" in ran.stderr or "capability" in ran.stderr


def test_host_without_views_says_so_instead_of_a_black_picture(start_bridge):
    """issue:#2: headless"""
    client = start_bridge(is_empty=False, options=["--no-views"]).client
    assert client.get("/views/slices/Red/image").code == "host.rendering_unavailable"
    client.get("/volumes").expect(200)
