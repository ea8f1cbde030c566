"""How long a newcomer takes from an empty store to "this model is confounded, and now it isn't", in a real browser.

    python -m benchmarks.newcomer [--way round] [--pictures FOLDER] [--save benchmarks/results/newcomer-cpu.json]

Starts the dashboard over an empty store and does nothing but press what the pages offer: **Start with the sample**, **See
the diagnosis**, then **Train anew with …** and **Start training**, or **Treat this model** and **Start the round**, then the
diagnosis of the new model, and where it is unclear the button for more probes. Training is the real one, with the bundled
MiniLM; let nothing else run meanwhile. The time that a person takes to read is not in it, and neither is the installation. Exit code 1 where the last verdict is another than "not confounded", or ten minutes were not enough.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from benchmarks.dashboard.stopwatch import wait, watch
from benchmarks.machine import machine
from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from core.views.texts import METHODS
from tools.chromium import chromium
from tools.served import serving

ENOUGH = 600.0  # s
LONGEST_WORK = 1_800_000  # ms
MAIN = '[data-testid="stMain"]'
CHILD = re.compile(r"/tune\?run=(?!textlen-sample-finetune-2021&)")


@dataclass(frozen=True)
class Step:
    """Something that the newcomer did or saw, and when, in seconds from the start of the server."""

    what: str
    seconds: float


class Walk:
    """The way through the pages, with a picture of each station if wanted."""

    def __init__(self, page: Page, began: float, pictures: Path | None) -> None:
        self.page, self.began, self.pictures = page, began, pictures
        self.steps: list[Step] = []

    def note(self, what: str) -> None:
        """Write down that this was reached."""
        self.steps.append(Step(what, time.monotonic() - self.began))
        print(f"{self.steps[-1].seconds:7.1f} s  {what}", file=sys.stderr, flush=True)
        if self.pictures is not None:
            self.page.screenshot(path=self.pictures / f"{len(self.steps):02d}.png", full_page=True)

    def press(self, name: str, where: str | Callable[[str], bool], role: Any = "button") -> None:
        """Press what a page offers, as soon as it is there, and wait for the page it leads to."""
        self.page.get_by_role(role, name=name).first.click(timeout=LONGEST_WORK)
        self.page.wait_for_url(where)
        wait(self.page, MAIN)

    def verdict(self) -> str:
        """The first sentence of the diagnosis."""
        wait(self.page, ".st-key-diagnose-verdict")
        return str(self.page.locator(".st-key-diagnose-verdict").inner_text()).split("\n")[0]


def main() -> int:
    """Walk, print the table, and say whether it went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--way", choices=tuple(WAYS), default="embedding-tuning", help="what the diagnosis offers as a cure"
    )
    parser.add_argument("--pictures", type=Path, help="folder for a screenshot of each station")
    parser.add_argument("--save", type=Path, help="write the figures as JSON, and the table beside them")
    options = parser.parse_args()
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        began = time.monotonic()
        with serving(home, UNCONFOUND_CALIBRATE="false") as dashboard, chromium() as browser:
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            watch(page)
            steps = walk(Walk(page, began, options.pictures), dashboard.url, options.way)
            version = browser.version
        found = reached(home)
    report = {
        "machine": {**machine(), "chromium": version},
        "way": options.way,
        "steps": [asdict(step) for step in steps],
        "runs": found,
    }
    text = table(report)
    if options.save:
        options.save.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        options.save.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    well = [run["verdict"] for run in found] == ["confounded", "not_confounded"]
    return 0 if well and steps[-1].seconds < ENOUGH else 1


def walk(newcomer: Walk, address: str, way: str) -> list[Step]:
    """From the first page to the second verdict."""
    newcomer.page.goto(address)
    wait(newcomer.page, MAIN)
    newcomer.note("the first page is there")
    newcomer.press("Start with the sample", "**/train?run=*")
    newcomer.note("**Start with the sample** pressed")
    newcomer.press("See the diagnosis", "**/diagnose?run=*")
    newcomer.note(f"trained and diagnosed: “{newcomer.verdict()}”")
    WAYS[way](newcomer, way)
    newcomer.note(f"trained and diagnosed: “{newcomer.verdict()}”")
    return newcomer.steps


def _anew(newcomer: Walk, way: str) -> None:
    """A sister that is treated while it learns."""
    name = f"Train anew with {METHODS[way].lower()}"
    newcomer.press(name, "**/train?clone=*", "link")
    newcomer.press("Start training", "**/train?run=*")
    newcomer.note(f"**{name}** and **Start training** pressed")
    newcomer.press("See the diagnosis", "**/diagnose?run=*")


def _round(newcomer: Walk, _way: str) -> None:
    """A round from the model's own weights, as Tune proposes it."""
    newcomer.press("Treat this model", "**/tune?run=*", "link")
    newcomer.press("Start the round", lambda url: CHILD.search(url) is not None)
    newcomer.note("**Treat this model** and **Start the round** pressed")
    newcomer.press("Its diagnosis", "**/diagnose?run=*", "link")
    more = newcomer.page.get_by_role("button", name=re.compile(r"^Ask .* probes"))
    if more.count():
        newcomer.note(f"the round is done, and the model diagnosed: “{newcomer.verdict()}”")
        before = newcomer.page.url
        more.click()
        newcomer.page.wait_for_url(lambda url: url != before, timeout=LONGEST_WORK)
        wait(newcomer.page, MAIN)


WAYS: dict[str, Callable[[Walk, str], None]] = {"embedding-tuning": _anew, "influence-tuning": _anew, "round": _round}


def reached(home: Path) -> list[dict[str, Any]]:
    """What the two runs reached, the first one first."""
    runs = [run for run in queries.list_runs(open_store(Settings(home=home))) if not run.demo]
    return [
        {
            "name": run.name,
            "accuracy": run.accuracy,
            "worst_cell": run.worst_cell,
            "cid": run.cid,
            "verdict": run.verdict,
        }
        for run in reversed(runs)
    ]


def table(report: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["| seconds | |", "|---|---|"]
    lines += [f"| {step['seconds']:.0f} | {step['what']} |" for step in report["steps"]]
    lines += ["", "| run | dev accuracy | worst cell | CID | verdict |", "|---|---|---|---|---|"]
    for run in report["runs"]:
        figures = f"{run['accuracy']:.1%} | {run['worst_cell']:.1%} | {run['cid']:.3f}"
        lines.append(f"| {run['name']} | {figures} | {run['verdict'].replace('_', ' ')} |")
    about = report["machine"]
    lines += [
        "",
        "One seed. Reading and installing are not in it.",
        "",
        f"{about['processor']}, {about['cores']} cores, Python {about['python']}, torch {about['torch']}.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
