"""What a comparison says: the headline claims no more than its tests and intervals allow."""

from typing import Any

import pytest

from core.actions.comparing import compare_groups
from core.store.engine import Store
from core.store.tables import Dataset, Metric
from tests.actions.test_comparing import CIDS, FT, IT, add_group, add_run, diagnosis
from tests.pages.synthetic import add_dataset

BETTER = (0.86, 0.87, 0.85, 0.86)
PLAIN = (0.72, 0.73, 0.71, 0.72)


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return add_dataset(store, "headlines", n_train=200, n_dev=100)


def said(store: Store, *names: str, **more: Any) -> str:
    return " ".join(compare_groups(store, names, **more).verdict)


def test_a_better_method_is_named_with_its_interval_and_test(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", PLAIN, cids=(0.1, 0.11, 0.12, 0.1))
    add_group(store, dataset, "it", BETTER, method="influence-tuning", cids=(0.01, 0.02, 0.01, 0.02))
    add_group(store, dataset, "et", BETTER[::-1], method="embedding-tuning")
    found = compare_groups(store, ["ft", "it", "et"])
    same = next(one for one in found.comparisons.all if (one.a, one.measure) == ("it", "accuracy")).same_examples
    assert same is not None
    head = found.verdict[0]
    assert head.startswith("Influence tuning is 14.0 points above finetuning on dev (95 % ")
    assert f"{100 * same.lo:.1f} to {100 * same.hi:.1f} over seeds and examples; Welch p < .001 after Holm" in head
    rest = " ".join(found.verdict[1:])
    assert "Also above finetuning: embedding tuning by 14.0 points (Welch p < .001 after Holm)." in rest
    assert "In its worst cell influence tuning has" in rest
    assert "CID is 0.015 with influence tuning, 0.108 with finetuning" in rest


def test_what_is_not_shown_is_called_so(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", FT)
    add_group(store, dataset, "it", (0.74, 0.79, 0.76), method="influence-tuning")
    head = compare_groups(store, ["ft", "it"]).verdict[0]
    assert head.startswith("Nothing is shown to be better than finetuning on dev: influence tuning is ")
    assert "The simple baseline does as well, as far as these seeds can tell." in head
    add_group(store, dataset, "near", IT, method="embedding-tuning")
    assert "Between seeds there is a difference, but with other test examples it could be nil." in said(
        store, "ft", "near"
    )
    assert "the best of the others, embedding tuning, is" in said(store, "ft", "it", "near")
    add_group(store, dataset, "bad", (0.55, 0.56, 0.57), method="adversarial")
    assert said(store, "ft", "bad").startswith(
        "Finetuning does better on dev: adversarial training is 19.7 points below"
    )


def test_one_seed_shows_no_method_to_be_better(store: Store, dataset: Dataset) -> None:
    add_run(store, dataset, None, 1, 0.9, name="one", method="influence-tuning")
    add_run(store, dataset, None, 1, 0.6, name="other")
    head = said(store, "other", "one")
    assert "nothing tells whether that is the luck of seeds: each has one seed" in head
    assert "over examples)" in head
    assert "Choose" not in head
    assert "There is nothing to compare it with yet" in said(store, "one")
    add_group(store, dataset, "two", (0.7, 0.71))
    assert any("two has 2 seeds. Fewer than 3" in note for note in compare_groups(store, ["two", "one"]).notes)


def test_the_control_is_told_beside_and_is_no_rival(store: Store, dataset: Dataset) -> None:
    control = add_dataset(store, "clean", n_train=200, n_dev=100, control_of=dataset.id, prefix=False)
    elsewhere = add_dataset(store, "elsewhere", n_train=200, n_dev=90, prefix=False)
    add_group(store, dataset, "ft", PLAIN)
    add_group(store, control, "clean-ft", BETTER)
    add_group(store, elsewhere, "far", BETTER)
    alone = said(store, "ft", "clean-ft")
    assert alone.startswith("The no-spurious control is 14.0 points above finetuning on dev, each on its own texts")
    assert "About that much accuracy is what the confound costs." in alone
    assert "do not say which method is better" in said(store, "ft", "far")
    add_group(store, dataset, "it", BETTER, method="influence-tuning")
    three = compare_groups(store, ["ft", "it", "clean-ft"])
    assert [one.is_control for one in three.groups] == [False, False, True]
    assert [one.same_texts for one in three.groups] == [True, True, False]
    assert three.verdict[0].startswith("Influence tuning is 14.0 points above finetuning")
    assert any("The no-spurious control reaches 86.0 % on its own dev texts" in one for one in three.verdict)


def test_failed_runs_change_what_is_said_and_both_are_said(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", PLAIN)
    add_group(store, dataset, "it", BETTER, method="influence-tuning")
    add_run(store, dataset, "it", 2030, 0.5, method="influence-tuning", failed=True)
    verdict = compare_groups(store, ["ft", "it"]).verdict
    assert verdict[0].startswith("Nothing is shown")
    assert verdict[-1].startswith("Without the run that failed to fit: Influence tuning is 14.0 points above")


def test_an_accuracy_at_the_floor_is_called_so(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", (0.5, 0.51, 0.5))
    add_group(store, dataset, "it", BETTER, method="influence-tuning")
    assert "Finetuning is no better than the confound alone" in said(store, "ft", "it")


def test_groups_of_one_method_keep_their_names(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "plain", PLAIN)
    add_group(store, dataset, "longer", BETTER, config={"label_epochs": 20})
    found = compare_groups(store, ["plain", "longer"])
    assert found.verdict[0].startswith("longer is 14.0 points above plain on dev")
    assert any("Settings that are not the same in all groups: label_epochs" in note for note in found.notes)


def test_unequal_search_and_selection_on_dev_are_said(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", FT)
    add_group(store, dataset, "it", IT, method="influence-tuning")
    for epochs in (2, 3):
        add_run(store, dataset, None, 9, 0.7, name=f"try-{epochs}", method="influence-tuning", config={"k": epochs})
    notes = " ".join(compare_groups(store, ["ft", "it"]).notes)
    assert "Not equally many configurations were tried for all: ft 1, it 3" in notes
    assert "chosen by accuracy on dev" in notes


def test_cid_courses_keep_their_sources_apart(store: Store, dataset: Dataset) -> None:
    run = add_run(store, dataset, "ft", 1, 0.8, cid=0.1)
    other = diagnosis(run, 5, 0.9)
    other.n_probes = 40  # measured otherwise than the last one: no part of its course
    with store.writing() as session:
        session.add_all([other, *(Metric(run_id=run.id, name="cid", step=step, value=step / 10) for step in (1, 2))])
    by_diagnoses, by_itself = compare_groups(store, ["ft"]).courses
    assert by_diagnoses.source == "diagnoses"
    assert [(one.step, round(one.cid, 6)) for one in by_diagnoses.points] == [(10, 0.6), (20, 0.1)]
    assert by_itself.source == "curve"
    assert [(one.step, one.cid) for one in by_itself.points] == [(1, 0.1), (2, 0.2)]


def test_access_rates_are_a_line_for_each_method_that_reads_the_confound(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", FT)
    add_group(store, dataset, "it", IT, method="influence-tuning", cids=CIDS["it"])
    assert compare_groups(store, ["ft", "it"]).access == ()
    add_group(store, dataset, "it-20", (0.79, 0.78, 0.8), method="influence-tuning", config={"access_rate": 0.2})
    found = compare_groups(store, ["ft", "it", "it-20"]).access
    assert [(one.method, one.access_rate, one.group) for one in found] == [
        ("influence-tuning", 0.2, "it-20"),
        ("influence-tuning", 1.0, "it"),
    ]
    assert found[0].accuracy.mean == pytest.approx(0.79)


def test_unfinished_runs_have_their_reason(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "ft", FT)
    run = add_run(store, dataset, "ft", 9, 0, status="failed")
    with store.writing() as session:
        session.merge(run).error = "There was not enough memory."
    (left_out,) = compare_groups(store, ["ft"]).groups[0].unfinished
    assert (left_out.run, left_out.status, left_out.reason) == ("ft-9", "failed", "There was not enough memory.")
