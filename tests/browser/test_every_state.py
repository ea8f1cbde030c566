"""Every page in every state and width: no error in the console, no failed request, nothing wider than the window, nothing
serious by axe that is ours, and what somebody wrote stays text.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, TimeoutError, expect

from tests.browser.axe import barriers
from tests.browser.server import asked_by, visit
from tests.browser.states import HOUSES, House
from tests.pages.visits import PAGES

WIDTHS = (1280, 1024, 390)
TITLES = {"overview": "Unconfound", "try_it": "Try"}
ELEMENTS = """() => [...document.querySelectorAll('[data-testid="stApp"] *')].filter((one) =>
    (one.matches('script, iframe, object') && one.textContent.includes('alert('))
    || (one.matches('img') && /example[.]invalid|^x$/.test(one.getAttribute('src') || ''))
    || [...one.attributes].some((name) => name.name.startsWith('on'))
    || (one.matches('a') && (one.protocol === 'javascript:'
        || (one.host.endsWith('example.invalid') && !one.textContent.startsWith('https:'))))
).map((one) => one.outerHTML.slice(0, 200))"""
"""Elements that a text must not become. A bare address in a note may be a link: it says where it leads."""

OUTSIDE = """() => {
    const boxes = [document.scrollingElement, document.querySelector('[data-testid="stMain"]')];
    if (boxes.every((one) => one.scrollWidth <= one.clientWidth)) return [];
    const outside = [...boxes[1].querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
    return ['the page', ...outside.slice(0, 8).map((one) => one.outerHTML.slice(0, 120))];
}"""


@pytest.fixture(scope="module", params=HOUSES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A store that is empty, has the demo alone, or has everything in it."""
    with HOUSES[request.param](tmp_path_factory.mktemp(request.param) / "home") as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_in_every_state_and_width(house: House, page: Page, name: str) -> None:
    failed: list[str] = []
    asked = asked_by(page)
    page.on("requestfailed", lambda request: failed.extend(_failed(request)))
    page.on("response", lambda got: failed.extend([f"{got.status} {got.url}"] if got.status >= 400 else []))
    for state, address in house.addresses(name):
        about = f"{state}: {address}"
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        page.emulate_media(color_scheme="light")
        visit(page, address)
        if state == "alone":
            expect(page.get_by_role("heading", name=TITLES.get(name, name.capitalize())).first).to_be_visible()
        assert page.get_by_test_id("stException").count() == 0, about
        assert page.get_by_text("stopped on an error").count() == 0, about
        assert page.get_by_text("Page not found").count() == 0, about
        assert page.evaluate(ELEMENTS) == [], about
        if state != "hostile":  # its colours are those of the others
            assert barriers(page) == [], about
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert _too_wide(page) == [], f"{about}: wider than a window of {width} px"
    failed = [one for one in failed if "/_stcore/" not in one]  # Streamlit looks for its own base path
    assert failed == []
    assert [url for url in asked if not url.startswith((house.dashboard.url, "data:", "blob:"))] == []


def _too_wide(page: Page) -> list[str]:
    """What makes the page wider than its window, after figures have had the time to take their new size."""
    try:
        page.wait_for_function(f"({OUTSIDE})().length === 0", timeout=4000)
    except TimeoutError:
        return [str(one) for one in page.evaluate(OUTSIDE)]
    return []


def _failed(request: Request) -> list[str]:
    """A request that did not arrive; one that is given up because the tab goes elsewhere is none."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.failure} {request.url}"]
