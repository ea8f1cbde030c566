"""What tests say to a browser, and the server that they say it about."""

from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tools.served import Dashboard, free_port, serving

__all__ = ["PATIENCE", "Dashboard", "asked_by", "choose", "free_port", "serving", "settle", "show", "visit"]

PATIENCE = 60_000  # ms; the machine may be busy training for another test


def visit(page: Page, url: str) -> None:
    """Open an address and wait until everything has arrived; leaving earlier would cut off requests, with an error."""
    page.goto(url)
    settle(page)
    page.wait_for_load_state("networkidle")


def settle(page: Page) -> None:
    """Wait until the server has drawn the page, and the browser has the script of each kind of element."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(150)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)


def asked_by(page: Page) -> list[str]:
    """Every address that the page asks for from here on. A dialog is a text that ran as a script, and fails the test."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a text ran as a script: {dialog.message}"))
    return asked


def show(page: Page, width: int, scheme: Literal["light", "dark"]) -> None:
    """Give the open page a window of this width and these colours, and wait until its parts have taken their new size."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(300)
    settle(page)


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a select box by the beginning of its text."""
    box = page.get_by_role("combobox", name=label).first
    box.scroll_into_view_if_needed()  # a list that opens while the page scrolls closes again
    page.wait_for_timeout(500)
    box.click()
    page.get_by_role("option", name=option).first.click()
    settle(page)
