"""What a request to Slicer's own WebServer would do."""

import ntpath
import os
import posixpath

import pytest

from AgentBridgeLib.transport.legacy import (
    Need,
    claims_more_voxels_than_bytes,
    is_below,
    leaves_document_root,
    needs_of,
)


def _capabilities(method, uri):
    return [need.capability for need in needs_of(method, uri)]


@pytest.mark.parametrize(
    "uri",
    [
        b"/slicer/exec", b"/slicer/execute", b"/slicer/exec;x", b"/slicer/exec?source=1", b"/slicer/exec/deeper",
        b"http://h/slicer/exec", b"http:/slicer/exec", b"x:/slicer/exec", b"//h/slicer/exec", b"/slicer/exec#f",
        b"/sli\tcer/exec",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_every_spelling_that_executes_in_slicer_needs_python(method, uri):
    """slicer: routed by prefix of `urlparse(uri).path`; the guard has to parse the same way."""
    assert _capabilities(method, uri) == ["python.execute"]


@pytest.mark.parametrize("uri", [b"/slicer/exec\xff", b"http://[::1/slicer/exec"])
def test_an_address_that_slicer_cannot_parse_is_a_value_error(uri):
    """slicer: its server fails on it before it asks any handler."""
    with pytest.raises(ValueError):
        needs_of("GET", uri)


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("GET", b"/slicer/mrml"), ("GET", b"/slicer/mrml/names?class=vtkMRMLModelNode"),
        ("GET", b"/slicer/system/version"), ("GET", b"/slicer/slice?view=red"),
        ("GET", b"/slicer/Exec"), ("GET", b"/slicer/%65xec"),
        ("GET", b"/slicer//exec"), ("GET", b"/Slicer/exec"),
        ("GET", b"/exec"), ("GET", b"/"),
        ("GET", b"/index.html"), ("GET", b"/slicer/mrml/file"),
        ("POST", b"/slicer/mrml"), ("DELETE", b"/slicer/mrml?id=vtkMRMLModelNode4"),
        ("DELETE", b"/slicer/mrml?name=a"), ("GET", b"/slicer"),
        ("GET", b"/slicerexec"), ("POST", b"/slicer/volume"),
        ("GET", b"/slicer/sampledata?name=MRHead"),
    ],
)  # fmt: skip
def test_harmless_requests_need_nothing(method, uri):
    """slicer: the guard leaves everything else to Slicer."""
    assert needs_of(method, uri) == []


@pytest.mark.parametrize(
    ("method", "uri", "capability"),
    [
        ("DELETE", b"/slicer/mrml", "scene.delete"),
        ("DELETE", b"/slicer/mrmlx", "scene.delete"),
        ("DELETE", b"/slicer/mrml?id=", "scene.delete"),
        ("DELETE", b"/slicer/mrml?ID=a", "scene.delete"),
        ("DELETE", b"/slicer/mrml?class=vtkMRMLNode", "scene.delete"),
        ("DELETE", b"/slicer/mrml;id=a", "scene.delete"),
        ("DELETE", b"/slicer/system", "application.control"),
        ("DELETE", b"/slicer/system/version", "application.control"),
        ("DELETE", b"/slicer/systematic", "application.control"),
        ("PUT", b"/slicer/mrml", "files.read"),
        ("POST", b"/slicer/accessDICOMwebStudy", "network"),
        ("GET", b"/dicom/studies", "dicom.read"),
    ],
)
def test_dangerous_requests_need_their_capability(method, uri, capability):
    """issue:#2 guard for the dangerous legacy requests."""
    assert _capabilities(method, uri) == [capability]


@pytest.mark.parametrize(
    ("query", "need"),
    [
        (b"localfile=/a/b.nrrd", Need("files.read", "read a local file", "/a/b.nrrd")),
        (b"localfile=%2Fa%2Fb+c.nrrd%20", Need("files.read", "read a local file", "/a/b c.nrrd")),
        (b"localfile=/first&localfile=/second", Need("files.read", "read a local file", "/first")),
        (b"url=file:///a/b.nrrd", Need("files.read", "read a local file", "/a/b.nrrd")),
        (b"url=file://host/a/b", Need("files.read", "read a local file", "/a/b")),
        (b"url=FILE:/a/b&localfile=/c", Need("files.read", "read a local file", "/a/b")),
        (b"url=https://h/a", Need("network", "download from an address that the request names")),
        (b"url=/a/b", Need("network", "download from an address that the request names")),
        (b"url=slicer://viewer", Need("application.control", "open a slicer: address")),
    ],
)
def test_loading_names_the_file_that_slicer_would_read(query, need):
    """slicer: `loadIntoScene`; `url` wins over `localfile`, and the first of several counts."""
    assert needs_of("POST", b"/slicer/mrml?filetype=VolumeFile&" + query) == [need]


