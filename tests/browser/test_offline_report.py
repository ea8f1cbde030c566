"""The report as somebody opens it: a file, by double click, without any network, whatever stands in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from core.actions.comparing import compare_groups
from core.reports.comparison_report import comparison_report
from core.reports.run_report import run_report
from core.settings import Settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.tables import Run
from tests.actions.test_comparing import CIDS, FT, IT, add_group
from tests.pages import synthetic

BREAKING = (
    "</script><script>document.title = 'broken'; alert(1)</script>",
    "<img src=https://example.invalid/a.png onerror=alert(1)><svg onload=alert(1)>",
    "![picture](https://example.invalid/pixel.png) [link](javascript:alert(1)) {{ 7 * 7 }} {% raw %}",
    '<a href="https://example.invalid">x</a> <!-- <script> "\' ]]> \u2028 \u2029 \x00 \x07 &lt;b&gt;',
    "هذا نص من اليمين إلى اليسار ‮override",
    "👩‍👩‍👧‍👦 🏳️‍🌈 ✨",
    "A" * 50_000,
    "word " * 10_000,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of a store in which everything that can be named has a name that wants to break out."""
    home = tmp_path_factory.mktemp("reports")
    store = open_store(Settings(home=home, database_url=None))
    store.migrate()
    filled = synthetic.fill(store)
    synthetic.add_rounds(store, filled.run)
    run = _hostile_run(store)
    for name, values, cids in (("ft" + BREAKING[0], FT, CIDS["ft"]), ("it" + BREAKING[1], IT, CIDS["it"])):
        add_group(store, filled.dataset, name, values, cids=cids)
    compared = compare_groups(store, ["ft" + BREAKING[0], "it" + BREAKING[1]])
    reports = {
        "tidy": run_report(store, filled.run),
        "hostile": run_report(store, run),
        "comparison": comparison_report(compared),
    }
    made = {}
    for name, text in reports.items():
        made[name] = home / f"{name}.html"
        made[name].write_bytes(text.encode("utf-8"))
    return made


def _hostile_run(store: Store) -> Run:
    dataset = synthetic.add_dataset(store, "data" + BREAKING[1], n_train=300, n_dev=80)
    frame = store.artifacts.read_table(dataset.path)
    frame["text"] = [BREAKING[place % len(BREAKING)] for place in range(len(frame))]
    frame["confound"] = frame["confound"].map({"negative": BREAKING[0], "positive": BREAKING[3]})
    store.artifacts.write_table(dataset.path, frame)
    run = synthetic.add_run(store, dataset, "run" + BREAKING[0], error=BREAKING[2] * 20)
    for step in (200, 240):
        synthetic.add_diagnosis(store, run, step=step, effect=0.2, probes=16)
    with store.writing() as session:
        row = session.get_one(Run, run.id)
        row.note = "\n".join(BREAKING)
        row.config = {**row.config, BREAKING[0]: BREAKING[1], "half": "\ud83d"}
        row.versions = {BREAKING[2]: BREAKING[3]}
        row.group = BREAKING[1]
    return queries.get_run(store, run.id)


class Watched:
    """A tab that may fetch nothing, and what it tried."""

    def __init__(self, browser: Browser, width: int, scheme: str) -> None:
        self.scheme = scheme
        self.context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"a text ran as a script: {dialog.message}"))
        self.context.route("**/*", self._refuse)

    def _refuse(self, route: Route) -> None:
        if route.request.url.startswith("file:") and route.request.is_navigation_request():
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()

    def open(self, file: Path) -> Page:
        self.page.emulate_media(color_scheme=self.scheme)
        self.page.goto("about:blank")
        self.asked.clear()
        self.errors.clear()
        self.page.goto(file.as_uri())
        self.page.wait_for_function(
            "document.querySelectorAll('.figure .main-svg').length >= document.querySelectorAll('.figure').length"
        )
        return self.page


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=["wide, light", "narrow, dark"])
def watched(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Watched]:
    tab = Watched(browser, *request.param)
    yield tab
    tab.context.close()


@pytest.fixture(scope="module")
def wide(browser: Browser) -> Iterator[Watched]:
    """For what no width and no colour can change."""
    tab = Watched(browser, 1280, "light")
    yield tab
    tab.context.close()


@pytest.mark.parametrize("name", ["tidy", "hostile", "comparison"])
def test_it_opens_from_the_disk_and_asks_for_nothing(files: dict[str, Path], watched: Watched, name: str) -> None:
    page = watched.open(files[name])
    assert page.locator(".js-plotly-plot").count() == page.locator(".figure").count() >= 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.title() != "broken"
    assert page.evaluate("document.scripts.length") == page.locator(".figure").count() + 2
    assert page.locator("img, iframe, object, embed, main svg[onload], [onerror], [onload]").count() == 0
    links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    assert all(one.startswith("https://") and "example.invalid" not in one for one in links)
    assert watched.asked == []
    assert watched.errors == []


def test_what_got_past_the_escaping_would_do_nothing(files: dict[str, Path], wide: Watched, tmp_path: Path) -> None:
    """The policy alone: scripts, pictures and requests put into the file by force are refused."""
    broken = tmp_path / "broken.html"
    text = files["tidy"].read_text(encoding="utf-8")
    attack = (
        "<main><script>document.title = 'broken'</script><img src=https://example.invalid/a.png onerror=\"document.title='broken'\">"
        '<link rel=stylesheet href=https://example.invalid/a.css><iframe src="https://example.invalid"></iframe>'
    )
    broken.write_text(text.replace("<main>", attack, 1), encoding="utf-8")
    page = wide.open(broken)
    page.evaluate("fetch('https://example.invalid/x').catch(() => 0)")
    page.wait_for_timeout(300)
    assert page.title() != "broken"
    assert wide.asked == []
    assert len(wide.errors) >= 4


def test_figures_follow_light_and_dark_and_print_light(files: dict[str, Path], wide: Watched) -> None:
    page = wide.open(files["tidy"])
    ink = "getComputedStyle(document.querySelector('.figure .xtick text')).fill"
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(500)
        seen[scheme] = page.evaluate(ink), page.evaluate(ground)
    assert seen == {
        "dark": ("rgb(232, 234, 238)", "rgb(20, 23, 29)"),
        "light": ("rgb(31, 36, 48)", "rgb(255, 255, 255)"),
    }
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_timeout(300)
    assert page.evaluate(ink) == "rgb(31, 36, 48)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_timeout(300)
    assert page.evaluate(ink) == "rgb(232, 234, 238)"
    assert page.pdf()[:5] == b"%PDF-"
    assert wide.errors == []


def test_every_figure_is_saved_as_png_and_svg(files: dict[str, Path], wide: Watched) -> None:
    page = wide.open(files["tidy"])
    for format, beginning in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        button = page.get_by_role("button", name=format).first
        with page.expect_download() as caught:
            button.click()
        saved = caught.value
        assert saved.suggested_filename == f"headlines-finetune-2021-cid-over-training.{format.lower()}"
        content = Path(saved.path()).read_bytes()
        assert content.startswith(beginning)
        assert len(content) > 5_000
    assert wide.asked == []
    assert wide.errors == []
