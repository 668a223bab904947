"""Paths stay inside the allowed folders, whatever they are called."""

from __future__ import annotations

import ntpath
import os

import pytest

from AgentBridgeLib.errors import ArgumentInvalidError, PathOutsideRootsError
from AgentBridgeLib.policy.paths import resolve_inside


def inside(path, *folders):
    return resolve_inside(str(path), "/path", [str(folder) for folder in folders], os.path.realpath)


def inside_on_windows(path, *folders):
    return resolve_inside(path, "/path", folders, ntpath.normpath, is_windows=True)


def test_file_inside_an_allowed_folder_is_resolved(tmp_path):
    """house"""
    assert inside(tmp_path / "a" / ".." / "b.nrrd", tmp_path) == str(tmp_path / "b.nrrd")


def test_dots_do_not_lead_out(tmp_path):
    """issue:#2"""
    (tmp_path / "in").mkdir()
    with pytest.raises(PathOutsideRootsError):
        inside(tmp_path / "in" / ".." / "out.nrrd", tmp_path / "in")


def test_name_that_no_file_system_takes_is_refused(tmp_path):
    """issue:#3 - asking for it fails with an error of its own, which nobody expects."""
    assert inside(tmp_path / ("n" * 255), tmp_path)
    with pytest.raises(ArgumentInvalidError, match="255 bytes"):
        inside(tmp_path / ("n" * 256), tmp_path)


def test_link_does_not_lead_out(tmp_path):
    """issue:#2"""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to("/etc")
    with pytest.raises(PathOutsideRootsError):
        inside(tmp_path / "in" / "link" / "passwd", tmp_path / "in")


def test_folder_that_only_begins_alike_is_outside(tmp_path):
    """house"""
    (tmp_path / "in").mkdir()
    with pytest.raises(PathOutsideRootsError):
        inside(tmp_path / "inside.nrrd", tmp_path / "in")


def test_allowed_folder_may_be_a_link_itself(tmp_path):
    """house"""
    (tmp_path / "real").mkdir()
    (tmp_path / "allowed").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "allowed" / "x.nrrd", tmp_path / "allowed") == str(tmp_path / "real" / "x.nrrd")


@pytest.mark.parametrize("path", ["x.nrrd", "./x.nrrd", "~/x.nrrd", "", "C:\\x.nrrd"])
def test_relative_path_is_refused(path, tmp_path):
    """issue:#2"""
    with pytest.raises(ArgumentInvalidError) as caught:
        inside(path, tmp_path)
    assert caught.value.errors[0].pointer == "/path"


def test_without_allowed_folders_nothing_is_inside(tmp_path):
    """http: section 4"""
    with pytest.raises(PathOutsideRootsError, match="none is set"):
        inside(tmp_path / "x.nrrd")


def test_device_of_a_unix_system_is_outside(tmp_path):
    """issue:#2"""
    with pytest.raises(PathOutsideRootsError):
        inside("/dev/mem", tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "C:\\data\\NUL",
        "C:\\data\\con.nrrd",
        "C:\\data\\COM1.txt",
        "C:\\data\\lpt9",
        "C:\\data\\x.nrrd:stream",
        "\\\\.\\PhysicalDrive0",
        "\\\\?\\C:\\data\\x.nrrd",
        "C:/data/aux .nrrd",
    ],
)
def test_windows_device_or_stream_is_refused(path):
    """issue:#2"""
    with pytest.raises(ArgumentInvalidError):
        inside_on_windows(path, "C:\\data")


def test_windows_paths_compare_without_case():
    """house"""
    assert inside_on_windows("c:\\DATA\\Brain.nrrd", "C:\\data") == "c:\\DATA\\Brain.nrrd"
