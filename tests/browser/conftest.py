"""A real browser before a real server: each file gets a dashboard of its own, over an empty store.

Every page is watched: an error in the browser's console fails the test that caused it.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

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

SIZE = {"width": 1280, "height": 900}


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


@pytest.fixture(scope="session")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for all tests, which leave nothing in it."""
    context = browser.new_context(viewport=SIZE)
    yield context
    context.close()


@pytest.fixture
def tab(window: BrowserContext) -> Iterator[Page]:
    """The window's tab, as if it were new: nothing is open, nothing is kept, nobody is signed in or listens.

    It is the same for all tests: what it has compiled of Streamlit and Plotly dies with it, and costs a new one as much
    again as a page does.
    """
    expect.set_options(timeout=PATIENCE)
    for left in window.pages[1:]:
        left.close()
    there = window.pages[0] if window.pages else window.new_page()
    there.set_default_timeout(PATIENCE)
    there.set_viewport_size(SIZE)
    there.emulate_media(color_scheme="light")
    there.mouse.move(0, 0)
    listeners: list[tuple[Any, Any]] = []
    on = there.on

    def listen(event: Any, listener: Any) -> None:
        listeners.append((event, listener))
        on(event, listener)

    there.on = listen
    yield there
    there.on = on
    try:
        for event, listener in listeners:
            there.remove_listener(event, listener)
        if there.url.startswith("http"):
            there.evaluate("() => { sessionStorage.clear(); localStorage.clear(); }")
        there.goto("about:blank")
    except Error:  # it has crashed, or a test has closed it
        there.close()
    window.clear_cookies()


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """The tab, whose console must stay free of errors."""
    errors: list[str] = []
    tab.on("console", lambda message: errors.extend(_error(message)))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    tab.evaluate("() => 0")  # what it has said by now has arrived
    assert errors == []


def _error(message: ConsoleMessage) -> list[str]:
    # On a deep link Streamlit's own script asks for /data/_stcore/health before /_stcore/health, to learn its base path.
    expected = message.type != "error" or "/_stcore/" in message.location.get("url", "")
    return [] if expected else [f"{message.text} ({message.location.get('url')})"]
