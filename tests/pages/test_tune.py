"""The Tune page: what it queues is what the form says, before and after ask the same probes, every state has words."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import delete, update
from streamlit.testing.v1 import AppTest

from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Run
from core.views.diagnoses import points
from core.views.probe_groups import Groups, binned, common_edges
from pages.tune.cells import cell_rows, in_words
from pages.tune.lineage import tree_table, what_was_done
from pages.tune.pair import find_pair, matched
from tests.pages.synthetic import STEPS, add_dataset, add_diagnosis, add_rounds, add_run
from tests.pages.visits import healthy, job, visit, words, worker

ONCE = {"schedule": "once", "label_steps": 0, "lineage": 1, "round_epochs": 5, "k": 4}


@dataclass(frozen=True)
class Family:
    """A run, and what a round made of its last checkpoint but one."""

    dataset: Dataset
    parent: Run
    child: Run
    step: int


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody works on the queue in these tests; what was read from one store is not shown of the next."""
    for name in ("tuning", "diagnosing"):
        monkeypatch.setattr(f"core.actions.{name}.ensure_worker", lambda settings: False)
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def family(store: Store) -> Family:
    """Parent and child, neither of them diagnosed."""
    dataset = add_dataset(store, "small", n_train=300, n_dev=120)
    parent = add_run(store, dataset, "leaning")
    child = add_run(
        store,
        dataset,
        "treated",
        method="influence-tuning",
        config=ONCE,
        steps=(0,),
        accuracy=0.9,
        worst=0.85,
        parent=(parent, STEPS[-2]),
    )
    add_rounds(store, child, after=(0,))
    return Family(dataset, parent, child, STEPS[-2])


def diagnosed(store: Store, family: Family) -> tuple[Diagnosis, Diagnosis]:
    """Both sides, by the same eight probes."""
    before = add_diagnosis(store, family.parent, step=family.step, effect=0.5, probes=8)
    return before, add_diagnosis(store, family.child, step=0, effect=0.02, probes=8)


def widget(page: AppTest, kind: str, start: str):
    """The widget of a kind whose key starts so."""
    return next(one for one in getattr(page, kind) if str(one.key).startswith(start))


def keys(page: AppTest) -> set[str]:
    return {str(one.key) for one in page.button}


def value(page: AppTest, name: str) -> str | None:
    found = page.query_params.get(name)
    return found[0] if isinstance(found, list) else found


def queued(store: Store, kind: str) -> list[dict[str, object]]:
    """Payloads of the waiting jobs of a kind, each with its run."""
    there = [one for one in queries.list_jobs(store, active=True) if one.kind == kind]
    return [{**queries.get_job(store, one.id).payload, "run": one.run} for one in there]


# --- starting ---


def test_without_runs_it_says_what_to_do(store: Store) -> None:
    page = visit("tune")
    assert "There is no model to tune yet" in words(page)
    assert [button.key for button in page.button] == ["glossary"]


def test_a_model_that_has_forgotten_its_task_is_called_that_before_its_cid(store: Store, family: Family) -> None:
    diagnosed(store, family)
    assert "CID went from" in visit("tune", run="treated").subheader[0].value
    with store.writing() as session:
        session.merge(family.child).failed_to_fit = True
    page = visit("tune", run="treated")
    assert page.subheader[0].value == "The model has forgotten its task"
    assert "its CID says nothing" in words(page)
    assert "CID went from" in words(page)


