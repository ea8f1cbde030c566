"""Train: a form that checks itself, runs that can be repeated, and what a run reached."""

import numpy as np
import pandas as pd
import pytest

from core.actions import training
from core.actions.datasets import store_dataset
from core.datasets.mapping import ColumnMapping
from core.datasets.prepare import Prepared
from core.encoders.catalogue import resolve
from core.errors import UserError
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Metric
from core.training.config import TrainConfig
from core.training.treatment_config import TreatmentConfig
from core.views.round_curves import round_curves
from core.views.rounds import round_points, rounds_table
from core.views.texts import ABOUT_METHODS, METHODS
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


def control_of(store: Store, dataset: Dataset) -> Dataset:
    """A data set that is the control of another."""
    control = keep(store, f"{dataset.name}-control")
    with store.writing() as session:
        session.merge(control).control_of = dataset.id
    return control


def without_counterexamples(store: Store, rare: int = 0) -> Dataset:
    """A data set whose labels have one confound value each in training, but for `rare` examples."""
    rng = np.random.default_rng(1)
    frame = synthetic.sentences(100, rng, aligned=1.0, prefix=True, split="train")
    frame.loc[: 2 * rare - 1, "confound"] = frame.loc[: 2 * rare - 1, "confound"].map(
        {"negative": "positive", "positive": "negative"}
    )
    frame = pd.concat([frame, synthetic.sentences(40, rng, aligned=0.5, prefix=True, split="dev")], ignore_index=True)
    mapping = ColumnMapping(text="text", label="label", confound="confound")
    return store_dataset(
        store, Prepared(frame, []), mapping, name="one-sided", proposal="x", sources={"files": {"train": "a.csv"}}
    )


def choose_method(page, method: str):
    """Choose a method in the form; the page runs."""
    return widget(page, "selectbox", "method-").select(method).run()


def shown(page) -> set[str]:
    """Names of the settings that the form shows."""
    kinds = (page.text_input, page.number_input, page.selectbox)
    names = {str(one.key).split("-")[0] for kind in kinds for one in kind}
    return names & set(TrainConfig.model_fields) - {"encoder", "method", "revision"}


def launched(page, store: Store):
    """Press the button; the newest run."""
    assert not page.button(key="launch").disabled
    healthy(page.button(key="launch").click().run())
    return queries.get_run(store, queries.list_runs(store)[0].id)


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


COMMON = {
    "label_epochs",
    "label_lr",
    "batch_size",
    "max_length",
    "checkpoints",
    "warmup",
    "weight_decay",
    "max_grad_norm",
    "micro_batch",
    "precision",
    "device",
    "diagnose_every",
}
TUPLES = {"schedule", "k", "access_rate", "keep_counterexamples"}
ROUNDS = {"interval", "round_epochs", "round_lr", "probes_per_epoch", "round_batch", "round_layers"}
JOINT = {"joint_weight", "joint_probes"}
OWN = {
    "finetune": set(),
    "influence-tuning": TUPLES | ROUNDS,
    "embedding-tuning": TUPLES | ROUNDS,
    "combined-tuning": TUPLES | ROUNDS | {"embedding_weight"},
    "adversarial": {"adversarial_weight", "adversarial_head_factor", "access_rate", "keep_counterexamples"},
    "no-spurious": set(),
}


def test_every_method_has_a_name_and_a_sentence() -> None:
    methods = {*TrainConfig.model_fields["method"].annotation.__args__, "no-spurious"}
    assert set(METHODS) == set(ABOUT_METHODS) == set(OWN) == methods


@pytest.mark.parametrize("method", OWN)
def test_every_method_shows_its_own_settings_and_launches(store: Store, method: str) -> None:
    dataset = keep(store)
    control = control_of(store, dataset)
    page = visit("train", dataset=dataset.id)
    choose_method(page, method)
    assert shown(page) == COMMON | OWN[method]
    assert ABOUT_METHODS[method] in words(page)
    given: dict[str, object] = {"label_epochs": 12}
    widget(page, "number_input", "label_epochs-").set_value(12)
    if "interval" in OWN[method]:
        for name, value in {"interval": 15, "k": 3, "probes_per_epoch": 20}.items():
            widget(page, "number_input", f"{name}-").set_value(value)
            given[name] = value
        for name, value in {"round_lr": 0.001, "round_epochs": 2, "access_rate": 0.5}.items():
            widget(page, "text_input", f"{name}-").set_value(str(value))
            given[name] = value
        widget(page, "text_input", "round_layers-").set_value("1, pooler")
        given["round_layers"] = "1, pooler"
    if method == "adversarial":
        widget(page, "text_input", "adversarial_weight-").set_value("0,7")
        given["adversarial_weight"] = 0.7
    page.run()
    assert not page.error
    run = launched(page, store)
    trained_as = "finetune" if method == "no-spurious" else method
    assert run.method == method
    assert run.dataset_id == (control.id if method == "no-spurious" else dataset.id)
    assert TrainConfig.of(run.config) == TrainConfig.of({**given, "method": trained_as})


