"""Examples in the documentation do what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

import serve_host
from AgentBridgeLib.policy.capabilities import CAPABILITIES
from AgentBridgeLib.registry.catalog import Catalog

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [Path("README.md"), *(path.relative_to(CHECKOUT) for path in sorted(CHECKOUT.glob("docs/**/*.md")))]
STRICT = 'set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body "$@"; echo; }\n'
PREAMBLE = """
from typing import Literal
from pydantic import Field
from AgentBridgeLib.dispatch.context import OperationContext
from AgentBridgeLib.model.base import Arguments, SceneResult
from AgentBridgeLib.model.fields import VolumeId
from AgentBridgeLib.registry.operation import operation

class VolumeDescription(SceneResult):
    pass
"""


def blocks(page: str, language: str) -> list[str]:
    """Give the code blocks of a page that are written in this language."""
    text = CHECKOUT.joinpath(page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Give what a link to a place on the page may name: headings as GitHub names them, and explicit anchors."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#+ +(.*?)\s*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", shown).replace(" ", "-"))
    return found


def links(page: Path) -> list[str]:
    """Give the relative links of a page."""
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [link for link in found if "://" not in link]


@pytest.mark.needs("curl")
def test_first_session_of_the_readme_works_as_written(start_bridge, tmp_path):
    """issue:#2: the README's curl session"""
    session = next(block for block in blocks("README.md", "sh") if "TOKEN=..." in block)
    client = start_bridge(is_empty=False).client
    script = session.replace("URL=http://127.0.0.1:2016/agent/v1", f"URL={client.base_url}")
    script = script.replace("TOKEN=...", f"TOKEN={client.token}")
    ran = subprocess.run(
        ["bash", "-c", STRICT + script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "axial.png").read_bytes().startswith(b"\x89PNG")
    assert '"length"' in ran.stdout


def test_example_operation_of_the_manual_is_accepted_by_the_catalogue():
    """house: how to add an operation"""
    example = next(block for block in blocks("docs/ARCHITECTURE.md", "python") if "@operation" in block)
    space: dict = {"__name__": "example"}
    exec(compile(PREAMBLE + example, "ARCHITECTURE.md", "exec", dont_inherit=True), space)
    catalog = Catalog(CAPABILITIES)
    catalog.add([space["flip"]])
    assert catalog.get("volumes.flip").mark.route.path == "/volumes/{volume_id}/flip"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_between_pages_lead_somewhere(page):
    """house"""
    here = CHECKOUT / page
    for link in links(here):
        assert (here.parent / link).exists(), f"{page} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_to_a_place_on_a_page_find_it(page):
    """house: as GitHub names headings."""
    here = CHECKOUT / page
    for link, place in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", here.read_text(encoding="utf-8")):
        target = here.parent / link if link else here
        if "://" not in link and target.suffix == ".md":
            assert place in anchors(target), f"{page} links to {link}#{place}"


def test_a_heading_is_found_as_github_names_it(tmp_path):
    """house: dots and slashes go, spaces become hyphens, code blocks have no headings."""
    page = tmp_path / "page.md"
    page.write_text(
        '# Way of `a.b` / [c](d.md)\n```sh\n# no heading\n```\n<a id="x.y"></a>\n', encoding="utf-8"
    )
    assert anchors(page) == {"way-of-ab--c", "x.y"}


def test_what_serve_prints_fills_the_variables_of_the_readme(capsys):
    """issue:#2 the examples of the README begin with URL and TOKEN."""
    bridge = SimpleNamespace(url="http://127.0.0.1:2016/agent/v1", token="secret")
    serve_host.announce(bridge, Path("/settings/AgentBridge"), has_brain=True)
    printed = capsys.readouterr().out.splitlines()
    assert {"URL=http://127.0.0.1:2016/agent/v1", "TOKEN=secret"} <= set(printed)
    assert any(
        line.endswith("agentbridge_stdio.py --folder /settings/AgentBridge --check") for line in printed
    )
    assert printed[-1].startswith("AgentBridge ready: ")
