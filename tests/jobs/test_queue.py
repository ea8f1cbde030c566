"""The jobs table as a queue: order, tokens, cancelling, what depends on what."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from core.errors import UserError
from core.jobs import queue
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run, now

pytestmark = pytest.mark.both_databases


def submit(store: Store, kind: str = "diagnose", **options: object) -> Job:
    with store.writing() as session:
        return queue.submit(session, kind, {}, max_queue=100, **options)


def claim(store: Store) -> Job | None:
    return queue.claim(store, "worker", "cpu")


def run_on_a_dataset(store: Store) -> Run:
    data = Dataset(name="d", path="x", sha256="0", labels=[], confounds=[], mapping={}, profile={}, sources={})
    with store.writing() as session:
        session.add(data)
        session.flush()
        run = Run(name="r", dataset_id=data.id, method="finetune", encoder="tiny", seed=1, config={}, data_sha256="0")
        session.add(run)
    return run


def test_jobs_are_claimed_by_priority_then_age(store: Store) -> None:
    old, new, urgent = submit(store), submit(store), submit(store, priority=5)
    assert [claim(store).id for _ in range(3)] == [urgent.id, old.id, new.id]
    assert claim(store) is None


def test_a_job_waits_for_the_one_before_it(store: Store) -> None:
    first = submit(store)
    second = submit(store, after=first)
    held = claim(store)
    assert held.id == first.id
    assert claim(store) is None
    assert queue.finish(store, first.id, held.lease_token, "done")
    assert claim(store).id == second.id


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_waits_for_a_job_that_does_not_succeed_is_cancelled(store: Store, status: str) -> None:
    first = submit(store)
    second = submit(store, after=first)
    third = submit(store, after=second)
    held = claim(store)
    queue.finish(store, first.id, held.lease_token, status, error="why")
    assert [queries.get_job(store, one.id).status for one in (second, third)] == ["cancelled", "cancelled"]
    assert "job before it" in queries.get_job(store, second.id).message


def test_nobody_writes_without_the_token(store: Store) -> None:
    job = submit(store)
    claim(store)
    with pytest.raises(queue.LeaseLostError), store.writing() as session:
        queue.report(session, job.id, "wrong", 0.5, "…")
    with pytest.raises(queue.LeaseLostError):
        queue.renew(store, job.id, "wrong")
    assert not queue.finish(store, job.id, "wrong", "done")
    assert queries.get_job(store, job.id).status == "running"


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(store: Store) -> None:
    waiting = submit(store)
    assert queue.request_cancel(store, waiting.id) == "cancelled"
    running = submit(store)
    held = claim(store)
    assert queue.request_cancel(store, running.id) == "running"
    with store.writing() as session:
        assert queue.report(session, running.id, held.lease_token, 0.1, "step 1") is True
    with pytest.raises(UserError, match="already ended"):
        queue.request_cancel(store, waiting.id)


def test_an_interrupted_job_goes_back_until_it_was_interrupted_too_often(store: Store) -> None:
    job = submit(store)
    for _ in range(job.max_attempts - 1):
        held = claim(store)
        queue.give_back(store, job.id, held.lease_token, "the worker was stopped")
        assert queries.get_job(store, job.id).status == "queued"
    held = claim(store)
    queue.give_back(store, job.id, held.lease_token, "the worker was stopped")
    found = queries.get_job(store, job.id)
    assert found.status == "failed"
    assert "interrupted 3 times" in found.error


def test_an_interruption_that_is_the_workers_own_does_not_count(store: Store) -> None:
    job = submit(store)
    for _ in range(2 * job.max_attempts):
        held = claim(store)
        queue.give_back(store, job.id, held.lease_token, "the worker was stopped", counts=False)
    assert queries.get_job(store, job.id).status == "queued"


def test_a_stale_token_gives_nothing_back(store: Store) -> None:
    job = submit(store)
    stale = claim(store).lease_token
    queue.give_back(store, job.id, stale, "its worker is gone")
    held = claim(store)
    queue.give_back(store, job.id, stale, "its worker is gone")
    found = queries.get_job(store, job.id)
    assert (found.status, found.lease_token) == ("running", held.lease_token)


def test_a_job_of_a_silent_worker_is_taken_back_when_its_lease_has_run_out_and_not_before(store: Store) -> None:
    job = submit(store)
    held = claim(store)
    queue.take_back(store, job.id, held.lease_token)
    assert queries.get_job(store, job.id).lease_token == held.lease_token
    with store.writing() as session:
        session.get_one(Job, job.id).lease_expires_at -= queue.LEASE
    queue.take_back(store, job.id, held.lease_token)
    assert queries.get_job(store, job.id).status == "queued"


def test_of_two_that_end_a_job_at_the_same_moment_one_does(store: Store) -> None:
    """Else a job that is done would run again, or one that runs again would count as done."""
    with ThreadPoolExecutor(2) as pool:
        for _ in range(25):
            job = submit(store)
            token = claim(store).lease_token
            finished = pool.submit(queue.finish, store, job.id, token, "done")
            pool.submit(queue.give_back, store, job.id, token, "it was killed").result()
            won = finished.result()
            found = queries.get_job(store, job.id)
            assert (found.status, found.progress) == (("done", 1.0) if won else ("queued", 0.0))
            if not won:
                queue.request_cancel(store, job.id)


def test_cancelled_is_terminal(store: Store) -> None:
    job = submit(store)
    held = claim(store)
    queue.request_cancel(store, job.id)
    queue.give_back(store, job.id, held.lease_token, "it was killed")
    assert queries.get_job(store, job.id).status == "cancelled"
    assert not queue.finish(store, job.id, held.lease_token, "done")
    with pytest.raises(queue.LeaseLostError):
        queue.renew(store, job.id, held.lease_token)
    assert claim(store) is None


def test_only_what_failed_can_be_tried_again(store: Store) -> None:
    job = submit(store)
    with pytest.raises(UserError, match="only a failed or cancelled job"):
        queue.retry(store, job.id)
    held = claim(store)
    queue.finish(store, job.id, held.lease_token, "failed", error="why", exit_code=1)
    queue.retry(store, job.id)
    found = queries.get_job(store, job.id)
    assert (found.status, found.error, found.exit_code) == ("queued", None, None)


def test_a_run_shares_the_status_of_its_training_job(store: Store) -> None:
    run = run_on_a_dataset(store)
    job = submit(store, "train", run_id=run.id)
    held = claim(store)
    assert queries.get_run(store, "r").status == "running"
    queue.finish(store, job.id, held.lease_token, "failed", error="why")
    found = queries.get_run(store, "r")
    assert (found.status, found.error) == ("failed", "why")


def test_a_diagnosis_does_not_touch_the_status_of_its_run(store: Store) -> None:
    run = run_on_a_dataset(store)
    job = submit(store, "diagnose", run_id=run.id)
    held = claim(store)
    queue.finish(store, job.id, held.lease_token, "failed", error="why")
    assert queries.get_run(store, "r").status == "queued"


def test_a_full_queue_says_so_and_takes_nothing(store: Store) -> None:
    submit(store)
    with pytest.raises(UserError, match="queue is full"), store.writing() as session:
        queue.submit(session, "diagnose", {}, max_queue=1)
    assert len(queries.list_jobs(store)) == 1


def test_an_unknown_job_is_named(store: Store) -> None:
    with pytest.raises(UserError, match="no job 'nope'"):
        queue.request_cancel(store, "nope")


def test_waiting_jobs_say_why_none_is_started(store: Store) -> None:
    job, running = submit(store), submit(store, priority=1)
    claim(store)
    queue.explain_wait(store, "waiting for disk space")
    assert queries.get_job(store, job.id).message == "waiting for disk space"
    assert queries.get_job(store, running.id).message == "starting"
    assert claim(store).message == "starting"


def test_a_paused_queue_starts_nothing_and_keeps_everything(store: Store) -> None:
    job = submit(store)
    queue.pause(store)
    queue.pause(store)
    assert queue.paused_since(store) is not None
    assert claim(store) is None
    queue.resume(store)
    assert queue.paused_since(store) is None
    assert claim(store).id == job.id


def test_a_waiting_job_can_be_moved_and_a_running_one_cannot(store: Store) -> None:
    first, second = submit(store), submit(store)
    queue.set_priority(store, second.id, 3)
    assert claim(store).id == second.id
    with pytest.raises(UserError, match="only a waiting job can be moved"):
        queue.set_priority(store, second.id, 0)
    assert claim(store).id == first.id


def test_a_job_that_reports_nothing_is_hung_and_a_renewed_lease_is_no_progress(store: Store) -> None:
    job = submit(store)
    held = claim(store)
    assert queue.hung(store, 30) == {}
    with store.writing() as session:
        session.get_one(Job, job.id).progress_at = now() - timedelta(minutes=31)
    queue.renew(store, job.id, held.lease_token)
    assert queue.hung(store, 30)[job.id] == pytest.approx(31, abs=0.1)
    with store.writing() as session:
        queue.report(session, job.id, held.lease_token, 0.5, "step 5")
    assert queue.hung(store, 30) == {}


def test_a_job_between_two_parts_makes_room_for_those_that_wait(store: Store) -> None:
    first = submit(store)
    held = claim(store)
    assert not queue.make_room(store, first.id, held.lease_token), "nobody waits"
    second = submit(store)
    assert not queue.make_room(store, first.id, held.lease_token), "it may still find a free device"
    _waited(store, second)
    assert not queue.make_room(store, first.id, "another token")
    queue.pause(store)
    assert not queue.make_room(store, first.id, held.lease_token), "it would not be started"
    queue.resume(store)
    assert queue.make_room(store, first.id, held.lease_token)
    back = queries.get_job(store, first.id)
    assert (back.status, back.priority, back.attempts, back.lease_token) == ("queued", -1, 0, None)
    assert "go first" in back.message

    assert claim(store).id == second.id
    held = claim(store)
    assert held.id == first.id
    third = submit(store, priority=-2)
    waiting = submit(store, after=second)
    for one in (third, waiting):
        _waited(store, one)
    assert not queue.make_room(store, first.id, held.lease_token), "one comes later anyway, the other cannot start yet"
    queue.request_cancel(store, first.id)
    _waited(store, submit(store))
    assert queue.make_room(store, first.id, held.lease_token)
    assert queries.get_job(store, first.id).status == "cancelled"


def _waited(store: Store, job: Job) -> None:
    with store.writing() as session:
        session.get_one(Job, job.id).created_at = now() - timedelta(seconds=10)
