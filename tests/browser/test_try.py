"""Try in a real browser with a real worker: from an example of the data set to who speaks for it, and back by link."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from core.actions.training import start_training
from core.actions.waiting import wait_for
from core.settings import Settings
from core.store.engine import open_store
from tests.browser.server import Dashboard, asked_by, serving, settle, visit
from tests.jobs.inside import carry_out
from tests.pages.visits import keep

WORK = 240_000  # ms for a job on a busy machine
SMALL = {"label_epochs": "2", "batch_size": "16", "max_length": "16", "checkpoints": "1"}
HOSTILE = "Positive . <script>alert('x')</script> **bold** :smile: هذا نص 👩‍👩‍👧 ![p](https://example.invalid/p.png)"


class House:
    """A dashboard over a store with a trained run; its server can go and come again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._running = ExitStack()
        self.dashboard = self._start()

    def _start(self) -> Dashboard:
        return self._running.enter_context(serving(self.home, UNCONFOUND_DEMO="false"))

    def restart(self) -> None:
        self.end()
        self.dashboard = self._start()

    def end(self) -> None:
        self._running.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), start_worker=False)
    store = open_store(settings)
    store.migrate()
    start_training(store, settings, keep(store), encoder="tiny", options=SMALL, name="leaning")
    carry_out(store, settings)
    made = House(settings.home)
    yield made
    made.end()


def job_of(url: str) -> str | None:
    """The try that an address names."""
    return next(iter(parse_qs(urlsplit(url).query).get("job", [])), None)


def trying(page: Page, dashboard: Dashboard, text: str) -> None:
    """Type a text and wait until everything is known of it."""
    visit(page, f"{dashboard.url}/try?run=leaning")
    page.get_by_role("textbox", name="Text", exact=True).fill(text)
    page.keyboard.press("Control+Enter")
    settle(page)
    page.get_by_role("button", name="Try this text").click()
    page.wait_for_url("**job=*")
    expect(page.get_by_text("Most harmful")).to_be_visible(timeout=WORK)


def test_from_a_text_to_who_speaks_for_it_and_back_after_a_restart(house: House, page: Page) -> None:
    first = house.dashboard
    trying(page, first, "Negative . The coach left the club .")
    expect(page.get_by_role("heading", name=re.compile(r"^(long|short), \d+\.\d % sure"))).to_be_visible()
    expect(page.get_by_text(re.compile("Changing only the confound")).first).to_be_visible()
    expect(page.get_by_text(re.compile("CID of this text −?0"))).to_be_visible()
    said = page.get_by_text(re.compile("Among training examples labelled")).first.inner_text()
    link = page.url.removeprefix(first.url)
    page.goto("about:blank")
    house.restart()
    second = house.dashboard
    visit(page, f"{second.url}{link}")
    expect(page.get_by_text(said).first).to_be_visible()
    expect(page.get_by_role("textbox", name="Text", exact=True)).to_have_value("Negative . The coach left the club .")
    page.get_by_text("Take an example of the data set").click()
    settle(page)
    grid = page.locator("[class*=st-key-try-examples] [data-testid=stDataFrame]").first
    grid.scroll_into_view_if_needed()
    settle(page)
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 35 + 17)  # the first row's box
    settle(page)
    expect(page.get_by_role("textbox", name="Text", exact=True)).not_to_have_value(
        "Negative . The coach left the club ."
    )
    picked = page.get_by_role("textbox", name="Text", exact=True).input_value()
    assert re.match(r"(Positive|Negative) \. ", picked)
    page.get_by_role("button", name="Try this text").click()
    page.wait_for_url(lambda url: job_of(url) not in (None, job_of(link)))
    ended = wait_for(second.store, Settings(home=house.home), str(job_of(page.url)))
    assert (ended.status, ended.payload["text"]) == ("done", picked)
    assert ended.payload["example"].startswith("dev-")
    expect(page.get_by_text("Most harmful")).to_be_visible(timeout=WORK)
    page.goto("about:blank")


def test_hostile_text_is_only_text(house: House, page: Page) -> None:
    """Typed, kept and shown in a narrow dark window."""
    asked = asked_by(page)
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme="dark")
    trying(page, house.dashboard, HOSTILE)
    decision = page.locator("[class*=st-key-try-decision]").first
    expect(decision.get_by_text("<script>alert('x')</script>").first).to_be_visible()
    assert page.get_by_text("stopped on an error").count() == 0
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    assert not [url for url in asked if "example.invalid" in url]
    page.goto("about:blank")
