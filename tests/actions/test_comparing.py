"""Groups of seeds: how they are queued, and what a comparison of them says, on a real store without any training."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from core.actions.comparing import compare_groups
from core.actions.training import parse_seeds, start_group, start_training
from core.errors import UserError
from core.settings import Settings
from core.statistics.accuracy import accuracy_report
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Run, new_id
from tests.pages.synthetic import add_dataset

pytestmark = pytest.mark.both_databases

FT = (0.76, 0.74, 0.77)
IT = (0.81, 0.80, 0.84)
CIDS = {"ft": (0.09, 0.10, 0.11), "it": (0.03, 0.04, 0.05)}


def add_run(
    store: Store,
    dataset: Dataset,
    group: str | None,
    seed: int,
    accuracy: float,
    *,
    method: str = "finetune",
    cid: float | None = None,
    config: dict[str, Any] | None = None,
    status: str = "done",
    failed: bool = False,
    keep: bool = True,
    name: str | None = None,
) -> Run:
    """A run that has ended, with its evaluation on dev and the predictions behind it."""
    config = {"encoder": "tiny", "seed": seed, **(config or {})}
    run = Run(
        id=new_id(),
        name=name or f"{group}-{seed}",
        dataset_id=dataset.id,
        group=group,
        method=method,
        encoder="tiny",
        seed=seed,
        config=config,
        data_sha256=dataset.sha256,
        status=status,
        failed_to_fit=failed,
        seconds=100.0 + seed % 10,
        device="CPU",
    )
    rows: list[Any] = [run]
    if status == "done":
        frame = queries.examples(store, dataset, "dev", ["id", "label", "confound"])
        right = np.random.default_rng(seed).permutation(len(frame)) < round(accuracy * len(frame))
        frame["predicted"] = np.where(right, frame["label"], np.where(frame["label"] == "short", "long", "short"))
        report = accuracy_report(frame["label"], frame["confound"], frame["predicted"])
        path = f"runs/{run.id}/evaluations/dev.parquet"
        for step, shift in ((10, -0.1), (20, 0.0)):
            row = Evaluation(
                run_id=run.id,
                step=step,
                split="dev",
                n=report["n"],
                accuracy=report["accuracy"] + shift,
                worst_cell=report["worst_cell"],
                report=report,
                path=store.artifacts.write_table(path, frame) if keep else None,
            )
            rows += [row, Checkpoint(run_id=run.id, step=step, epoch=step / 20, final=step == 20)]
        if cid is not None:
            rows += [diagnosis(run, 10, cid + 0.5), diagnosis(run, 20, cid + 0.2), diagnosis(run, 20, cid)]
            rows.append(diagnosis(run, 20, cid + 0.4, "embedding"))
    with store.writing() as session:
        for row in rows:
            session.add(row)
            session.flush()
    return run


def diagnosis(run: Run, step: int, cid: float, estimator: str = "cosine") -> Diagnosis:
    return Diagnosis(
        run_id=run.id,
        step=step,
        estimator=estimator,
        config={"probes": 8, "seed": run.seed},
        n_probes=8,
        n_train=100,
        cid=cid,
        ci_low=cid - 0.01,
        ci_high=cid + 0.01,
        verdict="unclear",
        sentence="",
        report={},
        path="",
        seconds=1.0,
    )


def add_group(store: Store, dataset: Dataset, group: str, accuracies: Sequence[float], **more: Any) -> None:
    cids = more.pop("cids", [None] * len(accuracies))
    for place, accuracy in enumerate(accuracies):
        add_run(store, dataset, group, 2021 + place, accuracy, cid=cids[place], **more)


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return add_dataset(store, "headlines", n_train=200, n_dev=100)


@pytest.fixture
def two(store: Store, dataset: Dataset) -> Store:
    add_group(store, dataset, "ft", FT, cids=CIDS["ft"])
    add_group(store, dataset, "it", IT, cids=CIDS["it"], method="influence-tuning", config={"label_epochs": 3})
    return store


def test_a_group_has_its_seeds_means_floor_and_interval(two: Store) -> None:
    found = compare_groups(two, ["ft", "it"])
    ft, it = found.groups
    assert [run.accuracy for run in ft.runs] == pytest.approx(FT)  # the last step, not the one before
    assert [run.cid for run in ft.runs] == pytest.approx(CIDS["ft"])  # the newest by gradient cosine at the final step
    assert (ft.all.accuracy.n, ft.all.accuracy.mean) == (3, pytest.approx(np.mean(FT)))
    assert it.all.accuracy.sd == pytest.approx(np.std(IT, ddof=1))
    assert it.all.cid.mean == pytest.approx(0.04)
    assert it.all.seconds.mean == pytest.approx(102)
    assert it.all.balanced_accuracy.n == 3
    assert 0.5 <= ft.floor < 0.7
    interval = ft.all.accuracy_interval
    assert interval.value == pytest.approx(np.mean(FT))
    assert interval.lo < np.mean(FT) < interval.hi
    assert (ft.method, it.method) == ("finetune", "influence-tuning")


def test_the_tests_are_scipys_and_the_first_group_is_the_baseline(two: Store) -> None:
    found = compare_groups(two, ["ft", "it"])
    by_measure = {one.measure: one for one in found.comparisons.all}
    assert set(by_measure) == {"accuracy", "worst_cell", "cid"}
    for measure, a, b in (("accuracy", IT, FT), ("cid", CIDS["it"], CIDS["ft"])):
        wanted = stats.ttest_ind(a, b, equal_var=False)
        assert by_measure[measure].p_value == pytest.approx(wanted.pvalue)
        assert by_measure[measure].statistic == pytest.approx(wanted.statistic)
    assert (by_measure["accuracy"].a, by_measure["accuracy"].b) == ("it", "ft")
    assert compare_groups(two, ["ft"], baseline="it").comparisons.all[0].b == "it"
    student = compare_groups(two, ["ft", "it"], kind="student").comparisons.all[0]
    assert student.p_value == pytest.approx(stats.ttest_ind(IT, FT).pvalue)
    assert by_measure["accuracy"].same_examples.value == pytest.approx(np.mean(IT) - np.mean(FT))


def test_what_was_spent_is_shown(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, None, 1, 0.7, config={"label_epochs": 7}, name="another-try")
    found = compare_groups(two, ["ft", "it"])
    assert [(one.key, one.values) for one in found.configuration] == [("label_epochs", {"ft": [10], "it": [3]})]
    assert [one.configurations_tried for one in found.groups] == [2, 1]


def test_failed_runs_are_counted_and_left_out_only_beside(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, "ft", 2029, 0.5, failed=True, cid=0.0)
    found = compare_groups(two, ["ft", "it"])
    ft = found.groups[0]
    assert (ft.n, ft.failed_to_fit) == (4, 1)
    assert ft.all.accuracy.mean == pytest.approx(np.mean([*FT, 0.5]))
    assert ft.fitted.accuracy.mean == pytest.approx(np.mean(FT))
    assert ft.fitted.accuracy_interval.value == pytest.approx(np.mean(FT))
    assert found.comparisons.all[0].p_value == pytest.approx(stats.ttest_ind(IT, [*FT, 0.5], equal_var=False).pvalue)
    assert found.comparisons.fitted[0].p_value == pytest.approx(stats.ttest_ind(IT, FT, equal_var=False).pvalue)
    assert any("1 of 4 runs of ft failed to fit" in note for note in found.notes)


def test_a_group_of_failed_runs_alone_is_no_crash(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", FT)
    add_group(store, dataset, "bad", (0.5, 0.52), failed=True)
    found = compare_groups(store, ["ft", "bad"])
    bad = found.groups[1]
    assert (bad.fitted.accuracy.n, bad.fitted.accuracy.mean, bad.fitted.accuracy_interval) == (0, None, None)
    assert found.comparisons.fitted[0].undefined is not None
    json.dumps(found.to_dict(), allow_nan=False)


def test_one_seed_gets_figures_but_no_test(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, None, 5, 0.9, name="alone", keep=False)
    found = compare_groups(two, ["ft", "alone"])
    assert found.groups[1].all.accuracy.sd is None
    assert found.groups[1].all.accuracy_interval is None
    assert {one.p_value for one in found.comparisons.all} == {None}
    assert "one seed" in found.comparisons.all[0].sentence
    notes = " ".join(found.notes)
    for part in (
        "alone has one seed",
        "Not all predictions of alone",
        "Without a CID at the final checkpoint in alone",
    ):
        assert part in notes
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_control_has_other_texts_and_is_never_paired(two: Store, dataset: Dataset) -> None:
    control = add_dataset(two, "clean", n_train=200, n_dev=100, control_of=dataset.id, prefix=False)
    add_group(two, control, "ns", (0.86, 0.85, 0.88), method="no-spurious")
    found = compare_groups(two, ["ft", "it", "ns"])
    paired = {
        (one.a, one.b): one.same_examples is not None for one in found.comparisons.all if one.measure == "accuracy"
    }
    assert paired == {("it", "ft"): True, ("ns", "ft"): False, ("ns", "it"): False}
    assert any("same texts of dev: ft, it | ns" in note for note in found.notes)


def test_runs_that_have_not_ended_are_named(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, "ft", 2030, 0, status="running")
    add_run(two, dataset, "waiting", 1, 0, status="queued")
    found = compare_groups(two, ["ft", "it"])
    assert found.groups[0].n == 3
    assert any("ft-2030 (running)" in note for note in found.notes)
    with pytest.raises(UserError, match=r"no finished run .*waiting-1 \(queued\)"):
        compare_groups(two, ["waiting"])


def test_what_does_not_belong_together_is_said(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, "ft", 2021, 0.7, name="again", config={"batch_size": 8})
    notes = " ".join(compare_groups(two, ["ft", "it"]).notes)
    assert "more than one run with the seed 2021" in notes
    assert "do not all have the same settings" in notes
    with pytest.raises(UserError, match="stands in 'ft' and in 'again'"):
        compare_groups(two, ["ft", "again"])
    with pytest.raises(UserError, match="no group or run 'nope'"):
        compare_groups(two, ["nope"])
    with pytest.raises(UserError, match="not evaluated on test"):
        compare_groups(two, ["ft"], split="test")


# --- queueing a group ---


@pytest.mark.usefixtures("no_worker")
def test_a_group_is_one_run_per_seed_with_a_name_of_its_own(store: Store, settings: Settings, dataset: Dataset) -> None:
    made = start_group(store, settings, dataset, seeds=[1, 2], encoder="tiny", then_diagnose="final", probes=8)
    assert made.name == "headlines-finetune"
    assert [(one.run.name, one.run.seed) for one in made.runs] == [
        ("headlines-finetune-1", 1),
        ("headlines-finetune-2", 2),
    ]
    assert [run.id for run in queries.runs_of_group(store, made.name)] == [one.run.id for one in made.runs]
    assert all(one.diagnosis.after_id == one.job.id for one in made.runs)
    # "headlines-finetune-2" is a run's name, so the next group cannot have it
    again = start_group(store, settings, dataset, seeds=[1], encoder="tiny", options={"label_epochs": "2"})
    assert again.name == "headlines-finetune-3"
    named = start_group(store, settings, dataset, seeds=[7, 8], encoder="tiny", name="mine")
    assert (named.name, named.runs[1].run.name) == ("mine", "mine-8")


@pytest.mark.usefixtures("no_worker")
def test_a_group_is_queued_whole_or_not_at_all(store: Store, settings: Settings, dataset: Dataset) -> None:
    start_training(store, settings, dataset, encoder="tiny", seed=2, name="mine-2")
    start_group(store, settings, dataset, seeds=[1], encoder="tiny", group="g")
    before = (len(queries.list_runs(store)), len(queries.list_jobs(store)))
    for wish, sentence in (
        ({"seeds": [1, 2], "name": "mine"}, "already a run named 'mine-2'"),
        ({"seeds": [1, 2, 1]}, "seed 1 is given twice"),
        ({"seeds": []}, "at least one seed"),
        ({"seeds": [1, 2**40]}, "seed"),
        ({"seeds": [1], "options": {"label_epoch": "2"}}, "Did you mean label_epochs"),
        ({"seeds": [1], "method": "nonsense"}, "method"),
        ({"seeds": [1], "method": "no-spurious"}, "--control-of headlines"),
        ({"seeds": [1], "then_diagnose": "final", "probes": 1}, "probes"),
        ({"seeds": [1], "then_diagnose": "some"}, "'some'"),
        ({"seeds": [1], "group": "a/b"}, "group"),
        ({"seeds": [3], "group": "mine-2"}, "a run named 'mine-2'"),
        ({"seeds": [1, 3], "group": "g"}, "has a run with the seed 1 already"),
        ({"seeds": [3], "group": "g", "options": {"label_epochs": "3"}}, "label_epochs = 10, not 3"),
    ):
        with pytest.raises(UserError, match=sentence):
            start_group(store, settings, dataset, encoder="tiny", **wish)
    full = settings.model_copy(update={"max_queue": before[1] + 1})
    with pytest.raises(UserError, match="queue is full"):
        start_group(store, full, dataset, seeds=[11, 12], encoder="tiny")
    assert (len(queries.list_runs(store)), len(queries.list_jobs(store))) == before
    start_group(store, settings, dataset, seeds=[3], encoder="tiny", group="g")
    assert [run.seed for run in queries.runs_of_group(store, "g")] == [1, 3]


@pytest.mark.usefixtures("no_worker")
def test_no_spurious_is_finetuning_on_the_control(store: Store, settings: Settings, dataset: Dataset) -> None:
    control = add_dataset(store, "clean", n_train=200, n_dev=100, control_of=dataset.id, prefix=False)
    for given, name in ((dataset, "headlines-no-spurious-2021"), (control, "clean-no-spurious-2021")):
        run = start_training(store, settings, given, method="no-spurious", encoder="tiny").run
        assert (run.name, run.method, run.config["method"]) == (name, "no-spurious", "finetune")
        assert (run.dataset_id, run.data_sha256) == (control.id, control.sha256)


def test_seeds_are_read_from_text() -> None:
    assert parse_seeds("2021, 2022,7") == [2021, 2022, 7]
    for text in ("", "1,,2", "1,x", "-1", "1.5", "²", "9" * 30):
        with pytest.raises(UserError, match="whole numbers with commas"):
            parse_seeds(text)
