"""The audit log on disk shows who touched it, keeps its place and never stops a call."""

from __future__ import annotations

import json
import os
import stat

import pytest

from AgentBridgeLib.dispatch.audit import AuditLog
from AgentBridgeLib.dispatch.audit_file import FIRST, AuditFile, files, verify
from AgentBridgeLib.dispatch.context import Caller
from AgentBridgeLib.policy.identifiers import Redactor


@pytest.fixture
def log(tmp_path):
    made = AuditFile(str(tmp_path / "audit"))
    for number in range(5):
        made.append({"number": number, "operation": "nodes.list"})
    yield made
    made.close()


def rewrite(path, change):
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(change(lines)), encoding="utf-8")


def test_untouched_log_is_intact_and_private(log):
    """issue:#4"""
    assert verify(log.path) == []
    if os.name == "posix":
        assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert json.loads(log.path.read_text(encoding="utf-8").splitlines()[0])["previous"] == FIRST


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda lines: [
                line.replace("nodes.list", "nodes.lost") if '"number":2,' in line else line for line in lines
            ],
            "line 3 was changed",
        ),
        (lambda lines: lines[:2] + lines[3:], "before line 3"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "before line 2"),
        (lambda lines: [*lines[:2], "{}\n", *lines[2:]], "line 3"),
        (lambda lines: [*lines[:2], "not json\n", *lines[2:]], "line 3 is unreadable"),
    ],
)
def test_tampering_shows(log, change, said):
    """issue:#4"""
    rewrite(log.path, change)
    assert said in verify(log.path)[0]


def test_large_file_is_continued_and_the_chain_goes_on(tmp_path):
    """issue:#4: rotated"""
    log = AuditFile(str(tmp_path), largest_bytes=300, most_files=3)
    for number in range(12):
        log.append({"number": number})
    log.close()
    kept = list(files(str(tmp_path)))
    assert len(kept) == 3
    ends = [json.loads(path.read_text().splitlines()[-1])["digest"] for path in kept]
    begins = [json.loads(path.read_text().splitlines()[0])["previous"] for path in kept]
    assert begins[1:] == ends[:-1]
    assert all(verify(path) == [] for path in kept)


@pytest.fixture
def rotated(tmp_path):
    """A log whose run has filled several files."""
    made = AuditFile(str(tmp_path), largest_bytes=300, most_files=5)
    for number in range(8):
        made.append({"number": number})
    assert len(list(files(str(tmp_path)))) > 3
    yield made
    made.close()


def test_files_of_a_run_are_checked_to_the_last_line_that_was_written(rotated, tmp_path):
    """issue:#4: rotated files belong to one chain; what an earlier run left is its own"""
    (tmp_path / "audit-20200101T000000Z-1-001.jsonl").write_text("{}")
    assert rotated.check() == []
    rotated.append({"number": 8})
    assert rotated.check() == []


def test_run_whose_oldest_files_made_room_is_intact(tmp_path):
    """issue:#4"""
    log = AuditFile(str(tmp_path), largest_bytes=300, most_files=3)
    for number in range(12):
        log.append({"number": number})
    assert log.check() == []
    log.close()


@pytest.mark.parametrize("which", [0, 1, -1])
def test_file_of_a_run_that_is_gone_shows(rotated, tmp_path, which):
    """issue:#4"""
    list(files(str(tmp_path)))[which].unlink()
    assert rotated.check()


def test_lines_cut_off_at_the_end_show_while_the_run_lasts(log):
    """issue:#4"""
    rewrite(log.path, lambda lines: lines[:-1])
    assert "lines at the end were removed" in log.check()[0]


@pytest.mark.skipif(os.name != "posix", reason="house: Windows keeps access in lists that this does not read")
def test_file_that_others_may_read_shows(log):
    """issue:#4: 0600"""
    log.path.chmod(0o644)
    assert "others on this computer may read it" in log.check()[0]


def test_log_without_a_line_is_intact(tmp_path):
    """house"""
    assert AuditFile(str(tmp_path)).check() == []


def test_log_that_cannot_be_written_costs_no_call(tmp_path):
    """house: a full disk"""
    (tmp_path / "taken").write_text("a file where the folder should be")
    log = AuditLog(lambda: 0.0, file=AuditFile(str(tmp_path / "taken")))
    log.note(Caller("curl", "r", "listener"), "nodes.list", "allow", "succeeded")
    assert "could not be written" in log.file.problem
    assert log.page(None, 10)[1] == 1


def test_what_a_client_calls_itself_or_asks_for_is_covered_before_it_is_written(tmp_path):
    """issue:#4: never containing identifiers"""
    file = AuditFile(str(tmp_path))
    log = AuditLog(
        lambda: 0.0, redactor=lambda: Redactor("hide", {"DOE^JANE": "PatientName"}, b"k"), file=file
    )
    log.note(Caller("for Jane Doe", "doe-jane-1", "listener"), "nodes.DOE", "refused", "operation.unknown")
    file.close()
    text = file.path.read_text().lower()
    assert "jane" not in text
    assert "doe" not in text
