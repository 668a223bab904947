"""PLY meshes: what VTK writes passes, and what would end the process does not."""

from __future__ import annotations

import struct

import pytest
import vtk

from AgentBridgeLib.host.ply_files import check_ply

HEAD = (
    "ply\nformat {form} 1.0\ncomment a\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    "element face 2\nproperty list uchar int vertex_indices\nproperty uchar red\nend_header\n"
)
POINTS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]


def binary(faces, order="<"):
    form = "binary_little_endian" if order == "<" else "binary_big_endian"
    rows = b"".join(struct.pack(f"{order}3f", *point) for point in POINTS)
    rows += b"".join(struct.pack(f"{order}B{len(face)}iB", len(face), *face, 9) for face in faces)
    return HEAD.format(form=form).encode() + rows


def text(faces):
    rows = [*(" ".join(map(str, point)) for point in POINTS)]
    rows += [" ".join(map(str, (len(face), *face, 9))) for face in faces]
    return (HEAD.format(form="ascii") + "\n".join(rows) + "\n").encode()


@pytest.mark.parametrize("is_binary", [True, False])
def test_what_vtk_writes_passes_and_is_refused_when_it_is_cut(tmp_path, is_binary):
    """slicer: vtkPLYReader ends the process on a cut file."""
    sphere, writer = vtk.vtkSphereSource(), vtk.vtkPLYWriter()
    writer.SetInputConnection(sphere.GetOutputPort())
    path = tmp_path / "m.ply"
    writer.SetFileName(str(path))
    writer.SetFileTypeToBinary() if is_binary else writer.SetFileTypeToASCII()
    writer.Write()
    check_ply(path)
    whole = path.read_bytes()
    for share in (0.3, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ValueError, match="cut"):
            check_ply(path)


@pytest.mark.parametrize("make", [binary, lambda faces: binary(faces, ">"), text])
def test_faces_of_several_sizes_pass_and_those_with_strange_points_do_not(tmp_path, make):
    """house: three byte orders of the format."""
    path = tmp_path / "m.ply"
    path.write_bytes(make([(0, 1, 2), (0, 1, 2, 3)]))
    check_ply(path)
    for face in ((0, 1, 4), (0, -1, 2), (0, 1, 99999999)):
        path.write_bytes(make([(0, 1, 2, 3), face]))
        with pytest.raises(ValueError, match="point that is not there"):
            check_ply(path)


@pytest.mark.parametrize("content", [b"", b"ply\n", b"rubbish" * 100, b"ply\nformat ascii 1.0\nend_header\n"])
def test_what_is_no_ply_is_left_to_the_reader(tmp_path, content):
    """house."""
    path = tmp_path / "m.ply"
    path.write_bytes(content)
    check_ply(path)


def test_type_that_is_none_is_refused(tmp_path):
    """house: KeyError is no answer."""
    path = tmp_path / "m.ply"
    path.write_bytes(text([(0, 1, 2), (0, 1, 2)]).replace(b"float x", b"number x"))
    with pytest.raises(ValueError, match="number"):
        check_ply(path)
