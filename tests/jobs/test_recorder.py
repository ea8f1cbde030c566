"""What a training job writes: a second report takes the first's place, and a rewind forgets exactly what came later."""

import pytest
from sqlalchemy import select

from core.jobs import queue
from core.jobs.reporter import Reporter
from core.jobs.tasks.train import RunRecorder
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job, Run
from core.training.recorder import Metric, RoundReport
from tests.pages.synthetic import add_dataset, add_run

pytestmark = pytest.mark.both_databases


@pytest.fixture
def recorder(store: Store, settings: Settings) -> RunRecorder:
    run = add_run(store, add_dataset(store, "d", n_train=20, n_dev=10), "r", status="queued", steps=())
    with store.writing() as session:
        queue.submit(session, "train", {}, run_id=run.id, max_queue=9)
    job = queue.claim(store, "w", "cpu")
    return RunRecorder(Reporter(store, settings, job, str(job.lease_token)), run.id)


def a_round(number: int, step: int, last: int) -> RoundReport:
    return RoundReport(
        number, step, last - 3, last, "influence", 1e-4, 75, 1.5, (0.2, 0.1), (0.4, 0.2), (0.3, None, 0.1)
    )


def values(store: Store) -> list[tuple[str, int, float]]:
    found = queries.metrics(store, the_run(store).id)
    return sorted(zip(found["name"], found["step"].tolist(), found["value"].tolist(), strict=True))


def the_run(store: Store) -> Run:
    return queries.get_run(store, "r")


def the_job(store: Store) -> Job:
    with store.reading() as session:
        return session.scalars(select(Job)).one()


def test_a_number_that_is_reported_again_takes_the_new_value(store: Store, recorder: RunRecorder) -> None:
    recorder.metrics([Metric(1, "cid", 0.5), Metric(2, "cid", 0.4)])
    recorder.metrics([Metric(2, "cid", 0.3)])
    recorder.flush()
    assert [row for row in values(store) if row[0] == "cid"] == [("cid", 1, 0.5), ("cid", 2, 0.3)]


def test_rounds_are_kept_once_and_read_in_order(store: Store, recorder: RunRecorder) -> None:
    for number, step, last in ((1, 50, 4), (2, 100, 8), (2, 100, 8)):
        recorder.round(a_round(number, step, last))
    found = queries.rounds(store, [the_run(store).id])
    assert [(one.number, one.step, one.first, one.last, one.kind) for one in found] == [
        (1, 50, 1, 4, "influence"),
        (2, 100, 5, 8, "influence"),
    ]
    assert found[0].report["cid"] == [0.3, None, 0.1]


def test_a_rewind_forgets_label_steps_and_tuning_steps_apart(store: Store, recorder: RunRecorder) -> None:
    recorder.metrics([Metric(step, name, 1.0) for step in (3, 7) for name in ("cid", "round_loss", "roundabout")])
    for number, step, last in ((1, 3, 4), (2, 7, 8)):
        recorder.round(a_round(number, step, last))
    recorder.rewind(3, 7)
    kept = [(name, step) for name, step, _ in values(store) if name in ("cid", "round_loss", "roundabout")]
    assert kept == [("cid", 3), ("round_loss", 3), ("round_loss", 7), ("roundabout", 3)]
    assert [one.number for one in queries.rounds(store, [the_run(store).id])] == [1]
    recorder.rewind(0, 0)
    assert values(store) == []
    assert not queries.rounds(store, [the_run(store).id])


def test_everything_is_in_the_database_after_a_flush(store: Store, recorder: RunRecorder) -> None:
    recorder.metrics([Metric(1, "cid", 0.5)])
    recorder.flush()
    assert ("cid", 1, 0.5) in values(store)
    with store.reading() as session:
        assert session.scalars(select(Job.status)).one() == "running"


def test_that_it_is_at_work_is_told_at_once_and_how_far_it_is_within_a_second(
    store: Store, recorder: RunRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = the_job(store)
    recorder.flush()
    monkeypatch.setattr("core.jobs.reporter.EVERY_SECONDS", 3600.0)
    recorder.progress(1, 100, "Epoch 1 of 10")
    assert (the_job(store).progress, the_job(store).message) == (0.01, "Epoch 1 of 10")
    recorder.progress(2, 100, "Epoch 1 of 10")
    assert the_job(store).progress == 0.01
    monkeypatch.setattr("core.jobs.reporter.EVERY_SECONDS", 0.0)
    queue.request_cancel(store, job.id)
    recorder.progress(3, 100, "Epoch 1 of 10")
    assert the_job(store).progress == 0.03
    assert recorder.should_stop()
