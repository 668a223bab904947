"""The documentation page in a real browser."""

from __future__ import annotations

import pytest

from components import component

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        started = tool.chromium.launch(executable_path=str(component("chromium").find()), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    opened.asked = []
    opened.faults = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda fault: opened.faults.append(str(fault)))
    yield opened
    opened.close()


def show(page, client, token):
    page.goto(f"{client.base_url}/docs")
    page.fill("#token", token)
    page.click("button[type=submit]")


def test_page_shows_every_family_and_asks_no_other_computer(a_bridge, page):
    """http: section 2, no network"""
    show(page, a_bridge, a_bridge.token)
    page.wait_for_selector("text=volumes")
    text = page.inner_text("#api")
    assert all(family in text for family in ("scene", "nodes", "segmentations", "views", "service"))
    here = f"http://127.0.0.1:{a_bridge.port}/"
    assert [url for url in page.asked if not url.startswith((here, "data:"))] == []
    assert page.faults == []


def test_request_tried_from_the_page_is_answered(a_bridge, page):
    """house: the page's own origin may call"""
    show(page, a_bridge, a_bridge.token)
    page.click("#operations-tag-scene")
    block = page.locator("[id$='.summary']")
    block.locator(".opblock-summary-control").click()
    block.locator(".try-out__btn").click()
    block.locator(".execute").click()
    answer = block.locator(".live-responses-table")
    answer.wait_for()
    assert "node_count" in answer.inner_text()


def test_wrong_token_is_told_on_the_page(a_bridge, page):
    """house"""
    show(page, a_bridge, "wrong")
    page.locator("#problem", has_text="token").wait_for()  # no script of ours: the page's policy allows none


def test_without_the_optional_package_the_page_is_a_plain_listing(a_bridge, page):
    """http: section 2; ADR 7"""
    page.route("**/swagger-ui*", lambda route: route.abort())
    show(page, a_bridge, a_bridge.token)
    page.wait_for_selector(".listing details")
    listed = a_bridge.get("/openapi.json").json()["paths"]
    assert page.locator(".listing details").count() == sum(map(len, listed.values()))
