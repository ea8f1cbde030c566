"""A headless chromium for benchmarks and the guide."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tools.browser import NAMES, found

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that a person has, where it is there; else its headless shell, or Playwright's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(NAMES[1:]) or found(), args=ARGUMENTS)
        yield browser
        browser.close()
