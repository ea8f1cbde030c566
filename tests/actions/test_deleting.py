"""A deleted run is in no list and can be brought back, until it is removed for good with everything that is its own."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from core.actions import deleting
from core.actions.annotating import LONGEST_NOTE, rename_run, set_note
from core.actions.deleting import delete_dataset, delete_run, find_deleted, list_deleted, remove_run, restore_run
from core.actions.names import free_name
from core.actions.summaries import run_summary
from core.actions.tuning import tree
from core.errors import NotFoundError, UserError
from core.jobs import queue
from core.jobs.housekeeping import Housekeeper, remove_overdue
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Job, Metric, Run, now
from core.views.diagnoses import run_choices
from tests.pages import synthetic
from tests.pages.visits import job, keep

pytestmark = pytest.mark.both_databases


@pytest.fixture
def run(store: Store) -> Run:
    """A run with a diagnosis, two groups' worth of siblings away."""
    return synthetic.add_run(store, keep(store, n_train=60, n_dev=20), "mine", steps=(10, 20))


def count(store: Store, table: type[Run] | type[Metric] | type[Job]) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def long_ago(store: Store, run: Run, days: float) -> None:
    with store.writing() as session:
        session.execute(update(Run).where(Run.id == run.id).values(deleted_at=now() - timedelta(days=days)))


def test_a_deleted_run_is_in_no_list_and_comes_back_as_it_was(store: Store, settings: Settings, run: Run) -> None:
    diagnosis = synthetic.add_diagnosis(store, run, step=20, effect=0.3, probes=8, draws=20)
    job(store, run, status="done")
    with store.writing() as session:
        session.execute(update(Run).values(group="g"))
    before = run_summary(store, queries.get_run(store, "mine"))
    delete_run(store, run)

    assert queries.list_runs(store) == []
    assert queries.find_run(store, "mine") is None
    assert queries.runs_of_group(store, "g") == []
    assert queries.runs_of_method(store, run.dataset_id, "finetune") == []
    assert queries.list_diagnoses(store) == []
    assert queries.list_jobs(store) == []
    assert run_choices(store) == []
    assert queries.counts(store)["runs"] == queries.counts(store)["diagnoses"] == 0
    for name in ("mine", run.id):
        with pytest.raises(NotFoundError):
            queries.get_run(store, name)
    with pytest.raises(NotFoundError):
        queries.get_diagnosis(store, diagnosis.id)
    there = list_deleted(store, settings)
    assert [(one.name, one.bytes) for one in there] == [("mine", 180_000_000)]
    assert there[0].until - there[0].deleted_at == timedelta(days=settings.deleted_days)

    assert restore_run(store, find_deleted(store, "mine")).name == "mine"
    assert run_summary(store, queries.get_run(store, "mine")) == before
    assert len(queries.list_jobs(store)) == 1
    assert list_deleted(store, settings) == []


def test_its_name_is_free_and_it_comes_back_with_a_number_where_that_is_taken(store: Store, run: Run) -> None:
    delete_run(store, run)
    assert free_name(store, Run, "mine", "x") == "mine"
    second = synthetic.add_run(store, queries.get_dataset(store, run.dataset_id), "mine", steps=())
    delete_run(store, second)
    assert find_deleted(store, "mine").id == second.id  # the last deleted
    restore_run(store, second)
    assert restore_run(store, find_deleted(store, run.id)).name == "mine-2"


def test_deleting_twice_says_so(store: Store, run: Run) -> None:
    delete_run(store, run)
    with pytest.raises(NotFoundError, match="somebody else has deleted it"):
        delete_run(store, run)


def test_a_running_run_asks_and_is_cancelled_first(store: Store, run: Run) -> None:
    running = job(store, run, status="running", lease_token="t", lease_expires_at=now() + timedelta(minutes=1))
    waiting = job(store, run, kind="diagnose", status="queued", after_id=running.id)
    with pytest.raises(UserError, match="still works on the run 'mine'"):
        delete_run(store, run)
    assert queries.get_run(store, "mine").deleted_at is None
    delete_run(store, run, cancel=True)
    assert queries.get_job(store, waiting.id).status == "cancelled"
    assert queries.get_job(store, running.id).cancel_requested_at is not None
    told = queries.list_jobs(store, active=True)
    assert [(one.id, one.run) for one in told] == [(running.id, "mine")]  # what still stops is told
    assert queue.finish(store, running.id, "t", "cancelled")
    assert queries.list_jobs(store) == []
    assert queries.list_jobs(store, job_id=running.id)[0].run == "mine"
    back = restore_run(store, find_deleted(store, "mine"))
    assert queries.get_run(store, back.id).status == "cancelled"


def test_nothing_new_begins_on_a_deleted_run(store: Store, run: Run) -> None:
    failed = job(store, run, status="failed")
    delete_run(store, run)
    with (
        pytest.raises(UserError, match=f"'mine' has been deleted.*run restore {run.id}"),
        store.writing() as session,
    ):
        queue.submit(session, "diagnose", {}, run_id=run.id, max_queue=9)
    with pytest.raises(UserError, match="has been deleted"):
        queue.retry(store, failed.id)
    for change in (lambda: set_note(store, run, "x"), lambda: rename_run(store, run, "other")):
        with pytest.raises(NotFoundError):
            change()


