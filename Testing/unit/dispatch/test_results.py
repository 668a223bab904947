"""Results of jobs are kept as they were, and leave no file behind."""

from __future__ import annotations

import numpy as np
import pytest

from AgentBridgeLib.dispatch.call import Done
from AgentBridgeLib.dispatch.results import IN_MEMORY_BYTES, ResultStore
from AgentBridgeLib.errors import JobExpiredError, StorageFailedError
from AgentBridgeLib.model.content import Content


@pytest.fixture
def store(tmp_path):
    made = ResultStore(lambda: str(tmp_path))
    yield made
    made.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [10, IN_MEMORY_BYTES + 1])
def test_voxels_are_kept_as_they_were_when_the_job_ended(store, size):
    """http: section 3"""
    voxels = np.arange(size, dtype=np.uint8)
    store.put("j", Done(Content("application/octet-stream", [b"head", memoryview(voxels)])))
    voxels[:] = 0
    kept = store.get("j").payload
    assert b"".join(map(bytes, kept.parts)) == b"head" + np.arange(size, dtype=np.uint8).tobytes()


def test_large_result_is_a_private_file_that_goes_with_its_job(store, tmp_path):
    """http: section 3"""
    store.put("j", Done(Content("application/octet-stream", [bytes(IN_MEMORY_BYTES + 1)])))
    store.settle("j")
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    store.drop("j")
    assert not file.exists()
    with pytest.raises(JobExpiredError):
        store.get("j")


def test_result_that_cannot_be_kept_is_a_failure_of_the_job(tmp_path):
    """house: full or missing disk"""
    store = ResultStore(lambda: str(tmp_path / "missing"))
    with pytest.raises(StorageFailedError):
        store.put("j", Done(Content("application/octet-stream", [bytearray(IN_MEMORY_BYTES + 1)])))


def test_large_bytes_wait_in_memory_until_they_are_settled(store, tmp_path):
    """house: what the client gets at once is never written to disk"""
    data = bytes(IN_MEMORY_BYTES + 1)
    store.put("j1", Done(Content("application/dicom", [data, memoryview(data)[:10]])))
    assert list(tmp_path.iterdir()) == []
    store.settle("j1")
    assert len(list(tmp_path.iterdir())) == 1
    assert bytes(store.get("j1").payload.parts[0]) == data + data[:10]


def test_delivered_large_result_is_forgotten_and_a_small_one_kept(store, tmp_path):
    """house"""
    for name, size in (("large", IN_MEMORY_BYTES + 1), ("small", 10)):
        store.put(name, Done(Content("application/dicom", [bytes(size)])))
        store.delivered(name)
        store.settle(name)
    assert list(tmp_path.iterdir()) == []
    assert store.get("small").size == 10
    with pytest.raises(JobExpiredError):
        store.get("large")
