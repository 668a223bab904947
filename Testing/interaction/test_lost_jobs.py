"""Slicer ends in the middle of a job: a client that asks the next Slicer for it learns what became of it."""

from __future__ import annotations


def start_smoothing(client, name, sigma_mm=2.0):
    volume = client.get("/volumes").expect().json()["items"][0]["id"]
    return client.start_job("volumes.smooth", volume_id=volume, sigma_mm=sigma_mm, name=name)


def test_job_that_a_crash_cut_off_is_lost_and_one_that_had_ended_is_not(start_bridge, tmp_path):
    """users-ask: 17, a restart can tell what was lost"""
    first = start_bridge(folder=tmp_path, is_empty=False)
    ended = first.client.wait_for_job(start_smoothing(first.client, "a")["id"])
    assert ended["state"] == "succeeded"
    running = start_smoothing(first.client, "b", sigma_mm=8.0)
    assert running["state"] in {"queued", "running"}
    first.process.kill()
    first.process.wait()

    second = start_bridge(folder=tmp_path)
    lost = second.client.get(f"/jobs/{running['id']}")
    assert lost.status == 410
    assert lost.json()["code"] == "job.lost"
    assert "volumes.smooth" in lost.json()["detail"]
    assert lost.json()["retryable"] is False
    old = second.client.get(f"/jobs/{ended['id']}/result")
    assert old.json()["code"] == "job.expired"
    assert second.client.get("/jobs/0123456789abcdef").json()["code"] == "job.unknown"
