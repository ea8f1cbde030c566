"""Whatever happens to the dashboard, there is one worker, and its job goes on: many first visitors, kill -9, a restart."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from core.jobs.processes import is_alive
from core.settings import PROJECT
from core.store import queries
from core.store.tables import Job, Worker
from tests.browser.server import PATIENCE, Dashboard, serving
from tests.faults.stubs import stub_jobs, submit, until

SLEEP = """
    time.sleep(300)
"""


@pytest.fixture
def sleeping_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub_jobs(tmp_path / "stub", monkeypatch, SLEEP)
    monkeypatch.setenv("UNCONFOUND_DEMO", "false")
    monkeypatch.setenv("UNCONFOUND_WORKER_IDLE_SECONDS", "5")


def the_worker(dashboard: Dashboard) -> Worker:
    [worker] = queries.live_workers(dashboard.store)
    return worker


def started(dashboard: Dashboard, job: Job) -> Callable[[], bool]:
    return lambda: queries.get_job(dashboard.store, job.id).pid is not None


@pytest.mark.usefixtures("sleeping_jobs")
def test_first_visitors_a_killed_server_and_a_restart_make_one_worker(tmp_path: Path, browser: Browser) -> None:
    home = tmp_path / "home"
    with serving(home) as first:
        tabs = [browser.new_context().new_page() for _ in range(3)]
        for tab in tabs:
            tab.set_default_timeout(PATIENCE)
            tab.goto(f"{first.url}/jobs", wait_until="commit")
        for tab in tabs:
            expect(tab.get_by_role("heading", name="Jobs").first).to_be_visible(timeout=PATIENCE)
        job = submit(first.store)
        until(started(first, job))
        worker, before = the_worker(first), queries.get_job(first.store, job.id)
        for tab in tabs:
            tab.context.close()
        os.kill(first.pid, signal.SIGKILL)
        until(lambda: psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE)
        assert is_alive(before.pid, before.pid_started)
        with serving(home) as second:
            assert the_worker(second).id == worker.id
            now = queries.get_job(second.store, job.id)
            assert (now.status, now.pid, now.attempts) == ("running", before.pid, 1)


@pytest.mark.usefixtures("sleeping_jobs")
def test_a_killed_worker_is_started_again_without_a_visitor(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as dashboard:
        job = submit(dashboard.store)
        until(started(dashboard, job))
        worker = the_worker(dashboard)
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: queries.get_job(dashboard.store, job.id).attempts == 2 and started(dashboard, job)())
        assert the_worker(dashboard).id != worker.id


@pytest.mark.usefixtures("sleeping_jobs")
def test_an_edited_app_makes_no_second_worker(tmp_path: Path, browser: Browser) -> None:
    app = PROJECT / f"app_{os.getpid()}.py"
    app.write_bytes((PROJECT / "app.py").read_bytes())
    try:
        with serving(tmp_path / "home", app.name) as dashboard:
            tab = browser.new_context().new_page()
            tab.goto(f"{dashboard.url}/jobs")
            expect(tab.get_by_role("heading", name="Jobs").first).to_be_visible(timeout=PATIENCE)
            job = submit(dashboard.store)
            until(started(dashboard, job))
            worker = the_worker(dashboard)
            app.write_bytes(app.read_bytes() + b"\n# edited\n")
            tab.reload()
            expect(tab.get_by_role("heading", name="Running").first).to_be_visible(timeout=PATIENCE)
            assert the_worker(dashboard).id == worker.id
            assert queries.get_job(dashboard.store, job.id).attempts == 1
            tab.context.close()
    finally:
        with suppress(FileNotFoundError):
            app.unlink()
