"""Jobs: who works, what runs, waits and has ended; logs; cancel, try again, delete."""

from datetime import timedelta

import pytest

from core.jobs.supervisor import log_path
from core.store import queries
from core.store.engine import Store
from core.store.tables import now
from tests.pages import synthetic
from tests.pages.visits import healthy, job, keep, visit, words, worker


def test_without_a_worker_there_is_a_button_that_starts_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    monkeypatch.setattr("core.jobs.launch.ensure_worker", lambda settings: begun.append(settings) or True)
    monkeypatch.setattr("pages.parts.progress.ensure_worker", lambda settings: begun.append(settings) or True)
    page = visit("jobs")
    assert "No worker is alive" in words(page)
    page.button(key="start-worker").click().run()
    healthy(page)
    assert len(begun) == 1


def test_a_worker_that_is_silent_for_long_is_not_alive(store: Store) -> None:
    one = worker(store)
    assert "No worker is alive" not in words(visit("jobs"))
    with store.writing() as session:
        session.merge(one).heartbeat_at = now() - timedelta(minutes=2)
    assert "No worker is alive" in words(visit("jobs"))


def test_the_queue_shows_what_runs_with_time_left_and_what_waits(store: Store) -> None:
    worker(store)
    run = synthetic.add_run(store, keep(store), "mine", status="running", steps=())
    job(
        store,
        run,
        status="running",
        progress=0.25,
        message="Epoch 3 of 10",
        started_at=now() - timedelta(minutes=5),
    )
    waiting = job(store, run, kind="diagnose", status="queued")
    page = visit("jobs")
    said = words(page)
    assert "Training of **mine**" in said
    assert "25 %" in said
    assert "about 15 min left" in said
    assert "Waiting (1)" in said
    page.button(key=f"cancel-{waiting.id}").click().run()
    assert queries.get_job(store, waiting.id).status == "cancelled"


def test_a_failed_job_shows_why_its_log_and_can_be_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.parts.progress.ensure_worker", lambda settings: False)
    run = synthetic.add_run(store, keep(store), "mine", status="failed", steps=())
    failed = job(store, run, status="failed", error="There was not **enough** memory.", finished_at=now())
    path = log_path(store, failed.id)
    path.parent.mkdir(parents=True)
    path.write_text("line one\n<b>line two</b>\n")
    page = visit("jobs", job=failed.id)
    assert page.error[0].value.replace("\\", "") == "There was not **enough** memory."
    assert "\\*\\*enough" in page.error[0].value
    assert page.code[0].value == "line one\n<b>line two</b>"
    page.button(key="detail-retry").click().run()
    assert queries.get_job(store, failed.id).status == "queued"


def test_deleting_a_job_removes_its_log_and_leaves_its_run(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine")
    ended = job(store, run, status="done", finished_at=now())
    path = log_path(store, ended.id)
    path.parent.mkdir(parents=True)
    path.write_text("x")
    page = visit("jobs", job=ended.id)
    page.button(key="detail-delete").click().run()
    healthy(page)
    assert queries.list_jobs(store) == []
    assert not path.exists()
    assert queries.get_run(store, "mine")


def test_a_job_that_is_gone_is_said_to_be_gone(store: Store) -> None:
    assert "There is no such job" in words(visit("jobs", job="nothing"))


def test_ended_jobs_are_listed_with_their_reason(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine", status="failed", steps=())
    job(store, run, status="failed", error="no memory", started_at=now() - timedelta(seconds=90), finished_at=now())
    line = visit("jobs").dataframe[0].value.iloc[0]
    assert (line["What"], line["Run"], line["Ended as"], line["Took"], line["Why"]) == (
        *("Training", "mine", "failed", "1 min 30 s", "no memory"),
    )
