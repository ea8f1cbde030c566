"""The pictures of the user's guide, taken from the real dashboard: `make guide`, or `python -m docs.make_guide`.

Serves the dashboard over the demo, trains, diagnoses and treats a model on the bundled sample, and photographs every
entry of `SHOTS` in a light window of 1280 px. `--keep FOLDER` leaves the store in a folder and uses it again the next
time; `--only tune` takes the pictures whose name holds this.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from benchmarks.dashboard.stopwatch import QUIET, watch
from core.actions.datasets import add_sample
from core.actions.diagnosing import start_diagnosis
from core.actions.training import start_training
from core.actions.tuning import start_tuning
from core.actions.waiting import wait_for
from core.settings import Settings
from core.store import queries
from core.store.engine import Store, open_store
from tools.chromium import chromium
from tools.served import serving

FOLDER = Path(__file__).parent / "guide"
WIDTH = 1280
MOST_BYTES = 200_000
MODEL, TREATED = "my-first-model", "my-first-model-treated"


@dataclass(frozen=True)
class Shot:
    """A picture: what is opened, down to which height, and which part is brought to the top before."""

    name: str
    address: Callable[["Scene"], str]
    height: int = 860
    top: str | None = None
    before: Callable[[Page], None] | None = None
    new: bool = False
    """Of a store that has nothing but the demo."""


@dataclass(frozen=True)
class Scene:
    """What there is to photograph: the demo's confounded run and its control, and the model that was made here."""

    demo: str
    control: str
    dataset: str
    probe: str
    model: str = MODEL
    treated: str = TREATED


NOBODY = Scene("", "", "", "")


def _open_bin(page: Page) -> None:
    box = page.get_by_role("combobox", name="Bin of influence").first
    box.scroll_into_view_if_needed()
    box.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option").last.click()


SHOTS = (
    Shot("overview", lambda _: "", new=True),
    Shot("data", lambda scene: f"data?dataset={scene.dataset}", 900),
    Shot("own-data", lambda _: "data", 640),
    Shot("train", lambda scene: f"train?dataset={scene.dataset}", 900),
    Shot("run", lambda scene: f"train?run={scene.model}", 1000),
    Shot("verdict", lambda scene: f"diagnose?run={scene.demo}", 900),
    Shot(
        "probe",
        lambda scene: f"diagnose?run={scene.demo}&probe={scene.probe}",
        1240,
        top=".st-key-diagnose-probe",
        before=_open_bin,
    ),
    Shot("treat", lambda scene: f"tune?run={scene.model}", 860),
    Shot("treated", lambda scene: f"tune?run={scene.treated}", 1000),
    Shot("compare", lambda scene: f"compare?runs={scene.model}&runs={scene.treated}", 900),
    Shot("jobs", lambda _: "jobs", 640),
)

CUTS = {"headline": ("verdict", (64, 236, 1216, 778))}
"""Parts of pictures, for the first screen of README: from which, and left, top, right, bottom."""


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder of the store")
    parser.add_argument("--only", default="", help="pictures whose name holds this")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    wanted = [shot for shot in SHOTS if options.only in shot.name]
    with tempfile.TemporaryDirectory() as scratch:
        take(Path(scratch) / "new", [shot for shot in wanted if shot.new], lambda *_: NOBODY)
        take(options.keep or Path(scratch) / "home", [shot for shot in wanted if not shot.new], prepared)
    cut()
    return 0


def cut() -> None:
    """Cut parts out of pictures that are there."""
    for name, (whole, box) in CUTS.items():
        with Image.open(FOLDER / f"{whole}.png") as picture:
            picture.crop(box).save(FOLDER / f"{name}.png", optimize=True)


def take(home: Path, shots: Sequence[Shot], prepare: Callable[[Store, Settings], Scene]) -> None:
    """Photograph the dashboard over a store."""
    if not shots:
        return
    home.mkdir(parents=True, exist_ok=True)
    with serving(home, UNCONFOUND_CALIBRATE="false") as dashboard, chromium() as browser:
        settings = Settings(home=home)
        scene = prepare(open_store(settings), settings)
        page = browser.new_context(viewport={"width": WIDTH, "height": 900}, color_scheme="light").new_page()
        watch(page)
        for shot in shots:
            print(f"{shot.name}: {photograph(page, dashboard.url, shot, scene) // 1000} kB", file=sys.stderr)


def prepared(store: Store, settings: Settings) -> Scene:
    """The scene; what is not there yet is made, which takes some minutes."""
    dataset = add_sample(store, settings, "textlen")
    model = queries.find_run(store, MODEL)
    if model is None:
        print("Training a model on the sample …", file=sys.stderr)
        begun = start_training(store, settings, dataset, name=MODEL, options={"checkpoints": "3"})
        _done(store, settings, begun.job.id)
        model = queries.get_run(store, MODEL)
        _done(store, settings, start_diagnosis(store, settings, model).id)
    if queries.find_run(store, TREATED) is None:
        print("Treating it …", file=sys.stderr)
        treated = start_tuning(
            store, settings, model, kind="embedding", name=TREATED, then_label_steps=13, then_diagnose=True
        )
        assert treated.diagnosis is not None
        _done(store, settings, treated.job.id)
        _done(store, settings, treated.diagnosis.id)
    demo = [run for run in queries.list_runs(store) if run.demo and run.cid is not None]
    worst, best = max(demo, key=lambda run: run.cid or 0.0), min(demo, key=lambda run: run.cid or 0.0)
    probes = queries.diagnoses(store, worst.id)[-1].report["probes"]
    telling = max((one for one in probes if one["cid"] is not None and one["n_b"] >= 20), key=lambda one: one["cid"])
    return Scene(worst.name, best.name, worst.dataset_id, telling["id"])


def _done(store: Store, settings: Settings, job: str) -> None:
    ended = wait_for(store, settings, job)
    if ended.status != "done":
        raise RuntimeError(f"The job {job} ended as {ended.status}: {ended.error}")


def photograph(page: Page, address: str, shot: Shot, scene: Scene) -> int:
    """Take one picture and return its bytes; more than `MOST_BYTES` are refused."""
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    page.goto(f"{address}/{shot.address(scene)}")
    _at_rest(page)
    if shot.before is not None:
        shot.before(page)
        _at_rest(page)
    if shot.top is not None:
        page.locator(shot.top).first.evaluate(
            "one => { one.style.scrollMarginTop = '70px'; one.scrollIntoView({block: 'start'}); }"  # below the head
        )
        page.mouse.move(1, 1)
        page.wait_for_timeout(500)
    return keep(page.screenshot(), FOLDER / f"{shot.name}.png")


def _at_rest(page: Page) -> None:
    """Nothing runs, nothing has changed for a while, and no request is under way."""
    page.wait_for_function(
        "(quiet) => window.watched.state === 'notRunning' && performance.now() - window.watched.last > quiet",
        arg=4 * QUIET,
    )
    page.wait_for_load_state("networkidle")


def keep(png: bytes, path: Path) -> int:
    """Write a picture, in 256 colours where it would be too large with all."""
    picture = Image.open(BytesIO(png)).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise RuntimeError(f"{path.name} has {size:,} bytes, more than {MOST_BYTES:,}: photograph less of the page.")
    return size


if __name__ == "__main__":
    sys.exit(main())
