"""Overview: a newcomer finds one way to begin; a regular finds the runs and what needs attention."""

import statistics

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from core.actions.annotating import set_note
from core.actions.deleting import delete_run
from core.jobs import queue
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Evaluation, Metric, Run, new_id
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


def test_the_course_of_a_run_is_drawn_from_cid_else_from_accuracy(store: Store) -> None:
    dataset = keep(store, n_train=60, n_dev=20)
    synthetic.add_run(store, dataset, "undiagnosed")
    run = synthetic.add_run(store, dataset, "diagnosed")
    for step, effect in ((40, 0.4), (240, 0.1)):
        synthetic.add_diagnosis(store, run, step=step, effect=effect, probes=4, draws=10)
    tuned = synthetic.add_run(store, dataset, "curve", method="influence-tuning")
    synthetic.add_rounds(store, tuned)
    table = visit("overview").dataframe[0].value.set_index("Run")
    assert dict(table["of"]) == {"undiagnosed": "accuracy", "diagnosed": "CID", "curve": "CID"}
    assert len(table["Over training"]["undiagnosed"]) == len(synthetic.STEPS)
    first, last = table["Over training"]["diagnosed"]
    assert first > last


def test_a_long_course_is_thinned(store: Store) -> None:
    run = synthetic.add_run(store, keep(store, n_train=60, n_dev=20), "long", steps=(10,))
    with store.writing() as session:
        session.add_all(Metric(run_id=run.id, name="cid", step=step, value=step / 1000) for step in range(1000))
    _, course = queries.sparks(store, [run.id])[run.id]
    assert len(course) == queries.SPARK_POINTS
    assert course == sorted(course)


def names(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["Run"])


def several(store: Store) -> list[Run]:
    dataset, other = keep(store, n_train=60, n_dev=20), keep(store, "others", n_train=60, n_dev=20)
    runs = [
        synthetic.add_run(store, dataset, "alpha", accuracy=0.9, steps=(10,)),
        synthetic.add_run(store, dataset, "beta", accuracy=0.7, method="adversarial", steps=(10,)),
        synthetic.add_run(store, other, "gamma", status="failed", steps=()),
        synthetic.add_run(store, other, "delta", accuracy=0.8, steps=(10,)),
    ]
    set_note(store, runs[1], "too **short** a warm-up")
    return runs


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["delta", "gamma", "beta", "alpha"]),
        ({"sort": "name"}, ["alpha", "beta", "delta", "gamma"]),
        ({"sort": "worst"}, None),
        ({"find": "SHORT warm"}, ["beta"]),
        ({"find": "others"}, ["delta", "gamma"]),
        ({"find": "adversarial training"}, ["beta"]),
        ({"data": "others"}, ["delta", "gamma"]),
        ({"method": "adversarial"}, ["beta"]),
        ({"status": "failed"}, ["gamma"]),
        ({"status": "nonsense", "sort": "nonsense", "view": "nonsense"}, ["delta", "gamma", "beta", "alpha"]),
    ],
)
def test_the_address_narrows_and_sorts_the_list(
    store: Store, query: dict[str, str], expected: list[str] | None
) -> None:
    several(store)
    page = visit("overview", **query)
    if expected is None:
        assert names(page)[-1] == "gamma"  # what has no number comes last
    else:
        assert names(page) == expected


def test_pickers_write_the_address_and_a_search_without_a_find_says_so(store: Store) -> None:
    several(store)
    page = visit("overview")
    page.text_input(key="runs-find").set_value("alpha").run()
    assert page.query_params["find"] == "alpha"
    assert names(page) == ["alpha"]
    page.selectbox(key="runs-sort").set_value("cid").run()
    assert page.query_params["sort"] == "cid"
    page.text_input(key="runs-find").set_value("![x](http://e) <b>").run()
    healthy(page)
    assert "None of the 4 runs is like that." in words(page)
    page.button(key="runs-all").click().run()
    assert "find" not in page.query_params
    assert len(names(page)) == 4


def test_a_chosen_run_is_noted_renamed_and_deleted_with_a_way_back(store: Store) -> None:
    run = several(store)[1]
    page = visit("overview", chosen=run.id)
    assert "too **short** a warm-up" in words(page)
    page.text_area[0].set_value("<script>x</script> :red[y] ![z](http://e/p.png)")
    page.button(key=f"note-{run.id}-keep").click().run()
    assert queries.get_run(store, "beta").note == "<script>x</script> :red[y] ![z](http://e/p.png)"
    said = words(page).replace("\u2060", "")
    assert "<script>x</script> :red[y] z (http://e/p.png)" in said
    assert not [one.value for one in page.markdown if ":red[y]" in one.value]
    next(one for one in page.text_input if one.label == "Name").set_value("better")
    page.button(key=f"rename-{run.id}-do").click().run()
    assert queries.get_run(store, run.id).name == "better"
    page.button(key="delete-chosen").click().run()
    healthy(page)
    assert names(page) == ["delta", "gamma", "alpha"]
    again = visit("overview")  # a reload keeps the way back
    assert "Deleted **better**." in words(again)
    again.button(key="undo").click().run()
    assert names(healthy(again)) == ["delta", "gamma", "better", "alpha"]
    assert "Deleted **better**" not in words(again)