def test_what_the_form_says_is_queued_from_the_chosen_checkpoint(store: Store, family: Family) -> None:
    page = visit("tune", run="leaning", step=str(family.step))
    assert page.selectbox(key="tune-step").value == family.step
    widget(page, "number_input", "probes_per_epoch-").set_value(30)
    widget(page, "number_input", "k-").set_value(3)
    widget(page, "text_input", "round_epochs-").set_value("2")
    widget(page, "text_input", "round_lr-").set_value("1e-4")
    widget(page, "text_input", "access_rate-").set_value("0.5")
    widget(page, "text_input", "round_layers-").set_value("0, pooler")
    widget(page, "number_input", "steps-").set_value(7)
    widget(page, "text_input", "name-").set_value("mine")
    page.run()
    healthy(page.button(key="tune-start").click().run())
    run = queries.get_run(store, "mine")
    assert (run.parent_id, run.parent_step, run.method) == (family.parent.id, family.step, "influence-tuning")
    wanted = {"probes_per_epoch": 30, "k": 3, "round_epochs": 2, "round_lr": 1e-4, "access_rate": 0.5}
    wanted |= {"round_layers": "0, pooler", "label_steps": 7, "schedule": "once", "lineage": 1}
    assert {name: run.config[name] for name in wanted} == wanted
    assert [one["run"] for one in queued(store, "train")] == ["mine"]
    assert [one["run"] for one in queued(store, "diagnose")] == ["mine"]
    assert value(page, "run") == "mine"
    assert "from step 200 of" in words(page)


def test_the_diagnosis_afterwards_asks_the_probes_of_the_starting_point(store: Store, family: Family) -> None:
    add_diagnosis(store, family.parent, step=family.step, effect=0.5, probes=8, source="dev")
    page = visit("tune", run="leaning", step=str(family.step))
    assert widget(page, "checkbox", "diagnose-").label == "Diagnose afterwards, with 8 probes"
    page.button(key="tune-start").click().run()
    (wish,) = queued(store, "diagnose")
    assert (wish["checkpoint"], wish["probes"], wish["probe_source"], wish["seed"]) == ("final", 8, "dev", 2021)


def test_the_kind_stands_in_the_address_and_decides_what_is_asked(store: Store, family: Family) -> None:
    page = visit("tune", run="leaning", kind="label")
    names = {str(one.key).split("-")[0] for one in (*page.text_input, *page.number_input)}
    assert "k" not in names
    assert {"label_lr", "batch_size"} <= names
    page.button(key="tune-start").click().run()
    run = queries.get_run(store, queries.list_runs(store)[0].id)
    assert (run.method, run.config["label_steps"]) == ("finetune", 5)  # an epoch: 300 examples, 64 at a time
    page = visit("tune", run="leaning", kind="nonsense")
    assert page.button_group(key="tune-kind").value in ("influence", ["influence"])


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [("round_lr-", "fast", "round_lr=fast is not possible"), ("access_rate-", "0", "access_rate=0 is not possible")],
)
def test_an_impossible_setting_is_named_and_cannot_be_started(
    store: Store, family: Family, field: str, typed: str, message: str
) -> None:
    page = visit("tune", run="leaning")
    widget(page, "text_input", field).set_value(typed).run()
    assert message in page.error[0].value.replace("\\", "")
    assert page.button(key="tune-start").disabled


def test_a_taken_name_is_refused_in_words(store: Store, family: Family) -> None:
    page = visit("tune", run="leaning")
    widget(page, "text_input", "name-").set_value("treated").run()
    healthy(page.button(key="tune-start").click().run())
    assert "treated" in page.error[0].value
    assert queries.list_jobs(store) == []


def test_the_time_is_predicted_from_the_pace_of_earlier_runs(store: Store, family: Family) -> None:
    assert "by the pace of earlier runs on CPU, 2 cores" in words(visit("tune", run="leaning"))


# --- what cannot be tuned ---


def test_the_demo_says_that_it_has_no_weights(store: Store, family: Family) -> None:
    add_run(store, family.dataset, "shown", demo=True)
    page = visit("tune", run="shown")
    assert "precomputed demo" in words(page)
    assert "tune-start" not in keys(page)


def test_weights_that_are_not_kept_are_named(store: Store, family: Family) -> None:
    with store.writing() as session:
        session.execute(update(Checkpoint).where(Checkpoint.run_id == family.parent.id).values(path=None))
    page = visit("tune", run="leaning")
    assert "The weights of step 240 are not kept" in words(page)
    assert "tune-start" not in keys(page)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("running", "This run is still training"), ("failed", "Its training failed. No memory was left.")],
)
def test_a_run_without_a_checkpoint_says_why(store: Store, family: Family, status: str, sentence: str) -> None:
    add_run(store, family.dataset, "empty", status=status, steps=(), error="No memory was left.")
    assert sentence in words(visit("tune", run="empty"))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [({"run": "gone"}, "not in the store"), ({"run": "leaning", "step": "7"}, "no checkpoint at the step")],
)
def test_a_link_to_what_is_gone_says_so(store: Store, family: Family, address: dict[str, str], sentence: str) -> None:
    assert sentence in words(visit("tune", **address))


