"""The very first visit to a fresh server may be any address: it must run the navigation and show the page within the app."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import Dashboard, serving, visit

PAGES = {
    "": "Unconfound",
    "data": "Data",
    "train": "Train",
    "diagnose": "Diagnose",
    "tune": "Tune",
    "compare": "Compare",
    "try": "Try",
    "jobs": "Jobs",
}


def test_a_deep_link_is_the_first_visit(tmp_path: Path, page: Page) -> None:
    with serving(tmp_path / "home", UNCONFOUND_DEMO="false") as fresh:
        visit(page, f"{fresh.url}/jobs?job=nothing")
        expect(page.get_by_text("There is no such job")).to_be_visible()
        assert page.get_by_text("Page not found").count() == 0
        for title in ("Overview", "Data", "Train", "Diagnose", "Tune", "Compare", "Try", "Jobs"):
            expect(page.get_by_role("link", name=title, exact=True).first).to_be_visible()
        assert page.url.endswith("/jobs?job=nothing")
        page.goto("about:blank")


@pytest.mark.parametrize(("address", "title"), PAGES.items())
def test_every_page_has_an_address_fits_the_window_and_needs_no_other_server(
    dashboard: Dashboard, page: Page, address: str, title: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visit(page, f"{dashboard.url}/{address}")
    expect(page.get_by_role("heading", name=title).first).to_be_visible()
    assert page.get_by_text("Page not found").count() == 0
    assert page.get_by_text("stopped on an error").count() == 0
    for width, scheme in ((1280, "dark"), (1024, "light"), (390, "dark")):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(300)
        wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert wide <= width, f"{wide} px wide in a window of {width}"
    assert [url for url in asked if not url.startswith((dashboard.url, "data:", "blob:"))] == []
