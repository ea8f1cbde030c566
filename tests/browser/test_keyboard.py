"""From Overview to the examples behind a decision without a mouse; where the focus is can be seen all the way."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import settle, visit
from tests.browser.states import House, demo_house

MOST_STEPS = 120
FADE = 300  # ms that a border takes to its colour
# Seen by an outline, a shadow, or a border in the primary colour of the light theme.
FOCUS = """() => {
    const one = document.activeElement;
    if (!one || one.matches('body, main, [data-testid="stMain"]')) return null;
    const text = [one.innerText, one.getAttribute('aria-label')].filter(Boolean).join(' ');
    const marked = (part) => {
        const style = getComputedStyle(part);
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
            || (parseFloat(style.borderTopWidth) > 0 && style.borderTopColor === 'rgb(0, 114, 178)');
    };
    let part = one, seen = false;
    for (let level = 0; part && level < 5 && !seen; level++, part = part.parentElement) seen = marked(part);
    return {text, seen, inside: !!one.closest('[data-testid="stDataFrame"]')};
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with demo_house(tmp_path_factory.mktemp("demo") / "home") as running:
        yield running


def tab_to(page: Page, text: str) -> None:
    """Press Tab until what has the focus says so; wherever it stops, it must be seen."""
    passed = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            continue
        passed.append(focus["text"][:40])
        if text in focus["text"] and not focus["text"].startswith("Help for"):
            page.wait_for_timeout(FADE)
            assert page.evaluate(FOCUS)["seen"], f"nothing shows that {text!r} has the focus"
            return
    pytest.fail(f"Tab never comes to {text!r}. It came by: {passed}")


def test_from_overview_to_a_bin_without_a_mouse(house: House, page: Page) -> None:
    visit(page, house.dashboard.url)
    tab_to(page, "Look at the precomputed demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/diagnose?run=*")
    settle(page)
    table = page.locator("[class*=st-key-diagnose-probes-]:has(canvas)").get_by_test_id("stDataFrame")
    expect(table).to_be_visible()

    tab_to(page, "Label × confound")
    for _ in range(12):  # past the table's own tool bar into its grid
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS)["inside"] and page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
    # A table takes up the arrows once something in it is chosen.
    for key in ("Control+a", "ArrowDown", "ArrowDown", "Shift+Space"):
        page.keyboard.press(key)
    page.wait_for_url("**probe=*")
    settle(page)

    tab_to(page, "Bin of influence")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**bin=*")
    settle(page)
    expect(page.get_by_text("with the same confound").last).to_be_visible()
