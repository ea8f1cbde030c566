"""A newcomer and an empty store: one button leads to a run that can be watched and stopped."""

import re
from contextlib import suppress

from playwright.sync_api import Page, expect

from core.store import queries
from tests.browser.server import PATIENCE, Dashboard, visit

WORK = 180_000  # ms for a job on a busy machine


def test_start_with_the_sample_leads_to_a_live_run_that_can_be_cancelled(dashboard: Dashboard, page: Page) -> None:
    visit(page, dashboard.url)
    assert page.get_by_test_id("stBaseButton-primary").count() == 1
    page.get_by_role("button", name="Start with the sample").click()
    page.wait_for_url("**/train?run=*")
    jobs = queries.list_jobs(dashboard.store)
    assert sorted(job.kind for job in jobs) == ["diagnose", "train"]

    expect(page.get_by_text(re.compile(r"\d+ % · Epoch 1 of 10"))).to_be_visible(timeout=WORK)
    expect(page.get_by_text("Waiting for its turn")).to_be_visible()

    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_text("Worker alive")).to_be_visible()
    expect(page.get_by_text("Waiting (1)")).to_be_visible()
    page.get_by_role("button", name="Cancel").first.click()
    expect(page.get_by_text("Nothing runs at the moment.")).to_be_visible(timeout=WORK)
    assert {job.status for job in queries.list_jobs(dashboard.store)} == {"cancelled"}

    # Streamlit loses a change of page in whose moment a part of the old one is due to be drawn anew; people click again.
    for patience in (5_000, 5_000, PATIENCE):
        page.get_by_role("link", name="Overview", exact=True).click()
        with suppress(AssertionError):
            expect(page.get_by_role("heading", name="Runs")).to_be_visible(timeout=patience)
            break
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
