"""Times in the browser, by the browser's own clock: from a click or key to the last thing drawn that follows it.

A click counts from when the button is let go, which is also when a box that is drawn on a figure is chosen.

What is put into a page's main part counts, and what is drawn on a canvas there. What stands *inside* a canvas element is
never drawn: a table keeps a mirror of its cells there for screen readers, and brings it up to date a moment later.
"""

from collections.abc import Callable

from playwright.sync_api import Page

PATIENCE = 30_000  # ms
QUIET = 350  # ms without a change, after which the page counts as done
EVERY = 100  # ms between two looks whether it is: every frame, as is usual, would take time from the page itself

WATCH = """
window.watched = {input: 0, first: 0, last: 0, heard: 0, before: 0, state: ""};
const noted = () => { window.watched.last = performance.now(); };
const drawn = () => {
  noted();
  if (window.watched.heard > window.watched.before && !window.watched.first) window.watched.first = window.watched.last;
};
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", () => { window.watched.heard += 1; noted(); });
  }
};
for (const kind of ["pointerdown", "pointerup", "keydown"])
  window.addEventListener(kind, () => {
    Object.assign(window.watched, {input: performance.now(), first: 0, before: window.watched.heard});
  }, true);
new MutationObserver((changes) => {
  const app = document.querySelector('[data-testid="stApp"]');
  const state = app ? app.getAttribute("data-test-script-state") : "";
  if (state !== window.watched.state) {
    window.watched.state = state;
    noted();
  }
  for (const change of changes) {
    const holder = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    if (change.type !== "attributes" && holder?.closest('[data-testid="stMain"]') && !holder.closest("canvas")) drawn();
  }
}).observe(document, {subtree: true, childList: true, characterData: true,
                      attributes: true, attributeFilter: ["data-test-script-state"]});
for (const kind of ["fillText", "fillRect", "drawImage", "stroke", "fill"]) {
  const draw = CanvasRenderingContext2D.prototype[kind];
  CanvasRenderingContext2D.prototype[kind] = function (...given) {
    if (this.canvas.isConnected) drawn();
    return draw.apply(this, given);
  };
}
"""
"""`last` is when the server last said something, its script last began or ended for the page, or something in the page's main
part was last put in, taken away or drawn; `first` is the first change of the page after the server first spoke since the newest
press or release of a button or press of a key. A short run is over before the page has told that it began, so what the server
says is counted, and not the page's own state."""

DONE = """(quiet) => window.watched && window.watched.state === "notRunning"
  && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]')
  && performance.now() - window.watched.last > quiet"""

ANSWERED = "(before) => window.watched.heard > before"


def watch(page: Page) -> None:
    """Install the stopwatch; before the first visit."""
    page.set_default_timeout(PATIENCE)
    page.add_init_script(WATCH)


def wait(page: Page, content: str) -> None:
    """Until this is there and the page has come to rest."""
    page.wait_for_selector(content)
    page.wait_for_function(DONE, arg=QUIET, polling=EVERY)


def load_ms(page: Page, address: str, content: str) -> float:
    """From the navigation to the last change, of a whole page load."""
    page.goto(address, wait_until="commit")
    wait(page, content)
    return float(page.evaluate("window.watched.last"))


def return_ms(page: Page, content: str) -> float:
    """From the browser's "back" to the last change, where the page before was another one of the same dashboard."""
    heard, begun = page.evaluate(
        "() => { const then = [window.watched.heard, performance.now()]; history.back(); return then; }"
    )
    page.wait_for_function(ANSWERED, arg=heard, polling=EVERY, timeout=5_000)
    wait(page, content)
    return float(page.evaluate("window.watched.last")) - float(begun)


def reaction_ms(page: Page, act: Callable[[], None], content: str) -> tuple[float, float]:
    """From the last press of a button or key in `act` to the first and to the last change that the server answers with.

    Raises:
        RuntimeError: the server said nothing.
    """
    before = page.evaluate("window.watched.heard")
    act()
    try:
        page.wait_for_function(ANSWERED, arg=before, polling=EVERY, timeout=5_000)
    except Exception as error:
        raise RuntimeError(f"The page at {page.url} did not react.") from error
    wait(page, content)
    first, last = page.evaluate(
        "() => { const {input, first, last} = window.watched; return [(first || last) - input, last - input]; }"
    )
    return float(first), float(last)
