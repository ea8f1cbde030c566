"""The dashboard and its worker as processes that see Windows; see tests/systems/windows/sitecustomize.py."""

from pathlib import Path

from playwright.sync_api import Page, expect

from core.store import queries
from tests.browser.server import serving, settle, visit
from tests.systems.playing import WINDOWS


def test_the_dashboard_comes_up_with_its_worker_and_shows_the_overview(tmp_path: Path, page: Page) -> None:
    with serving(tmp_path / "home", **WINDOWS) as dashboard:
        visit(page, dashboard.url)
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        expect(page.get_by_text("This page stopped on an error of ours")).to_have_count(0)
        for name in ("Data", "Train", "Diagnose", "Tune", "Compare", "Try", "Jobs"):
            page.get_by_role("link", name=name, exact=True).first.click()
            settle(page)
            expect(page.get_by_text("This page stopped on an error of ours")).to_have_count(0)
        assert len(queries.live_workers(dashboard.store)) == 1
        page.get_by_text("Worker alive").wait_for()
