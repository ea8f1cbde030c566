"""The very first visit to a fresh server may be any address: it must run the navigation and show the page within the app."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.server import serving, visit


def test_a_deep_link_is_the_first_visit(tmp_path: Path, page: Page) -> None:
    with serving(tmp_path / "home", UNCONFOUND_DEMO="false") as fresh:
        visit(page, f"{fresh.url}/jobs?job=nothing")
        expect(page.get_by_text("There is no such job")).to_be_visible()
        assert page.get_by_text("Page not found").count() == 0
        for title in ("Overview", "Data", "Train", "Diagnose", "Tune", "Compare", "Try", "Jobs"):
            expect(page.get_by_role("link", name=title, exact=True).first).to_be_visible()
        assert page.url.endswith("/jobs?job=nothing")
        page.goto("about:blank")