def test_another_run_starts_afresh(store: Store, family: Family) -> None:
    diagnosed(store, family)
    page = visit("tune", run="treated", probe="train-1", split="dev")
    page.selectbox(key="tune-run").set_value(family.parent.id).run()
    assert (value(page, "run"), value(page, "step")) == ("leaning", str(STEPS[-1]))
    assert (value(page, "probe"), value(page, "split")) == (None, None)


# --- while it runs ---


def test_a_round_that_goes_on_is_seen_from_inside(store: Store, family: Family) -> None:
    going = add_run(
        store,
        family.dataset,
        "going",
        status="running",
        method="influence-tuning",
        config=ONCE,
        steps=(),
        parent=(family.parent, family.step),
    )
    add_rounds(store, going, after=(), going_on=6)
    job(store, going, status="running", progress=0.4, message="Round 1 of 1, epoch 3 of 5, J 0.3100")
    worker(store)
    page = visit("tune", run="going")
    said = words(page)
    assert "epoch 3 of 5, J 0.3100" in said
    assert "The first round goes on" in said
    assert "tune-again" not in keys(page)
    (chart,) = page.get("plotly_chart")
    assert '"J"' in chart.proto.spec
    assert '"CID"' in chart.proto.spec


def test_a_round_that_failed_says_why(store: Store, family: Family) -> None:
    run = add_run(store, family.dataset, "bad", status="failed", steps=(), config=ONCE, parent=(family.parent, 240))
    job(store, run, status="failed", error="round_layers names 'nine', which is no layer of this model.")
    said = words(visit("tune", run="bad"))
    assert "The last training failed" in said
    assert "which is no layer of this model" in said


# --- before and after ---


def test_before_and_after_are_told_in_words_and_numbers(store: Store, family: Family) -> None:
    before, after = diagnosed(store, family)
    page = visit("tune", run="treated")
    said = words(page)
    assert f"CID went from {before.cid:.2f} to {after.cid:.2f}; it is nearer to 0 on 8 of 8 probes" in said
    assert "The two intervals lie apart" in said
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["CID before"], shown["CID after"]) == (f"{before.cid:.3f}", f"{after.cid:.3f}")
    evaluations = {(one.run_id, one.step): one for one in _dev(store, family)}
    was, now = evaluations[family.parent.id, family.step], evaluations[family.child.id, 0]
    assert f"from {100 * was.accuracy:.1f} % to **{100 * now.accuracy:.1f} %**" in said
    assert shown["Dev accuracy"] == f"{100 * now.accuracy:.1f} %"
    cells = next(one.value for one in page.dataframe if "Before, %" in one.value)
    assert len(cells) == 4
    assert "tune-measure" not in str(page.main)


def _dev(store: Store, family: Family) -> list[Evaluation]:
    there = [*queries.evaluations(store, family.parent.id), *queries.evaluations(store, family.child.id)]
    return [one for one in there if one.split == "dev"]


def test_the_probe_of_the_address_is_the_one_that_is_drawn_twice(store: Store, family: Family) -> None:
    _, after = diagnosed(store, family)
    chosen = after.report["probes"][5]["id"]
    page = visit("tune", run="treated", probe=chosen)
    assert page.selectbox(key="tune-probe").value == chosen
    figures = [one.proto.spec for one in page.get("plotly_chart") if "different confound (n =" in one.proto.spec]
    assert len(figures) == 2
    page.selectbox(key="tune-probe").select_index(0).run()
    assert value(page, "probe") == page.selectbox(key="tune-probe").value
    healthy(page)


