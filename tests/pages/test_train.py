"""Train: a form that checks itself, runs that can be repeated, and what a run reached."""

import pytest

from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from tests.pages import synthetic
from tests.pages.visits import healthy, job, keep, visit, words, worker


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on the queue in these tests."""
    monkeypatch.setattr("core.actions.training.ensure_worker", lambda settings: False)
    monkeypatch.setattr("core.actions.diagnosing.ensure_worker", lambda settings: False)


def widget(page, kind: str, start: str):
    """The widget of a kind whose key starts so."""
    return next(one for one in getattr(page, kind) if str(one.key).startswith(start))


def test_without_a_data_set_it_says_where_to_get_one(store: Store) -> None:
    page = visit("train")
    assert "There is no data set yet" in words(page)
    assert not page.selectbox


def test_launching_queues_what_the_form_says(store: Store, settings: Settings) -> None:
    dataset = keep(store)
    page = visit("train", dataset=dataset.id)
    widget(page, "selectbox", "encoder-").select("tiny")
    widget(page, "number_input", "label_epochs-").set_value(3)
    widget(page, "text_input", "label_lr-").set_value("1e-3")
    widget(page, "number_input", "probes-").set_value(8)
    page.run()
    page.button(key="launch").click().run()
    healthy(page)
    run = queries.get_run(store, "headlines-finetune-2021")
    assert (run.encoder, run.config["label_epochs"], run.config["label_lr"]) == ("tiny", 3, 0.001)
    assert {one.kind: one.status for one in queries.list_jobs(store)} == {"train": "queued", "diagnose": "queued"}
    diagnosis = next(one for one in queries.list_jobs(store) if one.kind == "diagnose")
    assert queries.get_job(store, diagnosis.id).payload == {"checkpoint": "all", "probes": 8, "seed": 2021}
    assert run.name in words(page)


def test_several_seeds_make_a_group_of_runs(store: Store) -> None:
    keep(store)
    page = visit("train")
    widget(page, "multiselect", "seeds-").set_value(["2021", "2022", "7"])
    widget(page, "text_input", "name-").set_value("mine")
    widget(page, "checkbox", "diagnose-").uncheck()
    page.run()
    page.button(key="launch").click().run()
    runs = queries.list_runs(store)
    assert sorted((one.name, one.seed, one.group) for one in runs) == [
        ("mine-2021", 2021, "mine"),
        ("mine-2022", 2022, "mine"),
        ("mine-7", 7, "mine"),
    ]
    assert {one.kind for one in queries.list_jobs(store)} == {"train"}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("label_lr-", "fast", "label_lr=fast is not possible"),
        ("label_lr-", "-1", "label_lr"),
        ("warmup-", "2", "warmup=2 is not possible"),
    ],
)
def test_an_impossible_setting_is_named_and_cannot_be_started(
    store: Store, field: str, value: str, message: str
) -> None:
    keep(store)
    page = visit("train")
    widget(page, "text_input", field).set_value(value).run()
    assert message in page.error[0].value.replace("\\", "")
    assert page.button(key="launch").disabled


def test_a_seed_that_is_none_is_named(store: Store) -> None:
    keep(store)
    page = visit("train")
    widget(page, "multiselect", "seeds-").set_value(["12x"]).run()
    assert "12x" in page.error[0].value
    assert page.button(key="launch").disabled


def test_a_taken_name_is_refused_in_words(store: Store) -> None:
    dataset = keep(store)
    synthetic.add_run(store, dataset, "taken")
    page = visit("train")
    widget(page, "text_input", "name-").set_value("taken").run()
    page.button(key="launch").click().run()
    assert "already a run named" in page.error[0].value
    assert not queries.list_jobs(store)


def test_a_hub_encoder_needs_a_revision(store: Store) -> None:
    keep(store)
    page = visit("train")
    encoder = widget(page, "selectbox", "encoder-")
    encoder.select_index(len(encoder.options) - 1).run()
    assert page.button(key="launch").disabled
    widget(page, "text_input", "hub-").set_value("owner/model").run()
    assert "needs a revision" in page.error[0].value
    widget(page, "text_input", "revision-").set_value("a" * 40).run()
    assert not page.error
    assert not page.button(key="launch").disabled


def test_a_clone_begins_with_the_settings_of_its_run(store: Store) -> None:
    keep(store, "another")
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "first")
    with store.writing() as session:
        session.merge(run).config = {"encoder": "tiny", "label_epochs": 4, "label_lr": 0.002, "batch_size": 16}
    keep(store, "newest")
    page = visit("train", clone=run.id)
    assert widget(page, "selectbox", "dataset-").value.name == "headlines"
    assert widget(page, "selectbox", "encoder-").value == "tiny"
    assert widget(page, "number_input", "label_epochs-").value == 4
    assert widget(page, "text_input", "label_lr-").value == "0.002"
    assert widget(page, "number_input", "batch_size-").value == 16


def test_the_forecast_comes_from_earlier_runs_of_the_same_encoder(store: Store) -> None:
    dataset = keep(store)
    assert "Time: not known yet" in words(visit("train"))
    run = synthetic.add_run(store, dataset, "first")  # 184 s for 240 steps
    with store.writing() as session:
        session.merge(run).config = {"max_length": 64, "batch_size": 64}
    told = words(visit("train"))
    # 184 s / (240 · 64 examples) · 200 examples · 10 epochs = 24 s
    assert "About 20 s" in told
    assert "40 steps" in told


def test_a_finished_run_tells_what_it_reached_cell_by_cell(store: Store) -> None:
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "mine")
    report = next(one for one in queries.evaluations(store, run.id) if one.step == 240 and one.split == "dev").report
    page = visit("train", run=run.id)
    assert f"**{100 * report['accuracy']:.1f} %**" in words(page)
    table = page.dataframe[0].value
    assert list(table.columns) == ["Label", "Confound", "n", "Accuracy", "95 % interval", "ECE"]
    assert len(table) == 4
    assert [one.label for one in page.button if one.key == "start-diagnosis"] == ["Diagnose it"]
    page.button(key="start-diagnosis").click().run()
    assert "has no weights" not in words(page)


def test_a_run_at_work_shows_its_progress_and_can_be_cancelled(store: Store) -> None:
    dataset = keep(store)
    worker(store)
    run = synthetic.add_run(store, dataset, "mine", status="running", steps=())
    with store.writing() as session:
        session.merge(run).config = {"batch_size": 64, "label_epochs": 10}
    there = job(store, run, status="queued")
    page = visit("train", run=run.id)
    page.button(key=f"run-cancel-{there.id}").click().run()
    assert queries.get_job(store, there.id).status == "cancelled"
    assert "The training was cancelled" in words(page)
    page.button(key=f"run-retry-{there.id}").click()


def test_a_run_that_is_gone_is_said_to_be_gone(store: Store) -> None:
    assert "There is no such run" in words(visit("train", run="nothing"))


def test_deleting_a_run_asks_first_and_removes_it(store: Store) -> None:
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "mine")
    page = visit("train", run=run.id)
    page.button(key="delete-run").click().run()
    healthy(page)
    assert queries.list_runs(store) == []
