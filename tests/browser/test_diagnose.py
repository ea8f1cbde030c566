"""Diagnose in a real browser: a link opens a view, clicks go into the address, and a reload brings the same view back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from core.store.tables import Job, now
from tests.browser.server import Dashboard, asked_by, serving, settle, show, visit
from tests.pages.synthetic import STEPS, Filled, add_dataset, add_diagnosis, add_run, fill


@dataclass(frozen=True)
class House:
    """A dashboard over a filled store."""

    dashboard: Dashboard
    filled: Filled

    def address(self, run: str, **query: object) -> str:
        parts = "".join(f"&{name}={value}" for name, value in query.items())
        return f"{self.dashboard.url}/diagnose?run={run}{parts}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("filled")
    store = open_store(Settings(home=home))
    store.migrate()
    filled = fill(store)
    hostile = add_run(store, add_dataset(store, "hostile", n_train=300, n_dev=80, hostile=True), "hostile-run")
    add_diagnosis(store, hostile, step=STEPS[-1], effect=0.2, probes=16, source="dev")
    with serving(home) as running:
        yield House(running, filled)


def drawn(page: Page) -> Locator:
    """The histograms, once they are there."""
    settle(page)
    page.wait_for_load_state("networkidle")
    figure = page.locator(".st-key-diagnose-histograms")
    expect(figure.locator(".nsewdrag").first).to_be_attached()
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    return figure


def click_at(page: Page, place: Locator, across: float, down: float) -> None:
    """Click a point of an element, given in parts of its width and height; plotly first wants the mouse to arrive."""
    box = place.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * across, box["y"] + box["height"] * down
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    page.wait_for_timeout(200)
    page.mouse.click(x, y)


MORE_ROOM = """() => [...document.querySelectorAll('.js-plotly-plot')].map((one) => {
    const {l, r, t, b} = one._fullLayout._size, given = one.layout.margin;
    return [l - given.l, r - given.r, t - given.t, b - given.b].map(Math.round);
})"""
"""How many pixels each figure had to add to its margins, left, right, above and below, once it was drawn."""


def test_no_figure_is_drawn_twice_for_want_of_room(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name, step=STEPS[-1]))
    drawn(page)
    added = page.evaluate(MORE_ROOM)
    assert len(added) >= 4
    assert max(max(one) for one in added) <= 2, added


def test_from_a_link_to_a_probe_to_a_bin_and_back(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name, step=STEPS[-1]))
    expect(page.get_by_text("The model is confounded")).to_be_visible()
    table = page.locator("[class*=st-key-diagnose-probes-] [data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    settle(page)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 35 * 3 + 17)  # the third row's box
    page.wait_for_url("**probe=train-*")
    page.wait_for_timeout(500)  # the figure is drawn anew
    figure = drawn(page)
    click_at(page, figure.locator(".nsewdrag").first, 0.5, 0.1)  # above the bars: the whole height of a bin answers
    page.wait_for_url("**bin=*")
    line = page.get_by_text("with the same confound,", exact=False).last
    expect(line).to_be_visible()
    settle(page)
    said = line.inner_text()
    chosen = page.url
    page.reload()
    settle(page)
    expect(page.get_by_text(said.split(":")[0], exact=False).last).to_be_visible()
    assert page.url == chosen


def test_the_way_back_marks_the_probe_that_the_address_pins(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name, step=STEPS[-1]))
    table = page.locator("[class*=st-key-diagnose-probes-]:has(canvas)").get_by_test_id("stDataFrame")
    lines = table.locator(".dvn-scroller").first
    marked = table.locator("tr[aria-selected=true]")
    pinned = []
    for line in (2, 4):
        lines.click(position={"x": 16, "y": 18 + 35 * line})
        expect(marked).to_have_attribute("aria-rowindex", str(1 + line))
        page.wait_for_url("**probe=*" if not pinned else lambda url: url != pinned[0])
        settle(page)
        pinned.append(page.url)
    page.go_back()
    page.wait_for_url(pinned[0])
    expect(marked).to_have_attribute("aria-rowindex", "3")
    page.go_forward()
    page.wait_for_url(pinned[1])
    expect(marked).to_have_attribute("aria-rowindex", "5")


def test_a_point_goes_to_its_checkpoint_and_a_box_lists_several_bins(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name))
    points = page.locator(".st-key-diagnose-course .scatterlayer .point")
    expect(points).to_have_count(len(STEPS))
    points.nth(1).scroll_into_view_if_needed()
    settle(page)
    click_at(page, points.nth(1), 0.5, 0.5)
    page.wait_for_url(f"**step={STEPS[1]}*")
    there = queries.diagnoses(house.dashboard.store, house.filled.run.id)[1]
    expect(page.get_by_text(f"this model's decisions {there.cid:.2f} more")).to_be_visible()
    figure = drawn(page)
    figure.hover()
    figure.locator(".modebar-btn[data-title='Box Select']").click()
    box = figure.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 90, steps=4)
    page.mouse.up()
    page.wait_for_url("**bin=*-*")


def drag(page: Page, place: Locator, corners: list[tuple[float, float]]) -> None:
    """Draw with the mouse from corner to corner, given in parts of an element's width and height."""
    box = place.bounding_box()
    assert box is not None
    at = [(box["x"] + box["width"] * across, box["y"] + box["height"] * down) for across, down in corners]
    page.mouse.move(*at[0])
    page.mouse.down()
    for corner in at[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


def test_a_box_and_a_lasso_on_the_strip_list_examples_and_come_back_by_their_link(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name, step=STEPS[0]))
    page.get_by_role("radio", name="Strip").click()
    page.wait_for_url("**style=strip*")
    figure = page.locator(".st-key-diagnose-histograms-strip")
    area = figure.locator(".nsewdrag").first
    expect(area).to_be_attached()
    settle(page)
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    drag(page, area, [(0.55, 0.05), (0.98, 0.5)])
    page.wait_for_url("**area=*")
    boxed = page.url
    line = page.get_by_text("in the drawn area:", exact=False)
    expect(line).to_be_visible()
    settle(page)
    said = line.inner_text()
    assert not said.startswith("0 dots")
    page.reload()
    settle(page)
    expect(page.get_by_text(said)).to_be_visible()
    assert page.url == boxed
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    figure.hover()
    figure.locator(".modebar-btn[data-title='Lasso Select']").click()
    drag(page, area, [(0.05, 0.55), (0.6, 0.55), (0.6, 0.98), (0.05, 0.98), (0.05, 0.6)])
    page.wait_for_function("(before) => location.href !== before", arg=boxed)
    settle(page)
    assert page.url.count("%3B") == 4, "five corners"
    again = page.get_by_text("in the drawn area:", exact=False).inner_text()
    assert again != said
    assert not again.startswith("0 dots")