def test_loading_more_files_or_replacing_the_scene_is_seen():
    """slicer: every other query parameter becomes a property of the reader."""
    needs = needs_of("POST", b"/slicer/mrml/file?localfile=/a&fileNames=/b&clear=true")

    assert [(need.capability, need.path) for need in needs] == [
        ("files.read", "/b"),
        ("scene.delete", None),
        ("files.read", "/a"),
    ]


@pytest.mark.parametrize(
    ("query", "path"),
    [(b"localfile=/a/b", "/a/b"), (b"url=file:///a/b", "/a/b"), (b"url=https://h/a/b&localfile=/c", "/a/b")],
)
def test_saving_names_the_file_that_slicer_would_write(query, path):
    """slicer: `saveFromScene` writes to the path of any url, whatever its scheme."""
    needs = needs_of("GET", b"/slicer/mrml/file?id=x&" + query)

    assert needs == [Need("files.write", "write a local file", path, writing=True)]


@pytest.mark.parametrize(
    "uri",
    [
        b"/../../etc/passwd", b"//etc/passwd", b"/..", b"../x", b"/a/../../x", b"/slicer/../../../etc/passwd",
        b"/x?/../../../etc/passwd", b"/a\0b", b"http:/../../x", b"/./../x",
    ],
)  # fmt: skip
def test_an_address_that_leaves_the_document_root_is_seen(uri, tmp_path):
    """slicer: `/../../` or an absolute path: any file is served."""
    assert leaves_document_root(uri, os.fsencode(tmp_path / "docroot"))


@pytest.mark.parametrize(
    "uri", [b"/", b"", b"/index.html", b"/a/../b", b"/%2e%2e/x", b"/..a/x", b"/images/a.png?x=1"]
)
def test_an_address_below_the_document_root_passes(uri, tmp_path):
    """slicer: the guard leaves everything else to Slicer."""
    assert not leaves_document_root(uri, os.fsencode(tmp_path / "docroot"))


def test_a_link_out_of_the_document_root_is_followed(tmp_path):
    """issue:#2 paths that leave the static document root."""
    (tmp_path / "docroot").mkdir()
    (tmp_path / "docroot" / "out").symlink_to(tmp_path)

    assert leaves_document_root(b"/out/secret", os.fsencode(tmp_path / "docroot"))


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        (ntpath, rb"C:\docroot\a", True), (ntpath, rb"C:\docroots\a", False), (ntpath, rb"D:\docroot\a", False),
        (ntpath, rb"\\server\share", False), (posixpath, b"/docroot", False),
    ],
)  # fmt: skip
def test_below_means_below_by_the_rules_of_the_system(rules, path, expected):
    """slicer: Windows has drives and shares."""
    folder = rb"C:\docroot" if rules is ntpath else b"/docroot/x"
    assert is_below(path, folder, rules) is expected


def _nrrd(sizes, voxels=b""):
    return b"NRRD0004\ntype: short\ndimension: 3\nsizes: " + sizes + b"\nencoding: raw\n\n" + voxels


@pytest.mark.parametrize(
    "sizes", [b"100000 100000 100000", b"2 2 3", b"-1 -1 4", b"0 1 1", b"9 9 9\nsizes: 99 99 99"]
)
def test_an_upload_that_would_kill_the_process_is_seen(sizes):
    """slicer: a 300-byte NRRD header makes VTK abort."""
    assert claims_more_voxels_than_bytes(b"/slicer/volume?id=a", _nrrd(sizes, bytes(16))) is (
        sizes != b"2 2 3"
    )


@pytest.mark.parametrize(
    "body", [b"", b"NRRD", b"NRRD\nsizes: a b c\n\n", b"\x93NUMPY", _nrrd(b"2 2 2", bytes(16))]
)
def test_other_uploads_pass(body):
    """slicer: the stock handler refuses what it cannot read before it allocates."""
    assert not claims_more_voxels_than_bytes(b"/slicer/volume", body)
    assert not claims_more_voxels_than_bytes(b"/other", body)
