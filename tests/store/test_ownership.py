"""Nobody changes what is another's, whichever way he goes; everybody may use it; the worker is not hindered."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, insert, text, update

from core.actions.annotating import rename_run, set_note
from core.actions.deleting import delete_dataset, delete_job, delete_run, list_deleted, remove_deleted, restore_run
from core.actions.training import start_training
from core.errors import NotYoursError, UserError
from core.jobs import queue
from core.people import Person
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Base, Dataset, Job, Metric, Run
from tests.pages.visits import keep

ANN, BEN = Person("ann@example.org"), Person("ben@example.org")
ROOT = Person("root@example.org", admin=True)

pytestmark = pytest.mark.both_databases


@pytest.fixture
def own(settings: Settings) -> Settings:
    """Nothing is started beside the test."""
    return settings.model_copy(update={"start_worker": False})


@pytest.fixture
def house(store: Store, own: Settings) -> Store:
    """Ann's data set `hers`, on which she and Ben each wait for a training."""
    dataset = keep(store.acting_as(ANN), "hers")
    start_training(store.acting_as(ANN), own, dataset, name="ann-run")
    start_training(store.acting_as(BEN), own, dataset, name="ben-run")
    return store


def run(store: Store, name: str = "ann-run") -> Run:
    return queries.get_run(store, name)


def job(store: Store, name: str = "ann-run") -> queries.JobRow:
    return queries.list_jobs(store, run_id=run(store, name).id)[0]


def failed(store: Store) -> str:
    found = job(store)
    with store.writing() as session:
        session.get_one(Job, found.id).status = "failed"
    return found.id


def test_what_somebody_makes_is_his_and_using_anothers_is_welcome(house: Store) -> None:
    assert queries.get_dataset(house, "hers").owner == ANN.email
    assert {one.name: one.owner for one in queries.list_runs(house.acting_as(ANN))} == {
        "ann-run": ANN.email,
        "ben-run": BEN.email,
    }, "everybody sees everything"
    assert job(house, "ben-run").owner == BEN.email
    with house.acting_as(BEN).writing() as session:
        diagnosis = queue.submit(session, "diagnose", {}, run_id=run(house).id, max_queue=9)
    assert diagnosis.owner == BEN.email


