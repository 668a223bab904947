"""What docs/mcp.md says is true: its table is executed, its configurations are read."""

import json
import re
from pathlib import Path

import pytest

from mcp_client import McpHost

MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
TABLE = MANUAL.partition("<!-- superset: begin -->")[2].partition("<!-- superset: end -->")[0]
ROW = re.compile(r"^\| (?P<theirs>[^|]+) \| `(?P<tool>\w+)`[^|]*\| `(?P<arguments>\{.*\})` \|$", re.MULTILINE)
ROWS = [match.groupdict() for match in ROW.finditer(TABLE)]
THEIRS = {
    *(
        "slicer-skill " + name
        for name in ("list_nodes", "get_node_properties", "execute_python", "screenshot")
    ),
    *("slicer-skill " + name for name in ("write_file", "read_file", "load_sample_data")),
    *("mcp-slicer " + name for name in ("list_nodes", "execute_python_code", "capture_screenshot")),
}


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    allowed = ("python.execute", "files.write", "network")
    grants = [option for name in allowed for option in ("--grant", f"{name}=allow")]
    folder = tmp_path_factory.mktemp("allowed")
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views", *grants, "--allow-folder", str(folder)) as host:
        host.allowed = folder
        yield host


@pytest.fixture
def a_volume(a_host, a_brain_file):
    copy = a_host.allowed / "brain.nii.gz"
    copy.write_bytes(a_brain_file.read_bytes())
    (a_host.allowed / "notes.txt").write_text("words", encoding="utf-8")
    agent = a_host.client()
    return settled(agent, agent.call("files_load", {"path": str(copy), "name": "brain"}))["nodes"][0]["id"]


def settled(agent, reply):
    assert not reply.result.get("isError"), reply.text
    content = reply.result.get("structuredContent", {})
    while "job" in content:
        job_id = content["job"]["id"]
        agent.value("jobs_get", {"job_id": job_id, "wait_s": 20})
        content = agent.value("jobs_result", {"job_id": job_id})
    return content or reply.result


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["theirs"])
def test_every_row_of_the_table_works(a_host, a_volume, row):
    """issue:#5 a superset of what users hold today, each row executed."""
    agent = a_host.client()
    samples = agent.value("operations_run", {"operation": "sample_data.list"})["items"]
    text = row["arguments"].replace("VOLUME", a_volume).replace("FOLDER", a_host.allowed.as_posix())
    text = text.replace("SAMPLE", samples[0]["name"])
    assert settled(agent, agent.call(row["tool"], json.loads(text)))


def test_the_table_has_every_tool_of_both_servers():
    """issue:#5 seven tools and three."""
    names = {re.match(r"([\w-]+) `(\w+)`", row["theirs"]).expand(r"\1 \2") for row in ROWS}
    assert names == THEIRS