def test_a_child_goes_on_without_its_parent(store: Store, run: Run) -> None:
    dataset = queries.get_dataset(store, run.dataset_id)
    children = [synthetic.add_run(store, dataset, name, parent=(run, 20), steps=(10,)) for name in ("one", "two")]
    delete_run(store, run)
    child = queries.get_run(store, "one")
    assert run_summary(store, child)["parent"] is None
    assert queries.parent_of(store, child) is None
    assert queries.get_run(store, run.id, even_deleted=True).id == run.id  # a child's job still finds its weights
    assert [branch.run.name for branch in tree(store, child)] == ["one", "two"]
    restore_run(store, run)
    assert run_summary(store, queries.get_run(store, "one"))["parent"] == "mine"
    assert [branch.depth for branch in tree(store, children[0])] == [0, 1, 1]


def test_housekeeping_removes_what_is_overdue_with_all_its_files(store: Store, settings: Settings, run: Run) -> None:
    store.artifacts.write(f"runs/{run.id}/file", lambda path: path.write_text("x"))
    ended = job(store, run, status="done")
    store.artifacts.write(f"jobs/{ended.id}.log", lambda path: path.write_text("x"))
    other = synthetic.add_run(store, queries.get_dataset(store, run.dataset_id), "other", steps=())
    for one in (run, other):
        delete_run(store, one)
    long_ago(store, run, settings.deleted_days + 1)
    Housekeeper(store, settings).look()
    assert [one.name for one in list_deleted(store, settings)] == ["other"]
    assert count(store, Run) == 1
    assert count(store, Metric) == count(store, Job) == 0
    assert not store.artifacts.path(f"runs/{run.id}").exists()
    assert not store.artifacts.path(f"jobs/{ended.id}.log").exists()
    with pytest.raises(NotFoundError, match="removed for good"):
        restore_run(store, run)


def test_housekeeping_leaves_what_is_still_needed(store: Store, run: Run) -> None:
    child = synthetic.add_run(
        store, queries.get_dataset(store, run.dataset_id), "child", parent=(run, 20), status="queued", steps=()
    )
    delete_run(store, run)
    long_ago(store, run, 30)
    assert remove_overdue(store, 7) == 0  # the child's training has yet to read its weights
    with store.writing() as session:
        session.execute(update(Run).where(Run.id == child.id).values(status="done"))
    stopping = job(store, run, status="running")
    assert remove_overdue(store, 7) == 0
    with pytest.raises(UserError, match="still works on the run 'mine'"):
        remove_run(store, run.id)
    with store.writing() as session:
        session.execute(update(Job).where(Job.id == stopping.id).values(status="cancelled"))
    assert remove_overdue(store, 7) == 1
    assert queries.get_run(store, "child").parent_id is None


def test_a_data_set_takes_only_deleted_runs_with_it(store: Store, run: Run) -> None:
    dataset = queries.get_dataset(store, run.dataset_id)
    with pytest.raises(UserError, match=r"has runs \(mine"):
        delete_dataset(store, dataset)
    delete_run(store, run)
    delete_dataset(store, dataset)
    assert count(store, Run) == 0
    with store.reading() as session:
        assert session.get(Dataset, dataset.id) is None


def test_space_is_freed_at_once_on_request(store: Store, settings: Settings, run: Run) -> None:
    delete_run(store, run)
    assert deleting.remove_deleted(store, list_deleted(store, settings)) == 1
    assert count(store, Run) == 0


def test_a_group_that_is_another_one_by_now_is_not_joined(store: Store, run: Run) -> None:
    with store.writing() as session:
        session.execute(update(Run).values(group="g"))
    delete_run(store, run)
    other = synthetic.add_run(
        store, queries.get_dataset(store, run.dataset_id), "other", method="adversarial", steps=()
    )
    with store.writing() as session:
        session.execute(update(Run).where(Run.id == other.id).values(group="g"))
    assert restore_run(store, find_deleted(store, "mine")).group is None


def test_a_run_is_renamed_unless_the_name_is_taken(store: Store, run: Run) -> None:
    other = synthetic.add_run(store, queries.get_dataset(store, run.dataset_id), "other", steps=())
    with store.writing() as session:
        session.execute(update(Run).where(Run.id == other.id).values(group="seeds"))
    assert rename_run(store, run, " better ").name == "better"
    assert queries.get_run(store, "better").id == run.id
    for name, words in (
        ("other", "already a run"),
        ("seeds", "seed group"),
        ("a/b", "not usable"),
        ("", "needs a name"),
    ):
        with pytest.raises(UserError, match=words):
            rename_run(store, queries.get_run(store, run.id), name)


def test_a_note_is_kept_as_it_was_written_up_to_its_length(store: Store, run: Run) -> None:
    hostile = "<script>\u202e 👩‍👩‍👧 ![](http://e)\r\n\tand :red[x] \ud800 \0 end  \n\n"
    kept = set_note(store, run, hostile).note
    assert kept == "<script>\u202e 👩‍👩‍👧 ![](http://e)\n\tand :red[x] ?  end"
    assert queries.get_run(store, "mine").note == kept
    with pytest.raises(UserError, match="5,001 characters"):
        set_note(store, run, "x" * (LONGEST_NOTE + 1))
    assert queries.get_run(store, "mine").note == kept
    assert queries.runs_noting(store, "AND :RED[") == {run.id}
    assert queries.runs_noting(store, "%") == set()
    assert set_note(store, run, " ").note == ""
