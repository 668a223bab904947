"""The official conformance suite and the official inspector, as they come from npm, pinned."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from components import component
from mcp_client import McpHost

NODE = "node@22"
CONFORMANCE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
SENDS_TOKEN = Path(__file__).resolve().parents[1] / "send_token.mjs"
DEADLINE_S = 300


def npx(package, command, *arguments, **environment):
    """Run a program of an npm package on Node 22; the first run downloads both."""
    program = [str(component("npx").find()), "--yes", "-p", NODE, "-p", package, command]
    return subprocess.run(
        [*program, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module", params=["--fixtures", "--web-server"])
def a_fixture_host(request, tmp_path_factory):
    """A host on the bridge's own listener, and one on Slicer's web server."""
    with McpHost(tmp_path_factory.mktemp("mcp"), "--fixtures", request.param) as host:
        yield host


@pytest.fixture(scope="module")
def a_product_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views") as host:
        yield host


@pytest.mark.needs("npx")
@pytest.mark.parametrize(("version", "least_checks"), [("2025-11-25", 83), ("2026-07-28", 196)])
def test_every_check_of_the_conformance_suite_passes(a_fixture_host, tmp_path, version, least_checks):
    """mcp: modelcontextprotocol/conformance, required and unscored scenarios (tasks among them); with a token."""
    run = npx(
        CONFORMANCE,
        "conformance",
        "server",
        "--url",
        a_fixture_host.url,
        "--requirements",
        version,
        "-o",
        tmp_path,
        AGENTBRIDGE_TOKEN=a_fixture_host.token,
        NODE_OPTIONS=f"--import {SENDS_TOKEN.as_uri()}",
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    checks = [check for path in tmp_path.glob("**/checks.json") for check in json.loads(path.read_text())]
    failed = [check for check in checks if check["status"] == "FAILURE"]
    assert failed == []
    assert len([check for check in checks if check["status"] == "SUCCESS"]) >= least_checks


@pytest.mark.needs("npx")
@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
def test_the_inspector_finds_no_schema_that_a_client_could_stumble_over(a_product_host, era):
    """mcp: inspector --strict exits 6 for a schema that is not portable, 3 without the right token."""
    header = f"Authorization: Bearer {a_product_host.token}"
    run = npx(
        INSPECTOR,
        "mcp-inspector",
        "--cli",
        a_product_host.url,
        *(
            "--transport",
            "http",
            "--header",
            header,
            "--protocol-era",
            era,
            "--method",
            "tools/list",
            "--strict",
        ),
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert "scene_summary" in run.stdout
