"""Overview in a real browser: many runs, a note that attacks, a deletion that is taken back after a reload."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.actions.annotating import set_note
from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from core.store.tables import Evaluation, Metric, Run, new_id
from tests.browser.server import Dashboard, serving, settle, show, visit
from tests.pages import synthetic
from tests.pages.visits import keep

ATTACK = """# Loud
<script>window.attacked = 1</script> <img src=x onerror="window.attacked = 2">
![pixel](http://tracker.invalid/pixel.png) [bank](javascript:window.attacked=3) :red[alarm] :material/home: :smile:

- see [the plan](https://example.org/plan) and https://example.org/bare
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over 500 runs with their courses."""
    home = tmp_path_factory.mktemp("many")
    store = open_store(Settings(home=home))
    store.migrate()
    dataset = keep(store, n_train=60, n_dev=20)
    first = synthetic.add_run(store, dataset, "noted", steps=(10,))
    report = queries.evaluations(store, first.id)[0].report
    set_note(store, first, ATTACK)
    with store.writing() as session:
        for number in range(1, 500):
            run = Run(
                id=new_id(),
                name=f"run {number}",
                dataset_id=dataset.id,
                method="finetune",
                encoder="minilm",
                seed=number,
                config={},
                data_sha256=dataset.sha256,
                status="done",
            )
            session.add(run)
            session.flush()
            session.add(
                Evaluation(run_id=run.id, step=10, split="dev", n=20, accuracy=0.8, worst_cell=0.5, report=report)
            )
            session.add_all(
                Metric(run_id=run.id, name="dev_accuracy", step=step, value=step / 200) for step in range(0, 200, 10)
            )
    store.engine.dispose()
    with serving(home, UNCONFOUND_DEMO="false") as running:
        yield running


def test_a_note_shows_its_words_and_does_nothing(many: Dashboard, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    run = queries.get_run(many.store, "noted")
    for address in (f"/?find=noted&chosen={run.id}", f"/train?run={run.id}"):
        visit(page, many.url + address)
        note = page.get_by_text("window.attacked = 1")
        expect(note).to_be_visible()
        said = note.inner_text().replace("\u2060", "")
        for typed in (
            ":red[alarm]",
            ":material/home:",
            ":smile:",
            "[bank](javascript:",
            "pixel (http://tracker.invalid",
        ):
            assert typed in said
        links = page.locator("a[href*='example.org']")
        assert [link.get_attribute("href") for link in links.all()] == [
            "https://example.org/plan",
            "https://example.org/bare",
        ]
        assert page.locator("a[href^='javascript']").count() == 0
        assert page.locator("img[src*='tracker']").count() == 0
        assert page.get_by_role("heading", name="Loud").count() == 0
        assert page.evaluate("window.attacked") is None
    assert [url for url in asked if "tracker.invalid" in url] == []


def test_five_hundred_runs_are_searched(many: Dashboard, page: Page) -> None:
    visit(page, many.url)
    expect(page.get_by_text("Choose lines to open")).to_be_visible()
    lines = page.locator("[role=grid]")
    expect(lines).to_have_attribute("aria-rowcount", "501")  # with the row of headings
    page.get_by_label("Find", exact=True).fill("run 499")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{many.url}/?find=run+499")
    settle(page)
    expect(lines).to_have_attribute("aria-rowcount", re.compile("^.{1,2}$"))  # an id may have these digits too
    expect(lines.locator("[role=gridcell]").get_by_text("run 499", exact=True)).to_have_count(1)
    page.reload()
    expect(page.get_by_label("Find", exact=True)).to_have_value("run 499")


def test_a_deletion_is_taken_back_after_a_reload(many: Dashboard, page: Page) -> None:
    run = queries.get_run(many.store, "run 7")
    visit(page, f"{many.url}/train?run={run.id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the run").click()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_in_viewport()
    assert queries.find_run(many.store, "run 7") is None
    settle(page)
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(undo).to_be_in_viewport()
    settle(page)
    undo.click()
    expect(undo).to_have_count(0)
    assert queries.get_run(many.store, "run 7").id == run.id


def test_a_run_is_chosen_in_the_list_deleted_and_the_next_one_opened(many: Dashboard, page: Page) -> None:
    visit(page, f"{many.url}/?find=run+49")  # run 49 and run 490 to 499, the newest first
    table = page.locator("[class*=st-key-runs-]:has(canvas)").get_by_test_id("stDataFrame")
    lines = table.locator(".dvn-scroller").first
    lines.click(position={"x": 16, "y": 18 + 35})
    expect(page.locator(".st-key-chosen-runs")).to_contain_text("run 499")
    lines.click(position={"x": 16, "y": 18 + 70})
    expect(page.locator(".st-key-chosen-runs")).to_contain_text("2 runs chosen")
    page.go_back()  # the table shows what the address says
    expect(page.locator(".st-key-chosen-runs")).to_contain_text("run 499")
    expect(table.locator("tr[aria-selected=true]")).to_have_count(1)
    page.locator(".st-key-chosen-runs").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the run").click()
    expect(page.get_by_role("button", name="Undo")).to_be_in_viewport()  # the whole page, not only the list
    expect(page.locator(".st-key-chosen-runs")).to_have_count(0)
    assert queries.find_run(many.store, "run 499") is None
    settle(page)
    lines.click(position={"x": 16, "y": 18 + 35})
    expect(page.locator(".st-key-chosen-runs")).to_contain_text("run 498")
    box = page.locator(".st-key-chosen-runs")
    box.get_by_role("button", name="Add a note").click()
    page.get_by_label("Note", exact=True).fill("seen")
    page.keyboard.press("Control+Enter")
    settle(page)
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_test_id("stToast")).to_contain_text("Kept.")
    page.get_by_role("link", name="Curves and cells").click()
    expect(page.get_by_role("heading", name="run 498")).to_be_visible()  # and not back to Overview
    page.go_back()
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    expect(undo).to_have_count(0)
    assert queries.find_run(many.store, "run 499") is not None
    settle(page)


def test_it_fits_the_window(many: Dashboard, page: Page) -> None:
    run = queries.get_run(many.store, "noted")
    visit(page, f"{many.url}/?find=noted&chosen={run.id}")
    expect(page.get_by_text("window.attacked = 1")).to_be_visible()
    main = page.get_by_test_id("stMain")
    for width in (1024, 390):
        show(page, width, "light")
        assert main.evaluate("one => one.scrollWidth - one.clientWidth") == 0
