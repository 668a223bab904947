"""Fixtures for tests that speak to a running bridge, and what happens to tests whose component is absent.

The server side always runs in a child process, with its interpreter lock held by the event loop as in Slicer; the
pytest process is the client. One empty host is shared by a session and its scene cleared before each test.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components import SLICER_VARIABLE, component
from devtools.data import brain_path, data_folder
from served_bridge import ServedBridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from client import Client

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED_GRANTS = {
    "scene.delete": "allow",
    "files.write": "allow",
    "application.control": "allow",
    "network": "deny",
}


def pytest_addoption(parser):
    parser.addoption(
        "--no-skips", action="store_true", help="a skipped test is a failure (a real Slicer excepted)"
    )
    parser.addoption(
        "--slicer", metavar="PATH", help="executable of a real Slicer, for the tests that need one"
    )


def pytest_configure(config):
    if config.getoption("--slicer"):
        os.environ[SLICER_VARIABLE] = config.getoption("--slicer")


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if component(name).find() is None:
                pytest.skip(component(name).reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if item.config.getoption("--no-skips") and report.skipped and not hasattr(report, "wasxfail"):
        _turn_into_failure(report, item)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if collector.config.getoption("--no-skips") and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"--no-skips: {collector.nodeid} was skipped as a whole: {report.longrepr}"
    return report


def _turn_into_failure(report, item):
    missing = [component(name) for marker in item.iter_markers("needs") for name in marker.args]
    missing = [one for one in missing if one.find() is None]
    was_slicer_asked_for = bool(os.environ.get(SLICER_VARIABLE)) and component("slicer") in missing
    if missing and all(one.may_be_absent for one in missing) and not was_slicer_asked_for:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"--no-skips: {reason}"


@pytest.fixture(scope="session")
def slicer_executable() -> Path:
    """A real Slicer; use together with ``@pytest.mark.needs("slicer")``."""
    found = component("slicer").find()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def work_folder(tmp_path_factory) -> Path:
    """A folder that the shared host may read and write."""
    return tmp_path_factory.mktemp("allowed")


@pytest.fixture
def start_bridge(tmp_path_factory) -> Iterator[Callable[..., ServedBridge]]:
    """Start hosts of this test's own: ``start_bridge(grants={...}, is_empty=True, options=[...])``."""
    with contextlib.ExitStack() as running:

        def start(folder: Path | None = None, **keywords) -> ServedBridge:
            folder = folder or tmp_path_factory.mktemp("host")
            return running.enter_context(ServedBridge(folder, **keywords))

        yield start


@pytest.fixture(scope="session")
def _shared_hosts(tmp_path_factory, work_folder) -> Iterator[Callable[[], ServedBridge]]:
    """Give the one running host of the session; a new one after a test has ended it."""
    hosts: list[ServedBridge] = []

    def current() -> ServedBridge:
        if not hosts or not hosts[-1].is_running:
            folders = [f"--allow-folder={folder}" for folder in (work_folder, brain_path(CHECKOUT).parent)]
            hosts.append(
                ServedBridge(tmp_path_factory.mktemp("shared"), grants=SHARED_GRANTS, options=folders)
            )
        return hosts[-1]

    yield current
    for host in hosts:
        host.stop()


@pytest.fixture
def a_bridge_process(_shared_hosts) -> ServedBridge:
    """The shared host process, its scene empty."""
    host = _shared_hosts()
    host.client.post("/scene/clear", {"confirm": True}).expect()
    return host


@pytest.fixture
def a_bridge(a_bridge_process) -> Client:
    """A client of the shared host, whose scene is empty."""
    return a_bridge_process.client


@pytest.fixture
def a_brain_file() -> Path:
    """The MNI152 T1 template, 197 by 233 by 189 voxels of 1 mm, in a folder the shared host may read."""
    path = brain_path(CHECKOUT)
    assert path.is_file(), "python3 Testing/dev.py test downloads the brain volume before it starts pytest"
    return path


def _scan(name: str) -> Path:
    path = data_folder(CHECKOUT) / name
    assert path.is_file(), "python3 Testing/dev.py test downloads the scans before it starts pytest"
    return path


@pytest.fixture
def a_lung_ct_file() -> Path:
    """A CT of the lung, int16, 512 by 512 by 48 voxels of 0.57 by 0.57 by 5 mm, readable by the shared host."""
    return _scan("lung1_image.nrrd")


@pytest.fixture
def a_lung_ct_label_file() -> Path:
    """The label map of a tumor in the lung CT, of the same geometry."""
    return _scan("lung1_label.nrrd")


@pytest.fixture
def a_brain_mr_file() -> Path:
    """A T1 MR of a brain, int16, 256 by 256 by 25 voxels of 0.78 by 0.78 by 6.5 mm, readable by the shared host."""
    return _scan("brain1_image.nrrd")


@pytest.fixture
def a_brain_mr_label_file() -> Path:
    """The label map of a tumor in the brain MR, of the same geometry."""
    return _scan("brain1_label.nrrd")


@pytest.fixture
def a_bridge_with_mni152(a_bridge, a_brain_file) -> tuple[Client, str]:
    """A client of the shared host and the id of the only volume in its scene, the MNI152 brain."""
    loaded = a_bridge.post("/files/load", {"path": str(a_brain_file)}).expect().json()
    nodes = a_bridge.get("/volumes").expect().json()["items"]
    assert len(nodes) == 1, loaded
    return a_bridge, nodes[0]["id"]