def test_tuning_in_every_label_step_has_settings_of_its_own(store: Store) -> None:
    keep(store)
    page = choose_method(visit("train"), "influence-tuning")
    widget(page, "number_input", "interval-").set_value(7)
    widget(page, "selectbox", "schedule-").select("joint").run()
    assert shown(page) - COMMON == TUPLES | JOINT
    widget(page, "number_input", "joint_probes-").set_value(2).run()
    assert "40 label steps, the tuning loss in each" in words(page)
    config = TrainConfig.of(launched(page, store).config)
    assert config == TrainConfig(method="influence-tuning", schedule="joint", joint_probes=2)


def test_the_encoders_suggestions_stand_where_nothing_is_given(store: Store) -> None:
    keep(store)
    page = visit("train")
    for method in ("influence-tuning", "embedding-tuning"):
        choose_method(page, method)
        config = TrainConfig(method=method)
        rate = f"{config.round_lr_for(resolve('minilm')):g}"
        assert widget(page, "text_input", "round_lr-").placeholder == rate
        assert widget(page, "text_input", "round_epochs-").placeholder == str(config.epochs_per_round())


def test_a_control_is_offered_only_where_there_is_one(store: Store) -> None:
    dataset = keep(store)
    page = visit("train", dataset=dataset.id)
    assert METHODS["no-spurious"] not in widget(page, "selectbox", "method-").options
    control = control_of(store, dataset)
    page = choose_method(visit("train", dataset=dataset.id), "no-spurious")
    assert f"It trains on {control.name}." in words(page)


@pytest.mark.parametrize("method", ["influence-tuning", "embedding-tuning", "combined-tuning"])
def test_without_counterexamples_it_says_so_and_cannot_be_started(store: Store, method: str) -> None:
    without_counterexamples(store)
    page = choose_method(visit("train"), method)
    assert "**No counterexamples.**" in page.warning[0].value
    assert METHODS[method] in page.warning[0].value
    assert page.button(key="launch").disabled
    choose_method(page, "adversarial")
    assert not page.warning
    assert not page.button(key="launch").disabled


def test_an_access_rate_that_leaves_no_counterexample_is_told_from_data_without(store: Store) -> None:
    without_counterexamples(store, rare=2)
    page = choose_method(visit("train"), "influence-tuning")
    widget(page, "number_input", "interval-").set_value(5).run()
    assert not page.warning
    widget(page, "text_input", "access_rate-").set_value("0.1").run()
    assert "With an access rate of 0.1" in page.warning[0].value
    assert page.button(key="launch").disabled
    widget(page, "number_input", "keep_counterexamples-").set_value(1).run()
    assert not page.warning
    assert not page.button(key="launch").disabled


def test_a_treatment_without_a_round_cannot_be_started(store: Store) -> None:
    keep(store)
    page = choose_method(visit("train"), "embedding-tuning")  # 40 label steps, a round every 50
    assert "**No round would come.**" in page.warning[0].value
    assert page.button(key="launch").disabled


def test_a_curve_without_counterexamples_stays_empty_and_says_so(store: Store) -> None:
    without_counterexamples(store)
    page = visit("train")
    assert "diagnose_probes" not in shown(page)
    widget(page, "number_input", "diagnose_every-").set_value(5).run()
    assert "diagnose_probes" in shown(page)
    assert "The CID curve stays empty" in page.info[0].value
    assert not page.button(key="launch").disabled


def test_several_seeds_start_all_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store)
    page = visit("train")
    widget(page, "multiselect", "seeds-").set_value(["1", "2", "3"]).run()
    queue, calls = training._queue, []

    def full_at_the_third(*args: object) -> training.Started:
        calls.append(args)
        if len(calls) == 3:
            raise UserError("The queue is full.")
        return queue(*args)

    monkeypatch.setattr(training, "_queue", full_at_the_third)
    page.button(key="launch").click().run()
    assert "The queue is full" in page.error[0].value
    assert queries.list_runs(store) == []
    groups = []
    for _ in range(2):
        page = visit("train")
        widget(page, "multiselect", "seeds-").set_value(["1", "2", "3"]).run()
        groups.append(launched(page, store).group)
    assert groups[0] == "headlines-finetune"
    assert groups[1] not in (None, groups[0])
    assert [len(queries.runs_of_group(store, group)) for group in groups] == [3, 3]


