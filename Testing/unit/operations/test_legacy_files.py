"""Local files that Slicer's own web routes would read are looked into as those of files.load and scene.load are."""

from types import SimpleNamespace

import pytest

from AgentBridgeLib.dispatch.legacy_policy import LegacyPolicy

HEAD = (
    "NRRD0005\ntype: uint8\ndimension: 3\nspace: right-anterior-superior\nsizes: {sizes}\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: raw\ndata file: {data}\n\n"
)
SCENE = '<MRML version="Slicer4.4.0"><VolumeArchetypeStorage id="a" {more}></VolumeArchetypeStorage></MRML>'


@pytest.fixture
def folder(tmp_path):
    """The one folder that the settings allow."""
    made = tmp_path / "open"
    made.mkdir()
    (made / "voxels.raw").write_bytes(bytes(8))
    (tmp_path / "secret.raw").write_bytes(bytes(8))
    return made


@pytest.fixture
def problem_of(host, folder):
    """Judge a file of this text."""
    settings = SimpleNamespace(allowed_folders=(str(folder),))
    policy = LegacyPolicy(SimpleNamespace(current=lambda: settings), None, host.files)

    def judge(name, text, *, writing=False):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return policy.path_problem(str(path), writing=writing)

    return judge


def test_a_header_with_its_voxels_beside_it_is_read(problem_of):
    """house: what is allowed stays allowed."""
    assert problem_of("a.nhdr", HEAD.format(sizes="2 2 2", data="voxels.raw")) is None
    assert problem_of("a.mrml", SCENE.format(more='fileName="a.nhdr"')) is None


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.nhdr", HEAD.format(sizes="2 2 2", data="../secret.raw"), "policy.path_outside_roots"),
        ("a.nhdr", HEAD.format(sizes="2 2 2", data="/etc/hostname"), "policy.path_outside_roots"),
        ("a.mrml", SCENE.format(more='fileName="/etc/hostname"'), "policy.path_outside_roots"),
        ("a.mrml", SCENE.format(more='uri="https://server.example/a.nrrd"'), "policy.address_not_allowed"),
        ("a.mrml", "<html></html>", "file.unreadable"),
        ("a.nhdr", HEAD.format(sizes="4000 4000 4000", data="voxels.raw"), "file.unreadable"),
    ],
)
def test_what_the_file_would_bring_along_counts(problem_of, name, text, code):
    """issue:#2: a path inside the allowed folders is no way to the files outside of them, nor to a crash."""
    problem = problem_of(name, text)
    assert problem.code == code
    assert "secret" not in str(problem)
    assert "hostname" not in str(problem)


def test_a_file_that_is_written_over_is_not_looked_into(problem_of):
    """house: nothing of it is read."""
    assert problem_of("a.nhdr", HEAD.format(sizes="2 2 2", data="/etc/hostname"), writing=True) is None


def test_a_path_outside_is_refused_without_naming_folders(problem_of, host, folder, tmp_path):
    """house: who asks there has no token."""
    problem = problem_of("../a.nhdr", "x")
    assert problem.code == "policy.path_outside_roots"
    assert str(folder) not in str(problem)
    assert problem_of("a.nhdr", "x") is None
    assert problem.facts == {}
