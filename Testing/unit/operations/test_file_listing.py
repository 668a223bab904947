"""What lies in the allowed folders."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from AgentBridgeLib.errors import FileMissingError, FileUnreadableError
from AgentBridgeLib.operations.scene import files
from AgentBridgeLib.operations.scene.file_listing import FolderArguments, list_files


@pytest.fixture
def a_folder(tmp_path):
    """Two scans, a note, a folder, a hidden file, and a link to what lies elsewhere."""
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    for name, size in (("b.nii.gz", 3), ("A.NII.GZ", 5), ("note.txt", 0), (".hidden", 1)):
        (folder / name).write_bytes(b"x" * size)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 77)
    (folder / "way out").symlink_to(secret)
    return folder


def named(context, **arguments):
    return [entry.name for entry in list_files(context, FolderArguments(**arguments)).items]


def test_a_folder_is_listed_by_name_with_sizes(context, a_folder):
    """issue:#5 an agent works through a folder of scans; what a link leads to is not told."""
    page = list_files(context, FolderArguments(path=str(a_folder)))
    facts = [(entry.name, entry.is_folder, entry.size_bytes) for entry in page.items]
    assert facts == [
        ("A.NII.GZ", False, 5),
        ("b.nii.gz", False, 3),
        ("more", True, None),
        ("note.txt", False, 0),
        ("way out", False, None),
    ]
    assert page.items[0].path == str(a_folder / "A.NII.GZ")
    assert page.total == 5


def test_a_pattern_and_pages_choose_from_it(context, a_folder):
    """house: every list is bounded and paged."""
    assert named(context, path=str(a_folder), name="*.nii.gz") == ["A.NII.GZ", "b.nii.gz"]
    first = list_files(context, FolderArguments(path=str(a_folder), limit=3))
    assert named(context, path=str(a_folder), cursor=first.next_cursor) == ["note.txt", "way out"]


def test_without_a_path_the_allowed_folders_are_listed(context, a_folder):
    """users-ask: 20, nobody has to guess where files may lie."""
    allowing = replace(context, settings=SimpleNamespace(allowed_folders=(str(a_folder),)))
    (entry,) = list_files(allowing, FolderArguments()).items
    assert (entry.path, entry.is_folder) == (str(a_folder), True)


def test_what_is_no_folder_is_told(run, context, a_folder):
    """house: errors say what to do next."""
    for path in (a_folder / "none", a_folder / "note.txt"):
        with pytest.raises(FileMissingError, match="Without `path`"):
            named(context, path=str(path))
    with pytest.raises(FileUnreadableError, match=r"files\.list"):
        run(files.load_file(context, files.LoadArguments(path=str(a_folder))))
