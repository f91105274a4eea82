"""The documentation page in a browser: under the strict CSP, from this server alone."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

SCRIPTS = ("swagger-ui-bundle.js", "rest/docs.js")
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; Django would take every query for async.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_page()
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.mark.django_db
def test_page_has_the_strict_policy_and_no_inline_code_when_asked_for() -> None:
    answer = Client().get("/api/v1/docs/")
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    html = answer.content.decode()
    assert "<style" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<script src=") == html.count("<script") == len(SCRIPTS)


@pytest.mark.browser
@pytest.mark.skipif(
    not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None,
    reason="Chromium or playwright is not installed",
)
def test_operations_are_readable_when_opened_in_chromium(live_server: Any, page: Any) -> None:
    complaints: list[str] = []
    addresses: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"{live_server.url}/api/v1/docs/")
    page.get_by_text("/api/v1/enrollment/tokens", exact=True).first.wait_for(timeout=60_000)
    page.locator("#operations-enrollment-enrollment_tokens_create").click()
    page.get_by_text("max_uses").first.wait_for()
    assert complaints == []
    assert all(a.startswith((live_server.url, "data:", "blob:")) for a in addresses), addresses