def test_the_pair_joins_the_same_probes_whatever_their_order(store: Store, family: Family) -> None:
    before, after = diagnosed(store, family)
    pair = find_pair(store, family.child, family.parent)
    assert pair is not None
    found = pair.probes().set_index("id")
    for side, row in (("before", before), ("after", after)):
        for place, probe in enumerate(row.report["probes"]):
            assert found.loc[probe["id"], f"cid_{side}"] == pytest.approx(probe["cid"])
            assert found.loc[probe["id"], f"index_{side}"] == place


def test_only_diagnoses_that_asked_alike_are_a_pair(store: Store, family: Family) -> None:
    add_diagnosis(store, family.parent, step=family.step, effect=0.5, probes=8)
    add_diagnosis(store, family.parent, step=family.step, effect=0.5, probes=12)
    add_diagnosis(store, family.child, step=0, effect=0.1, probes=12, source="dev")
    add_diagnosis(store, family.child, step=0, effect=0.1, probes=8)
    were, are = points(store, family.parent.id), points(store, family.child.id)
    before, after = matched(were, are)
    assert before is not None
    assert after is not None
    assert [one.config["probes"] for one in (before, after)] == [8, 8]
    only_otherwise = matched(were, [one for one in are if one.config["probe_source"] == "dev"])
    assert only_otherwise[0] is None
    assert matched([], []) == (None, None)


@pytest.mark.parametrize("side", ["before", "after", "both"])
def test_what_is_missing_is_measured_like_the_other_side(store: Store, family: Family, side: str) -> None:
    if side == "after":
        add_diagnosis(store, family.parent, step=family.step, effect=0.5, probes=8)
    elif side == "before":
        add_diagnosis(store, family.child, step=0, effect=0.1, probes=8)
    page = visit("tune", run="treated")
    healthy(page.button(key=f"tune-{side}").click().run())
    asked = {str(one["run"]): one for one in queued(store, "diagnose")}
    wanted = {"before": {"leaning"}, "after": {"treated"}, "both": {"leaning", "treated"}}[side]
    assert set(asked) == wanted
    assert {(one["probes"], one["probe_source"], one["seed"]) for one in asked.values()} == {
        (40 if side == "both" else 8, "train", 2021)
    }
    assert {name: one["checkpoint"] for name, one in asked.items()} == {
        name: {"leaning": str(family.step), "treated": "final"}[name] for name in wanted
    }
    assert f"tune-{side}" not in keys(page)  # it is under way


def test_a_starting_point_that_is_gone_is_said(store: Store, family: Family) -> None:
    diagnosed(store, family)
    with store.writing() as session:
        session.execute(delete(Run).where(Run.id == family.parent.id))
    page = visit("tune", run="treated")
    said = words(page)
    assert "a run that has been deleted" in said
    assert "cannot be measured any more" in said
    assert {"tune-again", "tune-onward"} <= keys(page)


# --- going on ---


def test_once_more_repeats_the_round_from_its_end(store: Store, family: Family) -> None:
    diagnosed(store, family)
    page = visit("tune", run="treated")
    healthy(page.button(key="tune-again").click().run())
    run = queries.get_run(store, str(value(page, "run")))
    assert (run.parent_id, run.parent_step, run.method) == (family.child.id, 0, "influence-tuning")
    assert {name: run.config[name] for name in ("round_epochs", "k", "label_steps", "lineage")} == {
        "round_epochs": 5,
        "k": 4,
        "label_steps": 0,
        "lineage": 2,
    }
    (wish,) = queued(store, "diagnose")
    assert wish["probes"] == 8


def test_label_steps_go_on_from_the_round(store: Store, family: Family) -> None:
    page = visit("tune", run="treated")
    widget(page, "number_input", "go-on-").set_value(11).run()
    healthy(page.button(key="tune-onward").click().run())
    run = queries.get_run(store, str(value(page, "run")))
    assert (run.parent_id, run.method, run.config["label_steps"]) == (family.child.id, "finetune", 11)
    assert "Label steps alone" in words(page)


# --- the tree ---


