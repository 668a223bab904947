"""Loading 64-bit integers, whose automatic window never comes back; in child processes with a deadline."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import slicer

from AgentBridgeLib.errors import FileUnreadableError
from AgentBridgeLib.host.file_checks import FileChecks
from AgentBridgeLib.host.files import SlicerFiles

DEADLINE_S = 30
NIFTI_TYPES = {"int16": 4, "int64": 1024, "uint64": 1280}
CHILD = """
import sys
import EmbeddedSlicer
EmbeddedSlicer.start(web_server=False)
from AgentBridgeLib.host.adapter import SlicerHost
from AgentBridgeLib.host.event_loop import QtEventLoop
host = SlicerHost(QtEventLoop())
(node,) = host.files.load(sys.argv[1], "VolumeFile", {})
display = node.GetDisplayNode()
shown = display.GetWindowLevelMin(), display.GetWindowLevelMax()
print("loaded", node.GetImageData().GetScalarTypeAsString(), *shown, flush=True)
"""


def nifti(array):
    """A NIfTI-1 file of an array (k, j, i) with voxels of 1 mm."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *array.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, NIFTI_TYPES[array.dtype.name], array.dtype.itemsize * 8)
    struct.pack_into("<8f", head, 76, *[1.0] * 8)
    struct.pack_into("<2f", head, 108, 352, 1)
    head[344:348] = b"n+1\0"
    return bytes(head) + array.tobytes()


@pytest.fixture
def files(host_scene):
    """The shipped reader and writer."""
    return SlicerFiles(host_scene, FileChecks())


@pytest.mark.parametrize("scalar_type", ["int64", "uint64"])
def test_a_file_of_64_bit_integers_is_loaded_with_a_window(tmp_path, scalar_type):
    """slicer: vtkImageHistogramStatistics never returns for them."""
    path = tmp_path / "v.nii"
    path.write_bytes(nifti(np.arange(60, dtype=scalar_type).reshape(3, 4, 5)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert "long 0.0 59.0" in done.stdout, done.stderr


def test_other_types_keep_the_automatic_window_of_slicer(files, scene, tmp_path):
    """slicer: windows without the outer 0.1 % on each side."""
    path = tmp_path / "v.nii"
    path.write_bytes(nifti(np.arange(6000, dtype=np.int16).reshape(10, 20, 30)))
    (loaded,) = files.load(str(path), "VolumeFile", {})
    display = loaded.GetDisplayNode()
    assert display.GetAutoWindowLevel() == 1
    made = slicer.util.addVolumeFromArray(slicer.util.arrayFromVolume(loaded)).GetDisplayNode()
    assert made.GetAutoWindowLevel() == 1
    assert (display.GetWindow(), display.GetLevel()) == (made.GetWindow(), made.GetLevel())


@pytest.mark.parametrize("name", ["s.mrml", "s.mrb"])
def test_a_scene_that_would_hang_is_refused(files, tmp_path, name):
    """slicer: the scene's own display nodes ask for automatic windows."""
    scene_text = '<MRML><VolumeArchetypeStorage id="a" fileName="v.nii"/><D autoWindowLevel="1"/></MRML>'
    image = nifti(np.arange(60, dtype=np.int64).reshape(3, 4, 5))
    if name.endswith(".mrml"):
        (tmp_path / "v.nii").write_bytes(image)
        (tmp_path / name).write_text(scene_text)
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as bundle:
            bundle.writestr("s/s.mrml", scene_text)
            bundle.writestr("s/v.nii", image)
    with pytest.raises(FileUnreadableError, match="64-bit"):
        files.load_scene(str(tmp_path / name), clear=False)
