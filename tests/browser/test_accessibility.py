"""axe finds nothing serious that is ours, on any page, in light and dark; every figure and table says what it shows."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.server import PATIENCE, visit
from tests.browser.states import House, full_house
from tests.pages.visits import PAGES

GRAVE = ("serious", "critical")
STREAMLITS = {
    # rule → (part of a selector or of the element, why it is Streamlit's and not ours to mend)
    "aria-allowed-attr": ("stDataFrame", "the grid that a table is drawn with"),
    "aria-required-children": ("stDataFrame", "the grid's own mirror of its cells has rows only once it has the focus"),
}
NOT_ASKED = (
    '[data-stale="true"]',  # pale for a moment while a part of the page runs again
    ".stMultiSelect:has(input:disabled)",  # WCAG asks no contrast of what is disabled; axe does not see that a label is
    ".stSelectbox:has(input:disabled)",
    # A chosen segment or pill has the primary colour on the ground, a button white on the primary colour; in the dark theme no
    # colour reaches 4.5 with both. Ours does with white, where there is most to read; segment and pill have a frame besides.
    '[data-variant="segmented_control"][data-selected="true"]',
    '[data-variant="pills"][data-selected="true"]',
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with full_house(tmp_path_factory.mktemp("full") / "home") as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_of_ours(house: House, browser: Browser, name: str, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    found = []
    for state, address in house.addresses(name):
        if state != "hostile":
            visit(page, address)
            found += [f"{state}: {one}" for one in violations(page)]
            found += [f"{state}: without words: {one}" for one in page.evaluate(SILENT)]
    context.close()
    assert not found, "\n".join(found)


SILENT = """() => [...document.querySelectorAll('[data-testid="stPlotlyChart"], [data-testid="stDataFrame"]')]
    .filter((one) => !one.closest('[aria-label]') && !one.querySelector('[aria-label]') && !one.querySelector('[alt]'))
    .map((one) => one.outerHTML.slice(0, 160))"""


def violations(page: Page) -> list[str]:
    """What axe finds serious, but for what is Streamlit's own."""
    result = Axe().run(page, context={"exclude": [[one] for one in NOT_ASKED]}).response
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]}"
        for rule in result["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
        if not _streamlits(rule["id"], node)
    ]


def _streamlits(rule: str, node: dict[str, Any]) -> bool:
    where, _ = STREAMLITS.get(rule, (None, ""))
    return where is not None and (where in str(node["target"]) or where in node["html"])
