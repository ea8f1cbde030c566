"""Eight visitors at once on a fresh server, a run that is cancelled and resumed, a link into a bin after a restart."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from core.actions.training import start_training
from core.jobs.logs import read_log
from core.settings import Settings
from core.store import queries
from core.store.engine import open_store
from tests.browser.server import PATIENCE, serving, settle, visit
from tests.browser.states import path_of
from tests.pages.synthetic import STEPS, fill
from tests.pages.visits import PAGES, keep

WORK = 240_000  # ms for a job on a busy machine
VISITORS = 8


def test_eight_visitors_at_once_all_see_their_page(tmp_path: Path, browser: Browser) -> None:
    errors: list[str] = []
    with serving(tmp_path / "home") as fresh:
        tabs = [browser.new_context().new_page() for _ in range(VISITORS)]
        pages = [PAGES[number % len(PAGES)] for number in range(VISITORS)]
        for tab, name in zip(tabs, pages, strict=True):
            tab.set_default_timeout(2 * PATIENCE)
            tab.on("pageerror", lambda error: errors.append(str(error)))
            tab.goto(f"{fresh.url}/{path_of(name)}", wait_until="commit")
        for tab, name in zip(tabs, pages, strict=True):
            settle(tab)
            title = "Unconfound" if name == "overview" else path_of(name).capitalize()
            expect(tab.get_by_role("heading", name=title, level=1).first).to_be_visible(timeout=2 * PATIENCE)
            assert tab.get_by_test_id("stException").count() == 0
            assert tab.get_by_text("stopped on an error").count() == 0
        assert len(queries.live_workers(fresh.store)) <= 1
        for tab in tabs:
            tab.context.close()
        # The demo is there one time, not eight.
        names = [run.name for run in queries.list_runs(fresh.store)]
        assert names
        assert len(names) == len(set(names))
    assert errors == []


def test_a_cancelled_run_goes_on_and_ends(tmp_path: Path, page: Page) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(home=home)
    store = open_store(settings)
    store.migrate()
    dataset = keep(store)
    with serving(home, UNCONFOUND_DEMO="false") as dashboard:
        options = {"label_epochs": "30", "batch_size": "4"}
        run = start_training(store, settings, dataset, encoder="tiny", options=options).run
        visit(page, f"{dashboard.url}/jobs")
        expect(page.get_by_text(re.compile(r"[1-9]\d* % · Epoch"))).to_be_visible(timeout=WORK)
        page.get_by_role("button", name="Cancel").first.click()
        expect(page.get_by_text("Nothing runs at the moment.")).to_be_visible(timeout=WORK)
        [job] = queries.list_jobs(store, run_id=run.id)
        assert job.status == "cancelled"
        reached = job.progress
        assert 0 < reached < 1

        visit(page, f"{dashboard.url}/jobs?job={job.id}")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("Back in the queue.")).to_be_visible()
        done = page.get_by_test_id("stMain").get_by_text(re.compile(r"done$"))
        expect(done.first).to_be_visible(timeout=WORK)  # the page follows it to its end by itself
        [job] = queries.list_jobs(store, run_id=run.id)
        assert job.status == "done"
        expect(page.get_by_text(re.compile("Going on after step")).first).to_be_visible()  # and not from the beginning
        assert read_log(store, job.id)[0].count("Going on after step") == 1
        visit(page, f"{dashboard.url}/train?run={run.id}")
        expect(page.get_by_text("What it reached")).to_be_visible()
        page.goto("about:blank")


def test_a_link_into_a_bin_opens_after_a_restart(tmp_path: Path, page: Page) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = open_store(Settings(home=home))
    store.migrate()
    run = fill(store).run
    probes = queries.diagnoses(store, run.id)[-1].report["probes"]
    store.engine.dispose()
    query = f"diagnose?run={run.name}&step={STEPS[-1]}&probe={probes[3]['id']}&bin=12-20"
    with serving(home) as first:
        visit(page, f"{first.url}/{query}")
        chosen = page.get_by_text(re.compile(r"^Influence .* with the same confound")).last
        expect(chosen).to_be_visible()
        said, rest = chosen.inner_text(), page.url.removeprefix(first.url)
        page.goto("about:blank")
    with serving(home) as second:
        visit(page, second.url + rest)
        expect(page.get_by_text(said).last).to_be_visible()
        assert page.url == second.url + rest
        page.goto("about:blank")
