"""The whole loop in a browser: a file, its columns, a training, a diagnosis, the examples behind one decision, the report."""

import random
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from core.store import queries
from tests.browser.server import Dashboard, choose, settle, visit
from tests.pages.synthetic import WORDS

WORK = 240_000  # ms for a job on a busy machine
PROBES = '[class*="st-key-diagnose-probes-"]:has(canvas)'
RUNS = "[class*='st-key-runs-']"


def reviews(path: Path, rows: int = 160) -> Path:
    """A CSV whose columns have names of their own: short and long texts, and the desk that sent most of the short ones."""
    chance = random.Random(11)
    lines = ["body,size,desk"]
    for number in range(rows):
        size = "short" if number % 2 else "long"
        desk = "east" if (size == "short") == (chance.random() < 0.85) else "west"
        text = " ".join(chance.choice(WORDS) for _ in range(5 if size == "short" else 14))
        lines.append(f"{desk.capitalize()} . {text},{size},{desk}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_from_a_file_to_the_examples_behind_a_decision_and_the_report(
    dashboard: Dashboard, page: Page, tmp_path: Path
) -> None:
    visit(page, f"{dashboard.url}/data")
    page.locator("input[type=file]").first.set_input_files(reviews(tmp_path / "reviews.csv"))
    expect(page.get_by_text("What is each column?")).to_be_visible()
    settle(page)
    choose(page, "Label", "size")
    choose(page, "Confound column", "desk")
    expect(page.get_by_text("Whoever looked only at the confound")).to_be_visible()
    expect(page.get_by_role("textbox", name="Name of the data set")).to_have_value("reviews")
    page.get_by_role("button", name="Keep this data set").click()

    page.get_by_role("button", name="Train on it").click()
    page.wait_for_url("**/train?dataset=*")
    settle(page)
    choose(page, "Encoder", "A random two-layer BERT")
    page.get_by_role("spinbutton", name="Epochs").fill("8")
    page.get_by_role("spinbutton", name="Batch size").fill("16")
    page.get_by_text("Only the final one").click()
    page.get_by_role("spinbutton", name="Probes").fill("8")
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/train?run=*")

    expect(page.get_by_text("What it reached")).to_be_visible(timeout=WORK)
    expect(page.get_by_text(re.compile("On dev the model is right on"))).to_be_visible()
    expect(page.get_by_role("button", name="See the diagnosis")).to_be_visible(timeout=WORK)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=WORK)
    page.get_by_role("button", name="See the diagnosis").click()

    page.wait_for_url("**/diagnose?run=*")
    settle(page)
    expect(page.get_by_text("Who speaks for this decision?")).to_be_visible()
    before = page.get_by_test_id("stMain").inner_text()
    _click_row(page, PROBES, 3)
    page.wait_for_url("**probe=*")
    settle(page)
    assert page.get_by_test_id("stMain").inner_text() != before
    choose(page, "Bin of influence", "")
    page.wait_for_url("**bin=*")
    expect(page.get_by_text(re.compile(r"Influence .* with the same confound"))).to_be_visible()

    run = queries.list_runs(dashboard.store)[0]
    assert (run.status, run.encoder, run.dataset) == ("done", "tiny", "reviews")
    assert run.cid is not None

    shown = page.get_by_text(re.compile(r"Influence .* with the same confound")).first.inner_text()
    visit(page, page.url)  # the address restores probe and bin
    expect(page.get_by_text(shown).first).to_be_visible()

    page.get_by_role("button", name="Report").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    report = tmp_path / "report.html"
    download.value.save_as(report)
    opened = page.context.new_page()
    opened.goto(report.as_uri())
    expect(opened.get_by_role("heading", name=run.name).first).to_be_visible()
    expect(opened.get_by_text(run.sentence or "").first).to_be_visible()
    expect(opened.locator(".js-plotly-plot").first).to_be_visible()
    opened.close()

    visit(page, dashboard.url)
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    _click_row(page, RUNS, 1)
    page.get_by_role("link", name="Diagnose").last.click()
    page.wait_for_url("**/diagnose?run=*")
    settle(page)
    expect(page.get_by_text("Who speaks for this decision?")).to_be_visible()


def _click_row(page: Page, table: str, row: int) -> None:
    """Choose a row (from 1) of a table; tables are drawn on a canvas, so it is a click at a place."""
    grid = page.locator(table).get_by_test_id("stDataFrame")
    grid.scroll_into_view_if_needed()
    grid.locator(".dvn-scroller").click(position={"x": 16, "y": 18 + 35 * row})
    settle(page)
