"""Which pages are opened, and what is chosen on them. A page is one entry."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from benchmarks.dashboard.fill import Names

HISTOGRAMS = ".st-key-diagnose-histograms .nsewdrag"
STRIP = ".st-key-diagnose-histograms-strip .nsewdrag"
GRID = '[data-testid="stDataFrame"]'
MATRIX = ".st-key-diagnose-matrix .nsewdrag"


@dataclass(frozen=True)
class Choice:
    """Something that a person picks: what is done in the browser in turn `n`, so that each turn picks something else."""

    name: str
    act: Callable[[Page, int], None]
    again: bool = True
    """Whether the page is as before afterwards, so that the next turn can begin at once; else the choice opens another
    view, and has the time of one."""


@dataclass(frozen=True)
class Visit:
    """A page by its address, what is there once it is usable, and what is chosen on it."""

    name: str
    address: str
    content: str
    choices: tuple[Choice, ...] = ()


def visits(names: Names) -> list[Visit]:
    """Every page, those with large data with the largest."""
    runs = "[class*=st-key-runs-]:has(canvas)"
    first, second = names.groups
    return [
        Visit(
            "Overview, 500 runs",
            "",
            f"{runs} {GRID}",
            (Choice("a run of the list", row(runs)), Choice("text to find", _find("Find"))),
        ),
        Visit(
            "Data, the list",
            "data",
            f".st-key-datasets {GRID}",
            (Choice("a data set is opened", row(".st-key-datasets", among=2), again=False),),
        ),
        Visit(
            "Data, 100,000 rows",
            f"data?dataset={names.dataset}",
            '[data-testid="stPlotlyChart"] .nsewdrag',
            (Choice("a split of the examples", _split),),
        ),
        Visit(
            "Train, the form",
            "train",
            ".st-key-launch button",
            (Choice("a data set", option("Data set")), Choice("a method", option("Method"))),
        ),
        Visit("Train, a run", f"train?run={names.run}", '[data-testid="stPlotlyChart"] .nsewdrag'),
        Visit(
            "Diagnose, 40 × 100,000",
            f"diagnose?run={names.run}",
            HISTOGRAMS,
            (
                Choice("a probe", row("[class*=st-key-diagnose-probes-]:has(canvas)", first=1)),
                Choice("a bin", option("Bin of influence")),
                Choice("the most harmful examples", _segment("Most harmful", "Most helpful")),
                Choice("text to find", _find("Find in text")),
                Choice("a checkpoint", option("Checkpoint")),
                Choice("a step of the scrubber", _slide("Move through training")),
                Choice("a style of Figure 1", _segment("Density", "ECDF", "Histogram")),
                Choice("text to find in training texts", _find("Find in training texts")),
            ),
        ),
        Visit(
            "Diagnose, the strip of 40 × 100,000",
            f"diagnose?run={names.run}&style=strip",
            STRIP,
            (Choice("a box on the strip", _box),),
        ),
        Visit(
            "Diagnose, the matrix of 40 × 100,000",
            f"diagnose?run={names.run}&view=matrix",
            MATRIX,
            (Choice("a probe of the matrix", _probe_of_the_matrix),),
        ),
        Visit(
            "Tune, before and after of 40 × 100,000",
            f"tune?run={names.child}",
            ".st-key-tune-histogram-after .nsewdrag",
            (Choice("a probe", option("Probe")),),
        ),
        Visit(
            "Compare, two groups of five seeds",
            f"compare?groups={first}&groups={second}",
            '[data-testid="stPlotlyChart"] .nsewdrag',
            (Choice("a baseline", option("Baseline")),),
        ),
        Visit(
            "Jobs, 1,000 that have ended",
            "jobs",
            f".st-key-ended-jobs {GRID}",
            (Choice("a job is opened", row(".st-key-ended-jobs"), again=False),),
        ),
        Visit("Jobs, one", f"jobs?job={names.job}", '[data-testid="stMarkdown"]'),
    ]


def row(table: str, among: int = 4, first: int = 0) -> Callable[[Page, int], None]:
    """A line of a table, from the `first` on. It is drawn on a canvas, so it is a click at a place."""

    def act(page: Page, turn: int) -> None:
        page.locator(f'{table} [data-testid="stDataFrame"] .dvn-scroller').first.click(
            position={"x": 16, "y": 18 + 35 * (1 + first + turn % among)}
        )

    return act


def option(label: str) -> Callable[[Page, int], None]:
    """Another option of a select box than the one that is chosen."""

    def act(page: Page, turn: int) -> None:
        box = page.get_by_role("combobox", name=label).first
        box.scroll_into_view_if_needed()
        box.focus()
        page.wait_for_timeout(300)  # a list that opens while the page scrolls closes again
        page.keyboard.press("ArrowDown")
        others = page.locator('[role="option"][aria-selected="false"]')
        others.first.wait_for()  # the list opens in a moment
        others.nth(turn % min(2, others.count())).click()

    return act


def _segment(*titles: str) -> Callable[[Page, int], None]:
    def act(page: Page, turn: int) -> None:
        page.get_by_role("radio", name=titles[turn % len(titles)]).first.click()

    return act


def _find(label: str) -> Callable[[Page, int], None]:
    def act(page: Page, turn: int) -> None:
        box = page.get_by_label(label, exact=True).first
        box.fill(("a", "e", "i", "r")[turn % 4])
        box.press("Enter")

    return act


def _slide(label: str) -> Callable[[Page, int], None]:
    """One step to and fro, by the keyboard."""

    def act(page: Page, turn: int) -> None:
        page.get_by_role("slider", name=label).first.focus()
        page.keyboard.press(("ArrowLeft", "ArrowRight")[turn % 2])

    return act


def _box(page: Page, turn: int) -> None:
    drawn = page.locator(STRIP).first
    drawn.scroll_into_view_if_needed()
    place = drawn.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] * (0.3 + 0.05 * (turn % 4)), place["y"] + place["height"] * 0.2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 40, steps=3)
    page.mouse.up()


def _probe_of_the_matrix(page: Page, turn: int) -> None:
    drawn = page.locator(MATRIX).first
    drawn.scroll_into_view_if_needed()
    place = drawn.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] * 0.4, place["y"] + place["height"] * (0.2 + 0.15 * (turn % 4))
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    page.wait_for_timeout(100)  # plotly looks at most ten times a second for what is under the mouse
    page.mouse.click(x, y)


def _split(page: Page, turn: int) -> None:
    if page.get_by_role("radio", name="dev").count() == 0 or not page.get_by_role("radio", name="dev").is_visible():
        page.get_by_text("The first examples").click()
    page.get_by_role("radio", name=("dev", "train")[turn % 2]).last.click()
