"""A newcomer with the demo takes the tour by the keyboard alone, in a wide window and in a narrow one."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import Dashboard, serving, settle, show, visit

STEPS = 9
WINDOWS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1024, "light"), (390, "dark"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """What a newcomer finds: the precomputed demo and nothing else."""
    with serving(tmp_path_factory.mktemp("home")) as running:
        yield running


def focused(page: Page) -> str:
    """The words on the button that has the focus."""
    return str(page.evaluate("document.activeElement.matches('button') ? document.activeElement.innerText : ''"))


def tab_to(page: Page, label: str, key: str = "Tab", most: int = 120) -> None:
    for _ in range(most):
        page.keyboard.press(key)
        if label in focused(page):
            return
    pytest.fail(f"{label!r} is not reached by {key}")


def step(page: Page, number: int) -> None:
    expect(page).to_have_url(re.compile(rf"[?&]tour={number}\b"))
    expect(page.get_by_text(re.compile(rf"step {number} of \d+"))).to_be_visible()
    settle(page)


def test_the_tour_by_the_keyboard_alone(demo: Dashboard, page: Page) -> None:
    visit(page, demo.url)
    tab_to(page, "Show me around")
    page.keyboard.press("Enter")
    step(page, 1)
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    step(page, 2)
    for number in range(3, 7):  # the keys that the buttons name
        page.keyboard.press("Alt+n")
        step(page, number)
    expect(page.get_by_role("heading", name="Who speaks for this decision?")).to_be_in_viewport()
    page.keyboard.press("Alt+n")
    step(page, 7)
    expect(page.get_by_role("heading", name="Training examples")).to_be_in_viewport()
    expect(page.get_by_text("examples with the same confound")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.reload()  # a reload keeps the place
    step(page, 7)
    page.keyboard.press("Alt+b")
    step(page, 6)
    tab_to(page, "End the tour", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("step 6 of")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("tour="))
    expect(page.get_by_role("heading", name="Who speaks for this decision?")).to_be_visible()


def test_every_step_fits_the_window(demo: Dashboard, page: Page) -> None:
    visit(page, f"{demo.url}/?tour=1")
    for number in range(1, STEPS):
        step(page, number)
        for width, scheme in WINDOWS:
            show(page, width, scheme)
            expect(page.get_by_role("button", name="Next")).to_be_in_viewport()
            bar = page.locator(".st-key-tour").bounding_box()
            assert bar is not None
            assert bar["height"] < 400
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Next").click()
    step(page, STEPS)
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_text(f"step {STEPS} of")).to_have_count(0)


def test_the_glossary_opens_finds_and_closes_by_the_keyboard(demo: Dashboard, page: Page) -> None:
    visit(page, f"{demo.url}/jobs")
    tab_to(page, "Glossary")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Confound influence difference")).to_be_visible()
    dialog.get_by_label("Find a term").focus()
    page.keyboard.type("calibration")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Confound influence difference")).to_have_count(0)
    expect(dialog.get_by_text("Calibration error (ECE)")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