DEEDS: dict[str, Callable[[Store], object]] = {
    "rename": lambda store: rename_run(store, run(store), "bens-now"),
    "note": lambda store: set_note(store, run(store), "x"),
    "delete": lambda store: delete_run(store, run(store), cancel=True),
    "cancel": lambda store: queue.request_cancel(store, job(store).id),
    "retry": lambda store: queue.retry(store, failed(store.acting_as(None))),
    "delete the job": lambda store: delete_job(store, failed(store.acting_as(None))),
    "delete the data set": lambda store: delete_dataset(store, queries.get_dataset(store, "hers")),
    "pause": lambda store: queue.pause(store),
    "resume": lambda store: queue.resume(store),
    "move": lambda store: queue.set_priority(store, job(store, "ben-run").id, 9),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_an_action_on_anothers_is_refused_with_a_sentence(house: Store, deed: str) -> None:
    with pytest.raises(NotYoursError) as refused:
        DEEDS[deed](house.acting_as(BEN))
    assert "admin" in str(refused.value)
    assert run(house).note == ""


@pytest.mark.parametrize("person", [ROOT, None], ids=["admin", "operator"])
def test_an_admin_and_the_operator_may(house: Store, person: Person | None) -> None:
    one = house.acting_as(person)
    for deed in ("rename", "note", "cancel", "retry", "move", "pause", "resume", "delete the job"):
        name = "bens-now" if deed == "rename" else "ann-run"
        DEEDS[deed](one)
        if deed == "rename":
            rename_run(one, run(house, name), "ann-run")
    delete_run(one, run(house), cancel=True)
    delete_run(one, run(house, "ben-run"), cancel=True)
    delete_dataset(one, queries.get_dataset(house, "hers"))
    assert not queries.deleted_runs(house)


def test_a_deleted_run_is_brought_back_and_removed_by_its_owner_only(house: Store, own: Settings) -> None:
    delete_run(house.acting_as(ANN), run(house), cancel=True)
    [gone] = queries.deleted_runs(house)
    with pytest.raises(NotYoursError, match=r"'ann-run' belongs to ann@example.org"):
        restore_run(house.acting_as(BEN), gone)
    assert remove_deleted(house.acting_as(BEN), list_deleted(house, own)) == 0
    assert remove_deleted(house.acting_as(ANN), list_deleted(house, own)) == 1


def test_a_data_set_outlives_what_others_can_still_bring_back(house: Store) -> None:
    delete_run(house, run(house), cancel=True)
    delete_run(house, run(house, "ben-run"), cancel=True)
    with pytest.raises(NotYoursError, match=r"ben@example.org can still bring back the deleted run 'ben-run'"):
        delete_dataset(house.acting_as(ANN), queries.get_dataset(house, "hers"))
    assert len(queries.deleted_runs(house)) == 2, "nothing was done by halves"


def test_a_run_can_be_deleted_that_another_is_diagnosing(house: Store) -> None:
    with house.acting_as(BEN).writing() as session:
        queue.submit(session, "diagnose", {}, run_id=run(house).id, max_queue=9)
    delete_run(house.acting_as(ANN), run(house), cancel=True)
    assert not queries.list_jobs(house, active=True, run_id=queries.deleted_runs(house)[0].id)


def test_nobodys_is_everybodys(store: Store) -> None:
    keep(store, "old")
    delete_dataset(store.acting_as(BEN), queries.get_dataset(store, "old"))


STATEMENTS = {
    "update": lambda store: update(Run).where(Run.id == run(store).id).values(note="x"),
    "update all": lambda store: update(Run).values(note="x"),
    "update the owner": lambda store: update(Run).where(Run.name == "ben-run").values(owner=None),
    "update of a job": lambda store: update(Job).where(Job.id == job(store).id).values(status="done"),
    "delete": lambda store: delete(Run).where(Run.name == "ann-run"),
    "delete of a data set": lambda store: delete(Dataset),
    "delete of what hangs on it": lambda store: delete(Metric).where(Metric.run_id == run(store).id),
    "insert": lambda store: insert(Job).values(kind="train", payload={}),
    "the bare table": lambda store: update(Run.__table__).values(note="x"),
    "SQL": lambda store: text("UPDATE runs SET note = 'x'"),
}


@pytest.mark.parametrize("way", STATEMENTS)
def test_below_the_actions_no_statement_gets_through(house: Store, way: str) -> None:
    """An action that somebody writes tomorrow and that asks nobody."""
    statement = STATEMENTS[way](house)
    with house.writing() as session:
        if way == "delete of what hangs on it":
            session.add(Metric(run_id=run(house).id, name="cid", step=1, value=0.5))
    with pytest.raises(NotYoursError), house.acting_as(BEN).writing() as session:
        session.execute(statement)
    assert (run(house).note, run(house, "ben-run").owner, job(house).status) == ("", BEN.email, "queued")


OBJECTS: dict[str, Callable[[Store], Base]] = {
    "a training over another's run": lambda store: Job(kind="train", payload={}, run_id=run(store).id),
    "a metric of another's run": lambda store: Metric(run_id=run(store).id, name="cid", step=1, value=0.0),
}


@pytest.mark.parametrize("way", OBJECTS)
def test_below_the_actions_no_object_gets_through(house: Store, way: str) -> None:
    row = OBJECTS[way](house)
    with pytest.raises(NotYoursError), house.acting_as(BEN).writing() as session:
        session.add(row)


def test_no_row_is_given_away_or_taken_over(house: Store) -> None:
    for name, owner in (("ann-run", BEN.email), ("ann-run", None), ("ben-run", ANN.email)):
        with pytest.raises(NotYoursError), house.acting_as(BEN).writing() as session:
            session.get_one(Run, run(house, name).id).owner = owner
    with house.acting_as(BEN).writing() as session:  # whatever he writes on it
        session.add(made := Job(kind="diagnose", payload={}, run_id=run(house).id, owner=ANN.email))
        session.flush()
        assert made.owner == BEN.email
    detached = run(house)
    detached.owner = BEN.email  # only in memory
    with pytest.raises(NotYoursError):
        set_note(house.acting_as(BEN), detached, "x")


def test_shortcuts_around_the_net_are_closed(house: Store) -> None:
    with house.acting_as(BEN).writing() as session:
        for way in (session.bulk_save_objects, session.bulk_insert_mappings, session.bulk_update_mappings):
            with pytest.raises(NotImplementedError):
                way(Run, [])


def test_the_worker_takes_ends_and_throws_away_everybodys(house: Store) -> None:
    first = queue.claim(house, "w" * 12, "cpu")
    assert first is not None
    assert first.owner == ANN.email
    assert queue.finish(house, first.id, str(first.lease_token), "done")
    assert run(house).status == "done"


def test_nobody_fills_the_queue_alone(house: Store, own: Settings) -> None:
    ben = house.acting_as(Person(BEN.email, may_queue=2))
    dataset = queries.get_dataset(house, "hers")
    start_training(ben, own, dataset, name="two")
    with pytest.raises(UserError, match="2 jobs of yours wait"):
        start_training(ben, own, dataset, name="three")
    assert queries.find_run(house, "three") is None
    start_training(house.acting_as(ANN), own, dataset, name="others-go-on")
    queue.request_cancel(ben, job(house, "two").id)
    start_training(ben, own, dataset, name="room-again")
    with pytest.raises(UserError, match="2 jobs of yours wait"):
        queue.retry(ben, job(house, "two").id)
