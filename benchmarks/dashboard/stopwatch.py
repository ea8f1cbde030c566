"""Times in the browser, by the browser's own clock: from a click or key to the last change of the page that follows it."""

from collections.abc import Callable

from playwright.sync_api import Page

PATIENCE = 30_000  # ms
QUIET = 350  # ms without a change, after which the page counts as done

WATCH = """
window.watched = {input: 0, last: 0, runs: 0, state: ""};
const noted = () => { window.watched.last = performance.now(); };
for (const kind of ["pointerdown", "keydown"])
  window.addEventListener(kind, () => { window.watched.input = performance.now(); }, true);
new MutationObserver((changes) => {
  const app = document.querySelector('[data-testid="stApp"]');
  const state = app ? app.getAttribute("data-test-script-state") : "";
  if (state !== window.watched.state) {
    if (state === "running") window.watched.runs += 1;
    window.watched.state = state;
    noted();
  }
  for (const change of changes)
    if (change.type !== "attributes" && change.target.parentElement?.closest('[data-testid="stMain"]')) noted();
}).observe(document, {subtree: true, childList: true, characterData: true,
                      attributes: true, attributeFilter: ["data-test-script-state"]});
"""
"""`last` is when the script last began or ended, or something in the page's main part was last put in or taken away."""

DONE = """(quiet) => window.watched && window.watched.state === "notRunning"
  && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]')
  && performance.now() - window.watched.last > quiet"""


def watch(page: Page) -> None:
    """Install the stopwatch; before the first visit."""
    page.set_default_timeout(PATIENCE)
    page.add_init_script(WATCH)


def wait(page: Page, content: str) -> None:
    """Until this is there and the page has come to rest."""
    page.wait_for_selector(content)
    page.wait_for_function(DONE, arg=QUIET)


def load_ms(page: Page, address: str, content: str) -> float:
    """From the navigation to the last change, of a whole page load."""
    page.goto(address, wait_until="commit")
    wait(page, content)
    return float(page.evaluate("window.watched.last"))


def reaction_ms(page: Page, act: Callable[[], None], content: str) -> float:
    """From the last press of a button or key in `act` to the last change that follows.

    Raises:
        RuntimeError: the page did not run.
    """
    before = page.evaluate("window.watched.runs")
    act()
    try:
        page.wait_for_function("(before) => window.watched.runs > before", arg=before, timeout=5_000)
    except Exception as error:
        raise RuntimeError(f"The page at {page.url} did not react.") from error
    wait(page, content)
    return float(page.evaluate("window.watched.last - window.watched.input"))