@pytest.mark.parametrize("method", OWN)
def test_a_clone_of_any_method_queues_the_same_again(store: Store, method: str) -> None:
    dataset = keep(store)
    trained_on = control_of(store, dataset) if method == "no-spurious" else dataset
    trained_as = "finetune" if method == "no-spurious" else method
    settings: dict[str, object] = {
        "method": trained_as,
        "label_epochs": 30,
        "diagnose_every": 20,
        "diagnose_probes": 12,
    }
    defaults = TreatmentConfig()
    for name in OWN[method] - {"schedule"}:
        was = getattr(defaults, name)
        settings[name] = "0,embeddings" if name == "round_layers" else 0.5 if isinstance(was, float) else 9
    if "round_lr" in settings:
        settings["round_lr"] = 2e-4
    config = TrainConfig.of({**settings, "seed": 7})
    run = synthetic.add_run(store, trained_on, "first", seed=7, method=method, config=config.model_dump(mode="json"))
    page = visit("train", clone=run.id)
    again = launched(page, store)
    assert (again.method, again.dataset_id) == (method, trained_on.id)
    assert TrainConfig.of(again.config) == config


def test_a_run_can_be_trained_anew_with_another_method(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "first")
    with store.writing() as session:
        row = session.merge(run)
        row.config, row.steps = {"encoder": "tiny", "label_epochs": 4}, 16
    page = visit("train", clone=run.id, method="embedding-tuning")
    assert widget(page, "selectbox", "method-").value == "embedding-tuning"
    page.button(key="launch").click().run()
    begun = next(one for one in queries.list_runs(store) if one.id != run.id)
    made = queries.get_run(store, begun.id)
    assert (made.method, made.config["label_epochs"], made.config["encoder"]) == ("embedding-tuning", 4, "tiny")
    assert made.config["interval"] == 3  # five rounds in 16 steps; of the usual 50 none would come
    size = resolve("tiny").round_size
    rounds = {"round_batch": size.batch, "probes_per_epoch": size.probes, "round_epochs": size.embedding_epochs}
    assert {name: made.config[name] for name in rounds} == rounds
    assert widget(visit("train", clone=run.id, method="<b>"), "selectbox", "method-").value == "finetune"


def test_a_clone_leaves_the_settings_of_its_old_method_behind(store: Store) -> None:
    config = TrainConfig(method="combined-tuning", interval=10, k=9, embedding_weight=3.0, access_rate=0.5)
    run = synthetic.add_run(
        store, keep(store), "first", method=config.method, config=config.model_dump(mode="json"), seed=2021
    )
    page = choose_method(visit("train", clone=run.id), "finetune")
    assert TrainConfig.of(launched(page, store).config) == TrainConfig()


def test_a_clone_of_a_round_by_hand_becomes_a_run_of_its_own(store: Store) -> None:
    dataset = keep(store)
    parent = synthetic.add_run(store, dataset, "parent")
    config = TrainConfig(method="influence-tuning", schedule="once", label_steps=0, lineage=1, interval=10)
    run = synthetic.add_run(
        store,
        dataset,
        "child",
        method=config.method,
        config=config.model_dump(mode="json"),
        parent=(parent, 240),
        steps=(),
    )
    page = visit("train", clone=run.id)
    assert "begins with the encoder" in words(page)
    assert TrainConfig.of(launched(page, store).config) == TrainConfig(method="influence-tuning", interval=10)


def test_the_forecast_comes_from_earlier_runs_of_the_same_encoder(store: Store) -> None:
    dataset = keep(store)
    assert "Time: not known yet" in words(visit("train"))
    run = synthetic.add_run(store, dataset, "first")  # 184 s for 240 steps
    with store.writing() as session:
        session.merge(run).config = {"max_length": 64, "batch_size": 64}
    page = visit("train")
    # 184 s for 60 epochs of 200 examples; 10 epochs take 31 s
    assert "About 30 s" in words(page)
    assert "40 label steps" in words(page)
    choose_method(page, "influence-tuning")
    widget(page, "number_input", "interval-").set_value(10)
    widget(page, "number_input", "diagnose_every-").set_value(20)
    page.run()
    # 10 epochs of 200; 3 rounds of 5 epochs of 75 tuples of 11 examples that cost 2.7 each; a curve of 3 points and 6 in
    # each round, of 200 that cost 1.3 each and 40 probes: 41,712 examples
    assert "40 label steps, 3 tuning rounds of 5 epochs, 21 points of the CID curve" in words(page)
    assert "About 11 min" in words(page)
    assert "counts as known for 200 of 200 training examples, 18 counterexamples" in words(page)


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


