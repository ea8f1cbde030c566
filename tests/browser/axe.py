"""What axe finds serious on a page and is ours, in light and in dark; every figure and table says what it shows."""

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

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


SILENT = """() => [...document.querySelectorAll('[data-testid="stPlotlyChart"], [data-testid="stDataFrame"]')]
    .filter((one) => !one.closest('[aria-label]') && !one.querySelector('[aria-label]') && !one.querySelector('[alt]'))
    .map((one) => one.outerHTML.slice(0, 160))"""


OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that a page in other colours may break by them alone."""
SCHEMES: tuple[tuple[Literal["light", "dark"], dict[str, Any]], ...] = (
    ("light", {"resultTypes": ["violations"]}),
    ("dark", {"resultTypes": ["violations"], "runOnly": OF_COLOURS}),
)
GROUND = """(dark) => (parseInt(getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/[0-9]+/)[0]) < 128) === dark
    && document.getAnimations().every((one) => !(one instanceof CSSTransition))"""
"""Whether the page has the colours of a scheme, and none of them still fades."""


def barriers(page: Page) -> list[str]:
    """What keeps somebody out of the page that is open; it is dark afterwards."""
    found = [f"without words: {one}" for one in page.evaluate(SILENT)]
    for scheme, options in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(GROUND, arg=scheme == "dark")
        found += [f"{scheme}: {one}" for one in violations(page, options)]
    return found


def violations(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds serious, but for what is Streamlit's own."""
    result = Axe().run(page, context={"exclude": [[one] for one in NOT_ASKED]}, options=options).response
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
