"""Taking things home in a real browser: the files arrive and are what they say."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, Page, expect

from core.settings import Settings
from core.store.engine import open_store
from tests.browser.server import Dashboard, serving, settle, visit
from tests.pages import synthetic
from tests.reports.test_model_export import STEP, trained


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A run with a real checkpoint and a diagnosis."""
    home = tmp_path_factory.mktemp("home")
    store = open_store(Settings(home=home, database_url=None))
    store.migrate()
    run = trained(store, synthetic.add_dataset(store, "headlines", n_train=300, n_dev=80), "mine")
    synthetic.add_diagnosis(store, run, step=STEP, effect=0.3, probes=8)
    with serving(home, UNCONFOUND_DEMO="false") as running:
        yield running


def caught(page: Page, button: Locator) -> Download:
    expect(button).to_be_visible()
    with page.expect_download() as download:
        button.click()
    return download.value


def test_report_and_model_of_a_run(dashboard: Dashboard, page: Page) -> None:
    visit(page, f"{dashboard.url}/train?run=mine")
    model = caught(page, page.get_by_role("button", name="Model", exact=False).first)
    assert model.suggested_filename == "mine-step-240.zip"
    with zipfile.ZipFile(model.path()) as archive:
        assert archive.testzip() is None
        assert "mine/model.safetensors" in archive.namelist()
    page.get_by_role("button", name="Report").click()
    report = caught(page, page.get_by_role("button", name="Download the report"))
    assert report.suggested_filename == "mine-report.html"
    text = Path(report.path()).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<blockquote" in text
    page.get_by_text("With the texts of probes, shortened").click()
    settle(page)
    without = caught(page, page.get_by_role("button", name="Download the report"))
    assert "<blockquote" not in Path(without.path()).read_text(encoding="utf-8")


def test_a_figure_is_saved_as_the_visitor_chose(dashboard: Dashboard, page: Page) -> None:
    visit(page, f"{dashboard.url}/diagnose?run=mine")
    for format, beginning in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        page.get_by_role("radio", name=format).click()
        settle(page)
        page.wait_for_timeout(1000)  # the figure before it is taken away
        figure = page.locator(".st-key-diagnose-course:not([data-stale=true])")
        figure.hover()
        page.wait_for_timeout(300)
        saved = caught(page, figure.locator(".modebar-btn[data-title*='Download']"))
        assert saved.suggested_filename == f"mine-cid-over-training.{format.lower()}"
        content = Path(saved.path()).read_bytes()
        assert content.startswith(beginning)
        assert len(content) > 5_000
