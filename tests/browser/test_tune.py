"""Tune in a real browser: from a model that leans on the confound through a round to before and after, and back by link."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.actions.training import start_training
from core.settings import Settings
from core.store import queries
from core.store.engine import Store, open_store
from tests.browser.server import Dashboard, asked_by, choose, serving, settle, show, visit
from tests.jobs.inside import carry_out
from tests.pages.synthetic import add_dataset, add_diagnosis, add_rounds, add_run
from tests.pages.visits import keep

WORK = 240_000  # ms for a job on a busy machine
ONCE = {"schedule": "once", "label_steps": 0, "lineage": 1}
SMALL = {"label_epochs": "2", "batch_size": "16", "max_length": "16", "checkpoints": "2"}
CURVE = {"diagnose_probes": "8", "diagnose_rows": "6"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over a store with made-up rounds, hostile names among them."""
    home = tmp_path_factory.mktemp("filled")
    store = open_store(Settings(home=home))
    store.migrate()
    _family(store, "headlines", "leaning", "treated", hostile=False)
    _family(store, "hostile", "<b>bold</b> **x** :smile:", "hostile-child", hostile=True)
    with serving(home, UNCONFOUND_DEMO="false") as running:
        yield running


def _family(store: Store, dataset: str, parent: str, child: str, *, hostile: bool) -> None:
    data = add_dataset(store, dataset, n_train=300, n_dev=80, hostile=hostile)
    first = add_run(store, data, parent)
    second = add_run(store, data, child, method="influence-tuning", config=ONCE, steps=(0,), parent=(first, 240))
    add_rounds(store, second, after=(0,))
    for run, step, effect in ((first, 240, 0.5), (second, 0, 0.02)):
        add_diagnosis(store, run, step=step, effect=effect, probes=8)


def test_from_a_diagnosed_model_through_a_round_to_before_and_after(tmp_path: Path, page: Page) -> None:
    settings = Settings(home=tmp_path, start_worker=False)
    store = open_store(settings)
    store.migrate()
    start_training(
        store,
        settings,
        keep(store),
        encoder="tiny",
        options={**SMALL, **CURVE},
        name="leaning",
        then_diagnose="final",
        probes=8,
    )
    carry_out(store, settings)
    with serving(settings.home, UNCONFOUND_DEMO="false") as dashboard:
        visit(page, f"{dashboard.url}/diagnose?run=leaning")
        page.get_by_role("link", name="Treat this model").click()
        page.wait_for_url("**/tune?run=leaning&step=*")
        settle(page)
        page.get_by_text("Embedding tuning", exact=True).first.click()
        page.wait_for_url("**kind=embedding*")
        page.get_by_role("textbox", name="Epochs of a round").fill("3")
        page.get_by_role("textbox", name="Name (optional)").fill("treated")
        page.keyboard.press("Enter")
        settle(page)
        page.get_by_role("button", name="Start the round").click()
        page.wait_for_url("**/tune?run=treated*")

        expect(page.get_by_text(re.compile(r"CID went from .* probes\."))).to_be_visible(timeout=WORK)
        expect(page.get_by_text("The same probe, before and after")).to_be_visible()
        expect(page.get_by_text(re.compile("1 round done"))).to_be_visible()
        expect(page.get_by_role("heading", name="The tree of rounds")).to_be_visible()
        run = queries.get_run(store, "treated")
        assert (run.method, run.config["round_epochs"], run.config["schedule"]) == ("embedding-tuning", 3, "once")

        page.get_by_role("spinbutton", name="Label steps", exact=True).fill("4")
        page.keyboard.press("Enter")
        settle(page)
        page.get_by_role("button", name="Go on with label steps").click()
        page.wait_for_url("**/tune?run=treated-*-label*")
        expect(page.get_by_text(re.compile(r"CID went from .* probes\."))).to_be_visible(timeout=WORK)
        steps = run.config["label_steps"]  # what usually follows a round
        assert steps > 0
        assert queries.get_run(store, f"treated-{steps}-label").parent_id == run.id
        page.goto("about:blank")  # before its server ends: a part that is due would be an error in the console


def test_a_chosen_probe_and_split_come_back_with_the_link(house: Dashboard, page: Page) -> None:
    visit(page, f"{house.url}/tune?run=treated")
    expect(page.get_by_text("The two intervals lie apart")).to_be_visible()
    page.get_by_test_id("stMain").get_by_text("train", exact=True).first.click()
    page.wait_for_url("**split=train*")
    settle(page)
    choose(page, "Probe", "CID")
    page.get_by_role("combobox", name="Probe").press("ArrowDown")
    page.get_by_role("combobox", name="Probe").press("ArrowDown")
    page.get_by_role("combobox", name="Probe").press("Enter")
    page.wait_for_url("**probe=train-*")
    settle(page)
    said = page.get_by_text(re.compile("now they speak")).inner_text()
    chosen = page.url
    page.reload()
    settle(page)
    expect(page.get_by_text(said)).to_be_visible()
    assert page.url == chosen
    expect(page.locator("[class*=st-key-tune-histogram] .nsewdrag")).to_have_count(2)


def test_a_row_of_the_tree_goes_to_its_run(house: Dashboard, page: Page) -> None:
    visit(page, f"{house.url}/tune?run=treated")
    table = page.locator("[class*=st-key-tune-tree] [data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    settle(page)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 35 + 17)  # the first row's box
    page.wait_for_url("**run=leaning*")
    expect(page.get_by_text("Treat this model")).to_be_visible()


def test_hostile_text_breaks_nothing(house: Dashboard, page: Page) -> None:
    asked = asked_by(page)
    visit(page, f"{house.url}/tune?run=hostile-child")
    for width, scheme in ((1024, "light"), (390, "dark")):
        show(page, width, scheme)
        figure = page.locator("[class*=st-key-tune-cells]").first
        figure.scroll_into_view_if_needed()
        expect(figure.get_by_text("<b>neg</b>").first).to_be_attached()
        assert page.get_by_text("stopped on an error").count() == 0
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
    assert not [url for url in asked if "example.invalid" in url]