def test_a_run_with_rounds_tells_what_each_did(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine", method="influence-tuning")
    rounds = synthetic.add_rounds(store, run)
    page = visit("train", run=run.id)
    assert "Tuning rounds" in words(page)
    assert "4 rounds done. The last one came after label step 200 and took J from" in words(page)
    table = page.dataframe[1].value
    assert list(table["After step"]) == [50, 100, 150, 200]
    assert table["CID, before → after"].iloc[0] == "0.45 → 0.035"
    assert table["Took"].iloc[0] == "41 s"
    taken_home = rounds_table(rounds)
    assert taken_home["CID before"].tolist() == [one.report["cid"][0] for one in rounds]
    assert taken_home["J, last epoch"].tolist() == [one.report["loss"][-1] for one in rounds]


def test_rounds_without_cid_leave_its_column_out(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine", method="influence-tuning")
    synthetic.add_rounds(store, run, cid=False)
    page = visit("train", run=run.id)
    assert not [name for name in page.dataframe[1].value.columns if "CID" in name]


def test_a_run_without_rounds_does_not_speak_of_them(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine")
    assert "Tuning rounds" not in words(visit("train", run=run.id))


def test_the_first_round_is_watched_before_it_is_over(store: Store) -> None:
    worker(store)
    run = synthetic.add_run(store, keep(store), "mine", method="influence-tuning", status="running", steps=(40,))
    job(store, run, status="running")
    synthetic.add_rounds(store, run, after=(), going_on=4)
    assert "The first round goes on." in words(visit("train", run=run.id))


def test_cid_of_a_boundary_belongs_to_both_its_rounds(store: Store) -> None:
    run = synthetic.add_run(store, keep(store), "mine", method="influence-tuning")
    rounds = synthetic.add_rounds(store, run, after=(50, 100), going_on=4)  # ten tuning steps a round
    curves = round_points(rounds, queries.metrics(store, run.id, ["round_loss", "round_cid"]))
    assert [(one.first, one.after) for one in curves] == [(1, 50), (11, 100), (21, None)]
    assert [[x for x, _ in one.cid] for one in curves] == [
        [0.5, 2, 4, 6, 8, 10],
        [10.5, 12, 14, 16, 18, 20],
        [20.5, 22, 24],
    ]
    assert curves[0].cid[-1][1] == rounds[0].report["cid"][-1] != curves[1].cid[0][1]
    assert curves[2].cid[0][1] == pytest.approx(0.15)
    assert [len(one.loss) for one in curves] == [10, 10, 4]
    figure = round_curves(curves)
    assert [len(trace.x) for trace in figure.data] == [24 + 3, 15 + 3]  # a gap behind each round
    assert len(figure.layout.shapes) == 3


def test_a_round_by_hand_names_the_run_it_goes_on_from(store: Store) -> None:
    dataset = keep(store)
    parent = synthetic.add_run(store, dataset, "parent")
    config = TrainConfig(method="influence-tuning", schedule="once", label_steps=0, lineage=1)
    run = synthetic.add_run(
        store,
        dataset,
        "child",
        method=config.method,
        config=config.model_dump(mode="json"),
        parent=(parent, 240),
        steps=(0,),
    )
    synthetic.add_rounds(store, run, after=(0,))
    page = visit("train", run=run.id)
    assert "Goes on from step 240 of" in words(page)
    assert "1 round done. It came before any label step and took J from" in words(page)
    assert [one.label for one in page.get("page_link") if parent.id in one.proto.query_string] == ["parent"]
    with store.writing() as session:
        session.delete(session.merge(parent))
    assert "Goes on from step 240 of a run that has been deleted." in words(visit("train", run=run.id))


def test_curves_that_only_some_runs_have(store: Store) -> None:
    dataset = keep(store)
    run = synthetic.add_run(store, dataset, "mine", method="adversarial")
    alone = len(visit("train", run=run.id).get("plotly_chart"))
    with store.writing() as session:
        session.add_all(
            Metric(run_id=run.id, name=name, step=step, value=0.5)
            for name in ("cid", "confound_loss", "joint_loss")
            for step in range(1, 4)
        )
    assert len(visit("train", run=run.id).get("plotly_chart")) == alone + 3