def test_the_tree_shows_what_was_done_and_what_came_of_it(store: Store, family: Family) -> None:
    _, after = diagnosed(store, family)
    add_run(
        store,
        family.dataset,
        "onward",
        config={"label_steps": 50, "lineage": 2},
        steps=(50,),
        parent=(family.child, 0),
    )
    page = visit("tune", run="treated")
    tree = next(one.value for one in page.dataframe if "What was done" in one.value)
    assert [name.strip("\u2003└ ◂") for name in tree["Run"]] == ["leaning", "treated", "onward"]
    assert [len(name) - len(name.lstrip("\u2003")) for name in tree["Run"]] == [0, 1, 2]
    assert list(tree["What was done"]) == ["Finetuning from the encoder", "Influence tuning", "50 label steps"]
    assert tree["CID"].iloc[1] == f"{after.cid:.3f}"
    assert "→" in tree["J in the round"].iloc[1]
    assert "◂" in tree["Run"].iloc[1]


def test_a_run_that_stands_alone_has_no_tree(store: Store) -> None:
    add_run(store, add_dataset(store, "small", n_train=200, n_dev=40), "alone")
    assert "The tree of rounds" not in words(visit("tune", run="alone"))


# --- parts ---


def test_both_figures_count_every_example_over_the_same_bins() -> None:
    rng = np.random.default_rng(0)
    halves = [np.arange(100) < 50, np.arange(100) >= 50]
    both = [Groups(rng.normal(mean, 0.1, 100), halves[0], halves[1], -1) for mean in (-0.4, 0.5)]
    edges = common_edges(both)
    for found in both:
        drawn = binned(found, edges)
        assert edges[0] <= found.scores.min()
        assert edges[-1] >= found.scores.max()
        assert (drawn.same.sum(), drawn.different.sum()) == (50, 50)


def test_cells_that_gain_are_those_beyond_their_intervals() -> None:
    def cell(confound: str, accuracy: float) -> dict[str, object]:
        side = {"accuracy": accuracy, "lo": accuracy - 0.1, "hi": accuracy + 0.1}
        return {"label": "short", "confound": confound, "n": 40, **side}

    rows = cell_rows(
        {"cells": [cell("a", 0.9), cell("b", 0.4), cell("c", 0.5)]},
        {"cells": [cell("a", 0.6), cell("b", 0.7), cell("c", 0.55)]},
    )
    assert list(rows["confound"]) == ["b", "c", "a"]
    assert in_words(rows) == "Beyond their 95 % intervals 1 of 3 cells gained and 1 lost."


def test_diagnose_and_train_lead_here(store: Store, family: Family) -> None:
    add_diagnosis(store, family.parent, step=family.step, effect=0.5, probes=8)
    links = [
        one.proto.query_string for one in visit("diagnose", run="leaning").get("page_link") if "tune" in one.proto.page
    ]
    assert links == [f"run=leaning&step={family.step}"]
    page = visit("train", run=family.parent.id)
    page.button(key="to-tune").click().run()
    assert value(healthy(page), "run") == "leaning"


def test_hostile_names_and_texts_are_shown_as_they_are(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store, "hostile", n_train=300, n_dev=80, hostile=True)
    parent = add_run(store, dataset, "<b>bold</b> **x** :smile:")
    child = add_run(store, dataset, "[a](javascript:b)", config=ONCE, steps=(0,), parent=(parent, 240))
    for run, step in ((parent, 240), (child, 0)):
        add_diagnosis(store, run, step=step, effect=0.3, probes=8)
    page = visit("tune", run=child.name)
    assert any(r"\*\*x\*\*" in one.proto.label for one in page.get("page_link"))
    assert "<b>neg</b> [x](y)" in words(page)


def test_what_was_done_is_told_of_every_kind() -> None:
    def run(method: str, steps: int) -> Run:
        return Run(name="r", method=method, parent_step=4, config={"label_steps": steps})

    assert what_was_done(run("embedding-tuning", 0)) == "Embedding tuning"
    assert what_was_done(run("combined-tuning", 1)) == "Combined tuning, then 1 label step"
    assert what_was_done(run("finetune", 20)) == "20 label steps"
    assert isinstance(tree_table([], {}), pd.DataFrame)