def test_the_scrubber_keeps_the_probe_and_its_link_brings_the_step_back(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name, step=STEPS[-1], probe="train-7", style="ecdf"))
    slider = page.get_by_role("slider", name="Move through training")
    slider.scroll_into_view_if_needed()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**step={STEPS[-2]}*")
    settle(page)
    assert "probe=train-7" in page.url
    assert "style=ecdf" in page.url
    expect(page.get_by_text(f"Left: step {STEPS[-2]}", exact=False)).to_be_visible()
    page.reload()
    settle(page)
    expect(page.get_by_text(f"step {STEPS[-2]} · CID", exact=False).first).to_be_visible()


def test_a_click_on_the_matrix_pins_its_probe(house: House, page: Page) -> None:
    visit(page, house.address(house.filled.run.name, view="matrix"))
    figure = page.locator(".st-key-diagnose-matrix")
    expect(figure.locator(".nsewdrag").first).to_be_attached()
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    click_at(page, figure.locator(".nsewdrag").first, 0.4, 0.9)
    page.wait_for_url("**probe=train-*")
    settle(page)
    pinned = page.url
    click_at(page, figure.locator(".nsewdrag").first, 0.4, 0.1)
    page.wait_for_function("(before) => location.href !== before", arg=pinned)


def test_a_running_diagnosis_is_followed_to_its_end(house: House, page: Page) -> None:
    store, run = house.dashboard.store, house.filled.undiagnosed
    visit(page, house.address(run.name))
    expect(page.get_by_role("button", name="Diagnose this model")).to_be_visible()
    job = Job(
        kind="diagnose",
        run_id=run.id,
        payload={},
        status="running",
        progress=0.25,
        message="step 240",
        started_at=now(),
    )
    with store.writing() as session:
        session.add(job)
    page.reload()
    expect(page.get_by_text("25 % · step 240")).to_be_visible()
    add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=8)
    with store.writing() as session:
        session.merge(job).status = "done"
    expect(page.get_by_text("The model is confounded")).to_be_visible()
    expect(page.get_by_text("25 % · step 240")).to_have_count(0)


def test_hostile_text_breaks_nothing(house: House, page: Page) -> None:
    asked = asked_by(page)
    visit(page, house.address("hostile-run", bin="2-30"))
    for width, scheme in ((1024, "light"), (390, "dark")):
        show(page, width, scheme)
        drawn(page)
        assert page.get_by_text("stopped on an error").count() == 0
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
    assert not [url for url in asked if "example.invalid" in url]
