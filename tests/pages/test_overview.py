"""Overview: a newcomer finds one way to begin; a regular finds the runs and what needs attention."""

import time

import pytest

from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Evaluation, Run, new_id
from tests.pages import synthetic
from tests.pages.visits import healthy, job, keep, visit, words, worker


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on the queue in these tests."""
    monkeypatch.setattr("core.actions.training.ensure_worker", lambda settings: False)


def test_an_empty_store_offers_one_primary_button(store: Store) -> None:
    page = visit("overview")
    assert [one.label for one in page.button] == ["Start with the sample", "Add your data", "Glossary"]
    assert "Unconfound shows whether" in words(page)
    assert not page.dataframe


def test_the_sample_button_queues_a_training_and_its_diagnosis(
    store: Store, settings: Settings, no_worker: None
) -> None:
    page = visit("overview")
    page.button(key="start-sample").click().run()
    jobs = queries.list_jobs(store)
    assert sorted(one.kind for one in jobs) == ["diagnose", "train"]
    run = queries.list_runs(store)[0]
    assert (run.encoder, run.dataset) == ("minilm", "textlen-sample")
    healthy(page)
    assert run.name in words(page)  # the live run is what is shown now
    assert "Waiting for its turn" in words(page)


def test_a_demo_is_offered_beside_it_and_says_that_it_has_no_weights(store: Store) -> None:
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "demo run", demo=True)
    synthetic.add_diagnosis(store, run, step=240, effect=0.3)
    page = visit("overview")
    labels = [one.label for one in page.button]
    assert labels[:2] == ["Start with the sample", "Look at the precomputed demo"]
    assert "no weights" in words(page)
    table = page.dataframe[0].value
    assert list(table["Status"]) == ["demo"]


def test_the_run_list_tells_the_key_numbers(store: Store) -> None:
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "my run")
    synthetic.add_diagnosis(store, run, step=240, effect=0.3)
    page = visit("overview")
    line = page.dataframe[0].value.iloc[0]
    row = queries.list_runs(store)[0]
    assert line["Run"] == "my run"
    assert line["Method"] == "Finetuning"
    shown = [line[name] for name in ("Accuracy", "Confound alone", "Worst cell", "CID")]
    assert shown == pytest.approx([100 * row.accuracy, 100 * row.floor, 100 * row.worst_cell, row.cid])
    assert line["Verdict"] == "confounded"
    assert "**my run** leans on the confound" in words(page)


def test_failures_and_a_missing_worker_need_attention(store: Store) -> None:
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "broken", status="failed", steps=())
    job(store, run, status="queued")
    page = visit("overview")
    assert "**broken** failed" in words(page)
    assert "no worker is alive" in words(page)
    worker(store)
    page = visit("overview")
    assert "no worker is alive" not in words(page)


def test_five_hundred_runs_are_drawn_quickly(store: Store) -> None:
    dataset = keep(store, n_train=40, n_dev=20)
    first = synthetic.add_run(store, dataset, "run 0", steps=(10,))
    report = queries.evaluations(store, first.id)[0].report
    with store.writing() as session:
        for number in range(1, 500):
            run = Run(
                id=new_id(),
                name=f"run {number}",
                dataset_id=dataset.id,
                method="finetune",
                encoder="minilm",
                seed=number,
                config={},
                data_sha256=dataset.sha256,
                status="done",
            )
            session.add(run)
            session.flush()
            session.add(
                Evaluation(run_id=run.id, step=10, split="dev", n=20, accuracy=0.8, worst_cell=0.5, report=report)
            )
    page = visit("overview")
    assert len(page.dataframe[0].value) == 500
    begun = time.perf_counter()
    page.run()
    assert time.perf_counter() - begun < 2.0  # half a second on an idle machine; this one may be busy with other tests
