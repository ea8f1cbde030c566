"""What needs attention is told, once, with what to do; what was put away stays away until something new happens."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import update

from core.actions import attention as module
from core.actions.attention import attention, dismiss, show_again
from core.actions.deleting import delete_run
from core.jobs import queue
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run, now
from tests.pages import synthetic
from tests.pages.visits import job, keep, worker

pytestmark = pytest.mark.both_databases


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return keep(store, n_train=60, n_dev=20)


def told(store: Store, settings: Settings) -> list[str]:
    return [one.text for one in attention(store, settings).notices]


def kinds(store: Store, settings: Settings) -> list[str]:
    return [one.kind for one in attention(store, settings).notices]


def grouped(store: Store, dataset: Dataset, seeds: int, group: str = "sweep", **values: object) -> list[Run]:
    runs = [synthetic.add_run(store, dataset, f"{group}-{seed}", seed=seed, steps=(10,)) for seed in range(seeds)]
    with store.writing() as session:
        session.execute(update(Run).where(Run.id.in_([run.id for run in runs])).values(group=group, **values))
    return runs


def diagnosed(store: Store, run: Run, verdict: str = "confounded", cid: float = 0.3) -> None:
    row = synthetic.add_diagnosis(store, run, step=10, effect=cid, probes=4, draws=10)
    with store.writing() as session:
        session.execute(update(type(row)).where(type(row).id == row.id).values(verdict=verdict, cid=cid))


def test_an_empty_store_needs_nothing(store: Store, settings: Settings) -> None:
    assert told(store, settings) == []


def test_seeds_that_failed_to_fit_are_told_by_their_group(store: Store, settings: Settings, dataset: Dataset) -> None:
    runs = grouped(store, dataset, 5)
    with store.writing() as session:
        unfit = [runs[1].id, runs[3].id]
        session.execute(update(Run).where(Run.id.in_(unfit)).values(failed_to_fit=True))
    found = next(one for one in attention(store, settings).notices if one.kind == "unfit")
    assert found.text == "Two seeds of sweep have not learned their training set; their other numbers say nothing."
    assert {name for _, name in found.runs} == {"sweep-1", "sweep-3"}
    assert found.detail == "Seeds 1, 3."


def test_a_group_that_leans_on_the_confound_is_one_line_and_a_run_alone_another(
    store: Store, settings: Settings, dataset: Dataset
) -> None:
    for place, run in enumerate(grouped(store, dataset, 3)):
        diagnosed(store, run, cid=0.2 + place / 10)
    alone = synthetic.add_run(store, dataset, "alone", steps=(10,))
    diagnosed(store, alone)
    synthetic.add_run(store, dataset, "demo", steps=(10,), demo=True)
    texts = told(store, settings)
    assert texts == ["alone leans on the confound.", "All 3 seeds of sweep lean on the confound."]
    assert "CID 0.20 to 0.40." in attention(store, settings).notices[1].detail


def test_a_pause_says_since_when_by_whom_and_why(store: Store, settings: Settings) -> None:
    queue.pause(store, who="ada", why="The cooler is being cleaned.")
    found = attention(store, settings).notices[0]
    assert found.text.startswith("The queue is paused since ")
    assert " by ada: no job is started." in found.text
    assert found.detail == "The cooler is being cleaned."
    assert found.cure == "python -m core jobs resume"
    queue.pause(store, who="grace")
    assert queue.paused(store).who == "ada"  # the first one stays
    queue.resume(store)
    assert told(store, settings) == []


def test_jobs_that_wait_need_a_worker(store: Store, settings: Settings, dataset: Dataset) -> None:
    run = synthetic.add_run(store, dataset, "r", status="queued", steps=())
    job(store, run, status="queued")
    assert told(store, settings) == ["Jobs wait, but no worker is alive."]
    worker(store)
    assert told(store, settings) == []


@pytest.mark.parametrize(
    ("free", "waits", "words"),
    [
        (99, False, "The disk is nearly full: 99 MiB are free"),
        (49, False, "The disk is full: 49 MiB"),
        (49, True, "Jobs wait for disk space: 49 MiB are free, 50 MiB are needed to start a job."),
    ],
)
def test_a_full_disk_is_told_with_what_deleted_runs_would_free(
    store: Store,
    settings: Settings,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    waits: bool,
    words: str,
) -> None:
    monkeypatch.setattr(module.psutil, "disk_usage", lambda _path: SimpleNamespace(free=free * 2**20))
    run = synthetic.add_run(store, dataset, "r", steps=(10,))
    delete_run(store, run)
    if waits:
        job(store, None, status="queued")
        worker(store)
    found = attention(store, settings).notices[0]
    assert found.text.startswith(words)
    assert "Deleted runs hold 90 MB" in found.detail
    dismiss(store, found.key)
    assert kinds(store, settings) == ["disk"]  # what stops work cannot be put away


def test_a_job_without_progress_is_told_as_hung(store: Store, settings: Settings, dataset: Dataset) -> None:
    run = synthetic.add_run(store, dataset, "r", status="running", steps=())
    job(store, run, status="running", attempts=1, progress_at=now() - timedelta(minutes=45))
    worker(store)
    assert told(store, settings) == ["The training of r has made no progress for 45 minutes and seems to hang."]


def test_failures_in_a_row_are_counted_until_one_succeeds(store: Store, settings: Settings, dataset: Dataset) -> None:
    run = synthetic.add_run(store, dataset, "r", steps=(10,))
    diagnosed(store, run, verdict="not_confounded")
    old = now() - timedelta(hours=1)
    for place, status in enumerate(("failed", "done", "failed", "failed")):
        job(
            store,
            run,
            kind="diagnose",
            status=status,
            error="Out of memory.",
            created_at=old + timedelta(minutes=place),
        )
    found = attention(store, settings).notices
    assert [one.text for one in found] == ["The diagnosis of r failed twice in a row."]
    assert found[0].detail == "Out of memory."
    job(store, run, kind="diagnose", status="done")
    assert told(store, settings) == []


def test_a_job_that_was_interrupted_is_told_while_it_is_tried_again(
    store: Store, settings: Settings, dataset: Dataset
) -> None:
    run = synthetic.add_run(store, dataset, "r", status="running", steps=())
    worker(store)
    there = job(store, run, status="running", attempts=1, progress_at=now())
    assert told(store, settings) == []
    with store.writing() as session:
        session.execute(update(Job).where(Job.id == there.id).values(attempts=3))
    assert told(store, settings) == ["The training of r was interrupted twice and is being tried again."]


def test_finished_runs_that_nobody_has_diagnosed_are_one_line(
    store: Store, settings: Settings, dataset: Dataset
) -> None:
    first = synthetic.add_run(store, dataset, "first", steps=(10,))
    assert told(store, settings) == ["first has finished, but nobody has asked it what it learned from."]
    synthetic.add_run(store, dataset, "second", steps=(10,))
    assert told(store, settings)[0].startswith("2 runs have finished, but nobody has asked them")
    worker(store)
    job(store, first, kind="diagnose", status="queued")
    assert told(store, settings) == ["second has finished, but nobody has asked it what it learned from."]


def test_a_line_stays_away_until_something_new_happens(store: Store, settings: Settings, dataset: Dataset) -> None:
    run = synthetic.add_run(store, dataset, "r", steps=(10,))
    diagnosed(store, run)
    found = attention(store, settings).notices[0]
    dismiss(store, found.key)
    dismiss(store, found.key)
    looked = attention(store, settings)
    assert (looked.notices, [one.text for one in looked.away]) == ((), ["r leans on the confound."])
    diagnosed(store, run)  # another diagnosis says it once more
    assert told(store, settings) == ["r leans on the confound."]
    assert show_again(store) == 1
    assert attention(store, settings).away == ()


def test_deleted_runs_need_no_attention(store: Store, settings: Settings, dataset: Dataset) -> None:
    run = synthetic.add_run(store, dataset, "r", status="failed", steps=())
    job(store, run, kind="diagnose", status="failed")
    assert kinds(store, settings) == ["job_failed", "failed"]
    delete_run(store, run)
    assert told(store, settings) == []


def test_hostile_names_are_told_as_they_are(store: Store, settings: Settings, dataset: Dataset) -> None:
    synthetic.add_run(store, dataset, "<b>**x**</b> :red[y]", status="failed", steps=())
    assert told(store, settings) == ["<b>**x**</b> :red[y] failed; its log says why."]
    assert queries.list_runs(store)[0].name == "<b>**x**</b> :red[y]"
