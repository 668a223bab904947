"""What the audit log of other runs says of a job."""

from __future__ import annotations

import os

import pytest

from AgentBridgeLib.dispatch.audit_file import AuditFile
from AgentBridgeLib.dispatch.earlier_runs import EarlierRuns
from AgentBridgeLib.errors import JobExpiredError, JobLostError, JobUnknownError


@pytest.fixture
def log(tmp_path):
    """A log in which the job j1 was accepted."""
    file = AuditFile(str(tmp_path))
    file.append({"job_id": "j1", "operation": "volumes.smooth", "outcome": "accepted", "time": "2026-01-02"})
    yield file
    file.close()


def fate(log, job_id="j1", *, alive=()):
    return EarlierRuns(str(log.path.parent), lambda process: process in alive).fate(job_id)


def test_job_whose_slicer_is_gone_is_lost(log):
    """users-ask: 17"""
    error = fate(log)
    assert isinstance(error, JobLostError)
    assert "volumes.smooth, accepted 2026-01-02" in error.message.replace("(", "").replace(")", "")


def test_job_of_another_slicer_that_runs_is_not_called_lost(log):
    """users-ask: 6, several instances at once"""
    error = fate(log, alive=[os.getpid()])
    assert isinstance(error, JobUnknownError)
    assert f"process {os.getpid()}" in error.message


@pytest.mark.parametrize("outcome", ["succeeded", "canceled", "argument.invalid"])
def test_job_that_had_ended_is_told_with_its_outcome(log, outcome):
    """users-ask: 17"""
    log.append({"job_id": "j1", "operation": "volumes.smooth", "outcome": outcome, "time": "2026-01-03"})
    error = fate(log)
    assert isinstance(error, JobExpiredError)
    assert f"'{outcome}'" in error.message


@pytest.mark.parametrize("job_id", ["j2", "accepted", "", "\udcff"])
def test_what_is_no_job_of_the_log_stays_unknown(log, job_id):
    """house: the text of another entry is no match"""
    assert fate(log, job_id) is None


def test_log_that_was_cut_in_its_last_line_still_tells(log):
    """house: a crash may cut the last line"""
    with log.path.open("ab") as file:
        file.write(b'{"job_id": "j1", "outco')
    assert isinstance(fate(log), JobLostError)


def test_without_a_log_nothing_is_known(tmp_path):
    """house"""
    assert EarlierRuns(str(tmp_path / "none"), lambda _: False).fate("j1") is None
