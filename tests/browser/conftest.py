"""A real browser before a real server: each file gets a dashboard of its own, over an empty store.

Every page is watched: an error in the browser's console fails the test that caused it.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.server import PATIENCE, Dashboard, serving
from tools.browser import found

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page of a test lives for seconds: what optimising its code and keeping its memory small cost is never earned back.
    "--js-flags=--no-opt --no-maglev --min-semi-space-size=32 --max-semi-space-size=64 --initial-heap-size=512",
    "--host-resolver-rules=MAP unconfound.example.org 127.0.0.1",  # the name that a proxy of these tests answers to
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless chromium for all tests."""
    with sync_playwright() as playwright:
        engine = playwright.chromium.launch(executable_path=found(), args=ARGUMENTS)
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over an empty store (not even the demo), shared by the tests of one file."""
    with serving(tmp_path_factory.mktemp("home"), UNCONFOUND_DEMO="false") as running:
        yield running


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of its own for each file: what a page has compiled once is there for the next tab."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    """A tab of its own, whose console must stay free of errors."""
    expect.set_options(timeout=PATIENCE)
    tab = window.new_page()
    tab.set_default_timeout(PATIENCE)
    errors: list[str] = []
    tab.on("console", lambda message: errors.extend(_error(message)))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    tab.close()
    assert errors == []


def _error(message: ConsoleMessage) -> list[str]:
    # On a deep link Streamlit's own script asks for /data/_stcore/health before /_stcore/health, to learn its base path.
    expected = message.type != "error" or "/_stcore/" in message.location.get("url", "")
    return [] if expected else [f"{message.text} ({message.location.get('url')})"]
