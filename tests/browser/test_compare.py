"""Compare in a real browser: two methods over seeds from a run's page to a verdict, and back by a link."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from core.actions.comparing import compare_groups
from core.settings import Settings
from core.store.engine import Store, open_store
from core.store.tables import Dataset, Run
from tests.actions.test_comparing import add_group, add_run
from tests.browser.server import Dashboard, asked_by, choose, serving, settle, show, visit
from tests.pages.synthetic import add_dataset

PLAIN, BETTER = (0.72, 0.73, 0.71, 0.72), (0.86, 0.87, 0.85, 0.86)
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> **x** [a](javascript:alert(1)) :smile: $x$",
    "![p](https://example.invalid/pixel.png) www.example.com <b>b</b> %{x} " + "long " * 8,
    "هذا نص من اليمين إلى اليسار",
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over a store with groups of two methods and a control, and groups with hostile names."""
    home: Path = tmp_path_factory.mktemp("filled")
    store = open_store(Settings(home=home))
    store.migrate()
    _hostile(store)
    _methods(store)
    with serving(home, UNCONFOUND_DEMO="false") as running:
        yield running


def _methods(store: Store) -> Dataset:
    data = add_dataset(store, "headlines", n_train=300, n_dev=200)
    control = add_dataset(store, "headlines-control", n_train=300, n_dev=200, control_of=data.id, prefix=False)
    add_group(store, control, "ns", BETTER, method="no-spurious", cids=(0.0, 0.01, 0.0, 0.01))
    add_group(store, data, "it", BETTER, method="influence-tuning", cids=(0.01, 0.02, 0.01, 0.02))
    add_group(store, data, "ft", PLAIN, cids=(0.1, 0.11, 0.12, 0.1))
    return data


def _hostile(store: Store) -> None:
    data = add_dataset(store, "hostile", n_train=300, n_dev=100, hostile=True)
    for name, method in zip(HOSTILE, ("finetune", "influence-tuning", "adversarial"), strict=True):
        add_group(store, data, name, PLAIN, method=method, cids=(0.1, 0.2, 0.3, 0.1), keep=False)
    broken = add_run(store, data, HOSTILE[0], 99, 0, status="failed")
    with store.writing() as session:
        session.execute(update(Run).where(Run.id == broken.id).values(error=HOSTILE[1]))


def test_two_methods_over_seeds_from_a_run_to_the_verdict_and_back_by_link(house: Dashboard, page: Page) -> None:
    verdict = compare_groups(house.store, ["ft", "it", "ns"]).verdict
    visit(page, f"{house.url}/train?run=it-2021")
    page.get_by_role("link", name="Compare the seeds").click()
    page.wait_for_url("**/compare?groups=ft&groups=it&groups=ns*")
    settle(page)
    expect(page.get_by_role("heading", name=verdict[0])).to_be_visible()
    assert verdict[0].startswith("Influence tuning is 14.0 points above finetuning on dev")
    for figure in ("seeds", "courses", "cost"):
        chart = page.locator(f"[class*=st-key-compare-{figure}] .main-svg").first
        chart.scroll_into_view_if_needed()
        expect(chart).to_be_visible()

    page.get_by_test_id("stMain").get_by_text("Worst cell", exact=True).first.click()
    page.wait_for_url("**measure=worst_cell*")
    settle(page)
    choose(page, "Baseline", "it")
    page.wait_for_url("**baseline=it*")
    settle(page)
    sentence = page.get_by_text(re.compile(r"^ft is [\d.]+ points below it in worst-cell accuracy"))
    expect(sentence).to_be_visible()
    said, chosen = sentence.inner_text(), page.url
    page.reload()
    settle(page)
    expect(page.get_by_text(said)).to_be_visible()
    assert page.url == chosen
    with page.expect_download() as handed:
        page.get_by_test_id("stMain").get_by_role("button", name="CSV").first.click()
    lines = Path(handed.value.path()).read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["group", "it", "ft", "ns"]


def test_a_group_appears_when_its_first_run_has_finished(house: Dashboard, page: Page) -> None:
    store = house.store
    data = add_dataset(store, "later", n_train=300, n_dev=100)
    add_group(store, data, "later-ft", PLAIN)
    with store.writing() as session:
        session.execute(update(Run).where(Run.group == "later-ft").values(status="running"))
    visit(page, f"{house.url}/compare?groups=later-ft")
    expect(page.get_by_text("Nothing of this can be compared yet")).to_be_visible()
    expect(page.get_by_text("4 runs of these still wait or train.")).to_be_visible()
    with store.writing() as session:
        session.execute(update(Run).where(Run.group == "later-ft").values(status="done"))
    expect(page.get_by_text(re.compile("^Finetuning is right on 72.0 % of dev"))).to_be_visible()


def test_hostile_names_break_nothing(house: Dashboard, page: Page) -> None:
    asked = asked_by(page)
    visit(page, f"{house.url}/compare?about=hostile-none")
    visit(page, f"{house.url}/train?run={_run_of(house.store, HOSTILE[0])}")
    page.get_by_role("link", name="Compare the seeds").click()
    page.wait_for_url("**/compare?groups=*")
    for width, scheme in ((1024, "light"), (390, "dark")):
        show(page, width, scheme)
        for part in ("compare-seeds", "compare-courses", "compare-cost"):
            chart = page.locator(f"[class*=st-key-{part}]").first
            chart.scroll_into_view_if_needed()
            expect(chart.get_by_text("<script>alert").first).to_be_attached()
        assert page.get_by_text("stopped on an error").count() == 0
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
        assert page.locator("[data-testid=stMain] img[src*='example.invalid']").count() == 0
    assert not [url for url in asked if "example.invalid" in url and url.startswith("https://example")]


def _run_of(store: Store, group: str) -> str:
    with store.reading() as session:
        found = session.query(Run).where(Run.group == group, Run.status == "done").first()
    assert found is not None
    return found.id