def test_several_runs_are_deleted_at_once_and_one_is_brought_back(store: Store) -> None:
    runs = several(store)
    job(store, runs[0], status="queued")
    page = visit("overview")
    page.query_params["chosen"] = [runs[0].id, runs[1].id]
    page.run()
    assert "**2 runs chosen**" in words(page)
    assert "is cancelled first" in words(page)
    page.button(key="delete-chosen").click().run()
    assert names(healthy(page)) == ["delta", "gamma"]
    page.button(key="undo-close").click().run()
    assert "undo" not in {one.key for one in page.button}
    page.button(key=f"restore-{runs[0].id}").click().run()
    assert names(page) == ["delta", "gamma", "alpha"]
    page.button(key="remove-deleted").click().run()
    healthy(page)
    assert queries.deleted_runs(store) == []


def test_the_way_back_outlives_the_last_run(store: Store) -> None:
    run = synthetic.add_run(store, keep(store, n_train=60, n_dev=20), "only", steps=(10,))
    delete_run(store, run)
    page = visit("overview")
    assert "Deleted **only**." in words(page)
    page.button(key="undo").click().run()
    assert names(healthy(page)) == ["only"]


def test_seed_groups_are_told_with_mean_and_spread(store: Store) -> None:
    runs = several(store)
    with store.writing() as session:
        session.execute(update(Run).where(Run.id.in_([runs[0].id, runs[3].id])).values(group="sweep"))
    page = visit("overview", view="groups")
    table = page.dataframe[0].value
    accuracies = [queries.list_runs(store, group="sweep")[place].accuracy for place in (0, 1)]
    assert list(table["Group"]) == ["sweep"]
    assert table["Accuracy"][0] == pytest.approx(50 * sum(accuracies))
    assert table["Accuracy, SD"][0] == pytest.approx(100 * statistics.stdev(accuracies))
    assert "in no group: 2" in words(page)


def test_attention_is_acted_on_and_put_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("core.actions.diagnosing", "pages.overview.attention"):
        monkeypatch.setattr(f"{module}.ensure_worker", lambda _settings: False)
    run = synthetic.add_run(store, keep(store, n_train=60, n_dev=20), "mine", steps=(10,))
    queue.pause(store, who="ada", why="The cooler is being cleaned.")
    page = visit("overview")
    assert "by ada" in words(page)
    assert "The cooler is being cleaned." in words(page)
    page.button(key="overview-resume").click().run()
    assert queue.paused(store) is None
    assert "**mine** has finished, but nobody has asked it" in words(page)
    page.button(key=f"dismiss-undiagnosed-{run.id}").click().run()
    assert "nobody has asked it" not in words(page)
    page.button(key="attention-again").click().run()
    page.button(key="overview-diagnose").click().run()
    assert [one.kind for one in queries.list_jobs(store)] == ["diagnose"]
    assert "nobody has asked it" not in words(healthy(page))


def test_the_list_of_what_needs_attention_stays_short(store: Store) -> None:
    dataset = keep(store, n_train=60, n_dev=20)
    for number in range(7):
        synthetic.add_run(store, dataset, f"broken {number}", status="failed", steps=())
    synthetic.add_run(store, dataset, "silent", steps=(10,))
    page = visit("overview")
    assert words(page).count("its log says why") == 3
    assert "**silent** has finished" in words(page)  # no kind is hidden by another
    page.button(key="attention-all").click().run()
    assert words(page).count("its log says why") == 7


def test_hostile_names_are_shown_as_they_are(store: Store) -> None:
    name = "<b>**x**</b> :red[y] ![z](http://e)"
    run = synthetic.add_run(store, keep(store, n_train=60, n_dev=20), name, steps=(10,))
    page = visit("overview", chosen=run.id)
    assert name in names(page)
    assert not [one.value for one in page.markdown if "<b>" in one.value.replace("\\<", "")]
    page.button(key="delete-chosen").click().run()
    assert name in words(healthy(page)).replace("\u2060", "")


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


def test_five_hundred_runs_are_drawn(store: Store) -> None:
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
    assert len(healthy(page.run()).dataframe[0].value) == 500
