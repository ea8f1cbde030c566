"""One page: its very first load, later loads, coming to it from another page, and each choice on it."""

from dataclasses import dataclass, field
from statistics import median

from playwright.sync_api import Browser, Page

from benchmarks.dashboard.stopwatch import load_ms, reaction_ms, return_ms, wait, watch
from benchmarks.dashboard.visits import GRID, Choice, Visit, option, row

USABLE_MS = 1000
REACTS_MS = 300
VIEWPORT = {"width": 1280, "height": 900}
FIRST, AGAIN, COMING = "first load, nothing cached", "load of the whole site", "coming from another page"
ELSEWHERE = "Jobs", "Overview"
"""The page that one comes from: the first, or the second where the page itself is the first."""


@dataclass(frozen=True)
class Row:
    """What was done on a page, how long each turn took, and what is wanted of the median (nothing of a first load).

    ms: until everything is drawn. first_ms: of a choice, until the first thing that the server answers with is drawn.
    """

    page: str
    what: str
    ms: list[float]
    target: float | None
    first_ms: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle of the turns."""
        return median(self.ms)

    @property
    def met(self) -> bool | None:
        """Whether the median is below the target."""
        return None if self.target is None else self.median < self.target


def measure(browser: Browser, address: str, visit: Visit, turns: int) -> list[Row]:
    """Every figure of one page."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    watch(page)
    url = f"{address}/{visit.address}"
    first = load_ms(page, url, visit.content)
    rows = [Row(visit.name, FIRST, [first], None)]
    rows.append(Row(visit.name, AGAIN, [load_ms(page, url, visit.content) for _ in range(turns)], USABLE_MS))
    rows.append(Row(visit.name, COMING, [_coming(page, url, visit) for _ in range(turns)], USABLE_MS))
    for choice in visit.choices:
        first_ms, ms = _choices(page, url, visit, choice, turns)
        rows.append(Row(visit.name, choice.name, ms, REACTS_MS if choice.again else USABLE_MS, first_ms))
    context.close()
    return rows


def _coming(page: Page, url: str, visit: Visit) -> float:
    """Away to another page by the navigation, and back."""
    load_ms(page, url, visit.content)
    elsewhere = page.get_by_role("link", name=ELSEWHERE[visit.address.startswith("jobs")], exact=True).first
    reaction_ms(page, elsewhere.click, '[data-testid="stMain"] h1')
    return return_ms(page, visit.content)


def _choices(page: Page, url: str, visit: Visit, choice: Choice, turns: int) -> tuple[list[float], list[float]]:
    """The turns of a choice; the one before them is not counted, as the page has only just been loaded."""
    content = visit.content if choice.again else '[data-testid="stMain"]'
    load_ms(page, url, visit.content)
    took = []
    for turn in range(turns + 1):
        if turn and not choice.again:
            load_ms(page, url, visit.content)
        wait(page, visit.content)
        took.append(reaction_ms(page, lambda turn=turn: choice.act(page, turn), content))  # type: ignore[misc]
    return [first for first, _ in took[1:]], [last for _, last in took[1:]]


def bare(browser: Browser, address: str, turns: int) -> dict[str, float]:
    """What Streamlit and the browser take by themselves, on the page of `bare.py`: its load, and three choices."""
    context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
    page = context.new_page()
    watch(page)
    load_ms(page, address, GRID)
    found = {"load": median(load_ms(page, address, GRID) for _ in range(turns))}
    for choice in (
        Choice("an option", option("A word")),
        Choice("an option with one figure", option("A figure")),
        Choice("a line of a table", row("body")),
    ):
        found[choice.name] = median(
            reaction_ms(page, lambda turn=turn, act=choice.act: act(page, turn), GRID)[1]  # type: ignore[misc]
            for turn in range(turns + 1)
        )
    context.close()
    return found
