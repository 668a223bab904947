"""Clients that people really use; the bodies of some of them never reach the handlers of Slicer's own server."""

from __future__ import annotations

import json
import os
import subprocess

import httpx
import pytest

LINE = {"type": "line", "points_ras": [[0, 0, 0], [3, 4, 0]]}
NODE = """
const [url, token] = process.argv.slice(1);
const headers = {Authorization: `Bearer ${token}`, "Content-Type": "application/json"};
(async () => {
  const made = await fetch(`${url}/markups`, {method: "POST", headers, body: process.env.BODY});
  const node = await made.json();
  const all = await Promise.all([...Array(20)].map(() => fetch(`${url}/markups/${node.id}`, {headers})));
  const lengths = await Promise.all(all.map(async (answer) => (await answer.json()).length_mm));
  console.log(JSON.stringify({status: made.status, lengths}));
})();
"""


def test_httpx_keeps_its_connection_and_sends_bodies_in_chunks(a_bridge):
    """http: chunked bodies, keep-alive"""
    headers = {"Authorization": f"Bearer {a_bridge.token}", "Content-Type": "application/json"}

    def pieces():
        text = json.dumps(LINE).encode()
        yield text[:10]
        yield text[10:]

    with httpx.Client(base_url=a_bridge.base_url, headers=headers) as client:
        made = client.post("/markups", content=pieces())
        assert made.status_code == 201, made.text
        assert made.json()["length_mm"] == pytest.approx(5.0)
        for _ in range(3):
            assert client.get(f"/markups/{made.json()['id']}").status_code == 200


@pytest.mark.needs("node")
def test_node_fetch_gets_its_body_through_and_its_answers_in_parallel(a_bridge):
    """slicer: Node sends header names in lower case; Slicer's own server loses such bodies"""
    ran = subprocess.run(
        ["node", "-e", NODE, a_bridge.base_url, a_bridge.token],
        env={"PATH": os.environ["PATH"], "BODY": json.dumps(LINE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["status"] == 201
    assert answer["lengths"] == pytest.approx([5.0] * 20)


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    "more", [[], ["--http1.0"], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]]
)
def test_curl_in_its_moods_gets_its_body_through(a_bridge, more):
    """issue:#2: framing"""
    command = ["curl", "-sS", "--max-time", "20", *more]
    command += ["-H", f"Authorization: Bearer {a_bridge.token}", "-H", "Content-Type: application/json"]
    command += ["-d", json.dumps(LINE), f"{a_bridge.base_url}/markups"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(ran.stdout)["length_mm"] == pytest.approx(5.0), ran.stdout + ran.stderr
