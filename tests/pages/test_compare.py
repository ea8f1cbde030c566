"""The Compare page: what it says is what the command line says, every state has words, a link brings the view back."""

from collections.abc import Iterator

import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from core.actions.comparing import compare_groups
from core.actions.demo import add_demo
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Metric, Run
from core.views.compare_choices import choices, state_of, usual
from core.views.compare_figures import MEASURES, access_figure, cost_figure, courses_figure, every_seed, mean_course
from core.views.compare_tables import methods_table, pairs_table, seeds_table, settings_table
from pages.parts.tables import csv_bytes
from tests.actions.test_comparing import CIDS, FT, IT, add_group, add_run
from tests.pages.synthetic import add_dataset
from tests.pages.visits import healthy, visit, words

HOSTILE = "<script>alert(1)</script> **bold** [x](javascript:alert(1)) :smile: $x$ `c`"


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What was compared in one store is not shown of the next."""
    yield
    st.cache_resource.clear()


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return add_dataset(store, "headlines", n_train=200, n_dev=100)


@pytest.fixture
def two(store: Store, dataset: Dataset) -> Store:
    add_group(store, dataset, "it", IT, cids=CIDS["it"], method="influence-tuning", config={"label_epochs": 3})
    add_group(store, dataset, "ft", FT, cids=CIDS["ft"])
    return store


def told(page: AppTest) -> str:
    """All that the page says, without the invisible joiners that keep names from becoming emoji or links."""
    return words(page).replace("\u2060", "")


def value(page: AppTest, name: str) -> list[str]:
    found = page.query_params.get(name, [])
    return found if isinstance(found, list) else [found]


def headline(page: AppTest) -> str:
    return page.subheader[0].value.replace("\\", "").replace("\u2060", "")


# --- states ---


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    page = visit("compare")
    assert "There is nothing to compare yet" in told(page)
    assert not page.multiselect


def test_two_groups_say_what_the_command_line_says(two: Store) -> None:
    page = visit("compare")
    found = compare_groups(two, ["ft", "it"])
    assert headline(page) == found.verdict[0]
    said = told(page)
    for sentence in (*found.verdict[1:], *found.notes):
        assert sentence in said
    against = next(one for one in found.comparisons.all if one.measure == "accuracy")
    assert against.sentence in said
    assert "with seeds and examples drawn anew" in said
    table = next(one.value for one in page.dataframe if "Accuracy, %" in one.value)
    assert list(table["Accuracy, %"]) == ["75.7 ± 1.5", "81.7 ± 2.1"]
    assert list(table["Tried"]) == ["1", "1"]
    settings = next(one.value for one in page.dataframe if "Setting" in one.value)
    assert settings.to_dict("records") == [{"Setting": "label_epochs", "ft": "10", "it": "3"}]


def test_the_usual_choice_is_written_into_the_address_and_finetuning_is_the_baseline(two: Store) -> None:
    page = visit("compare")
    assert value(page, "groups") == ["ft", "it"]
    assert value(page, "baseline") == ["ft"]
    assert value(page, "split") == ["dev"]
    assert page.multiselect(key="compare-groups").value == ["ft", "it"]


def test_a_link_brings_back_groups_runs_baseline_and_measure(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, None, 7, 0.7, name="alone")
    page = visit("compare", groups="it", runs="alone", baseline="alone", measure="worst_cell")
    assert page.multiselect(key="compare-groups").value == ["it"]
    assert page.multiselect(key="compare-runs").value == ["alone"]
    assert page.selectbox(key="compare-baseline").value == "alone"
    assert "it is " in told(page)
    assert "in worst-cell accuracy; no test: alone has one seed only" in told(page)


def test_choosing_changes_the_address_and_clearing_is_no_return_to_the_usual(two: Store) -> None:
    page = visit("compare")
    healthy(page.multiselect(key="compare-groups").set_value(["it"]).run())
    assert value(page, "groups") == ["it"]
    assert headline(page).startswith("Influence tuning is right on 81.7 % of dev")
    assert "There is nothing to compare it with yet" in told(page)
    healthy(page.multiselect(key="compare-groups").set_value([]).run())
    assert "Choose what to compare" in told(page)
    healthy(page.multiselect(key="compare-groups").set_value(["it", "ft"]).run())
    healthy(page.selectbox(key="compare-baseline").set_value("it").run())
    assert value(page, "baseline") == ["it"]
    assert "ft is 6.0 points below it in accuracy" in told(page)


def test_single_runs_are_compared_as_models_only(store: Store, dataset: Dataset) -> None:
    for name, accuracy in (("one", 0.7), ("other", 0.8)):
        add_run(store, dataset, None, 1, accuracy, name=name)
    page = visit("compare")
    assert value(page, "runs") == ["other", "one"]
    said = told(page)
    assert "nothing tells whether that is the luck of seeds" in said
    assert "These are single models" in said
    assert page.multiselect(key="compare-groups").disabled


def test_the_demo_can_be_compared_at_once(store: Store) -> None:
    assert add_demo(store)
    page = visit("compare")
    assert set(value(page, "runs")) == {"demo", "demo-control"}
    assert headline(page).startswith("The no-spurious control is 2.9 points above finetuning on dev")
    assert "There is no test: each has one seed" in told(page)
    healthy(page.segmented_control(key="compare-split").set_value("test").run())
    assert " on test" in headline(page)
    assert value(page, "split") == ["test"]


def test_failed_and_running_runs_are_named_with_their_reason(two: Store, dataset: Dataset) -> None:
    add_run(two, dataset, "it", 2040, 0.5, method="influence-tuning", failed=True, config={"label_epochs": 3})
    add_run(two, dataset, "it", 2041, 0, method="influence-tuning", status="running", config={"label_epochs": 3})
    broken = add_run(two, dataset, "ft", 2042, 0, status="failed")
    with two.writing() as session:
        session.execute(update(Run).where(Run.id == broken.id).values(error="There was not enough memory."))
    page = visit("compare")
    said = told(page)
    assert "1 run of these still waits or trains" in said
    assert "Without the runs that failed to fit" in said
    assert said.count("points below ft in accuracy (Welch") == said.count("points above ft in accuracy (Welch") == 1
    left_out = next(one.value for one in page.dataframe if "Why" in one.value)
    assert dict(zip(left_out["Run"], left_out["State"], strict=True)) == {
        "ft-2042": "failed",
        "it-2041": "running",
        "it-2040": "failed to fit",
    }
    assert "There was not enough memory." in set(left_out["Why"])


def test_a_group_that_has_not_finished_is_waited_for(two: Store, dataset: Dataset) -> None:
    for seed in (1, 2):
        add_run(two, dataset, "late", seed, 0, status="queued")
    page = visit("compare", groups="late")
    assert "late has no finished run to compare (2 runs: 2 still at work)" in told(page)
    assert "Nothing of this can be compared yet" in told(page)
    with two.writing() as session:
        session.execute(update(Run).where(Run.group == "late").values(status="done"))
    assert "late was not evaluated on any split." in told(healthy(page.run()))


def test_groups_of_different_data_sets_decide_nothing(two: Store) -> None:
    other = add_dataset(two, "other", n_train=200, n_dev=90, prefix=False)
    add_group(two, other, "far", (0.9, 0.91, 0.92))
    page = visit("compare", groups="ft", runs="")
    healthy(page.multiselect(key="compare-groups").set_value(["ft", "far"]).run())
    assert "do not say which method is better" in headline(page)


def test_what_is_gone_is_said(two: Store) -> None:
    page = visit("compare", groups="nope", runs="gone")
    assert "Not in the store, perhaps deleted: nope and gone." in told(page)


def test_a_run_inside_a_chosen_group_is_refused_in_words(two: Store) -> None:
    page = visit("compare", groups="ft", runs="ft-2021")
    assert "The run 'ft-2021' stands in 'ft' and in 'ft-2021'" in told(page)


def test_a_link_about_a_run_shows_what_belongs_beside_it(two: Store, dataset: Dataset) -> None:
    newer = add_dataset(two, "newer", n_train=200, n_dev=100)
    add_group(two, newer, "new", (0.8, 0.81))
    assert value(visit("compare"), "groups") == ["new"]
    page = visit("compare", about="it")
    assert value(page, "groups") == ["ft", "it"]
    assert not value(page, "about")


def test_hostile_names_stay_text(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, HOSTILE, FT, cids=CIDS["ft"])
    add_group(store, dataset, "Setting", IT, method="influence-tuning", config={"label_epochs": 3})
    page = visit("compare")
    written = [str(one.value) for kind in (page.subheader, page.markdown, page.caption) for one in kind]
    assert not [one for one in written if "<script>" in one or "[x](" in one or "**bold**" in one]
    assert HOSTILE in told(page)
    settings = settings_table([HOSTILE, "Setting"], compare_groups(store, [HOSTILE, "Setting"]).configuration)
    assert list(settings.columns) == ["Setting of the runs", HOSTILE, "Setting"]


# --- what is kept and read ---


def test_a_comparison_is_made_once_for_a_state_of_the_store(two: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counting(store, names, **more):
        made.append(tuple(names))
        return compare_groups(store, names, **more)

    monkeypatch.setattr("core.actions.comparing.compare_groups", counting)
    monkeypatch.setattr("pages.compare.result.compare_groups", counting)
    page = visit("compare")
    healthy(page.segmented_control(key="compare-measure").set_value("cid").run())
    healthy(visit("compare"))
    assert made == [("ft", "it")]
    with two.writing() as session:
        session.execute(update(Run).where(Run.name == "it-2021").values(failed_to_fit=True))
    healthy(page.run())
    assert len(made) == 2


def test_a_training_run_does_not_change_the_state_until_it_ends(two: Store, dataset: Dataset) -> None:
    late = add_run(two, dataset, "it", 2050, 0.8, method="influence-tuning")
    with two.writing() as session:
        session.execute(update(Run).where(Run.id == late.id).values(status="running"))
    chosen = choices(two)[0]
    before = state_of(two, chosen)
    with two.writing() as session:
        session.add(Metric(run_id=late.id, name="cid", step=1, value=0.5))
    assert state_of(two, chosen) == before
    with two.writing() as session:
        session.execute(update(Run).where(Run.id == late.id).values(status="done"))
    assert state_of(two, chosen) != before


def test_the_usual_choice_has_every_method_before_more_of_the_same(store: Store, dataset: Dataset) -> None:
    control = add_dataset(store, "clean", n_train=200, n_dev=100, control_of=dataset.id, prefix=False)
    add_group(store, dataset, "old-adversarial", (0.7,), method="adversarial")
    for number in range(9):
        add_group(store, dataset, f"it-{number}", (0.8,), method="influence-tuning")
    add_group(store, control, "clean-ft", (0.9,))
    add_group(store, dataset, "ft", (0.7,))
    names = [one.name for one in usual(*choices(store))]
    assert len(names) == 8
    assert (names[0], names[-1]) == ("ft", "clean-ft")
    assert "old-adversarial" in names


# --- figures and tables ---


def test_every_seed_is_a_dot_and_floor_and_control_are_lines(two: Store, dataset: Dataset) -> None:
    control = add_dataset(two, "clean", n_train=200, n_dev=100, control_of=dataset.id, prefix=False)
    add_group(two, control, "ns", (0.86, 0.85, 0.88))
    add_run(two, dataset, "it", 2040, 0.5, method="influence-tuning", failed=True)
    found = compare_groups(two, ["ft", "it", "ns"])
    figure = every_seed(found.groups, MEASURES["accuracy"])
    dots = [trace for trace in figure.data if trace.text is not None]
    assert sorted(x for trace in dots for x in trace.x) == pytest.approx(sorted([*FT, *IT, 0.5, 0.86, 0.85, 0.88]))
    assert [list(trace.x) for trace in dots if trace.marker.symbol == "x"] == [[0.5]]
    names = {trace.name: trace for trace in figure.data if trace.name}
    assert set(names["confound alone (floor)"].x) - {None} == {group.floor for group in found.groups}
    assert names["no-spurious control"].x[0] == pytest.approx(0.8633, abs=1e-4)
    for measure in MEASURES.values():
        every_seed(found.groups, measure)


def test_the_mean_course_is_of_all_seeds_or_none(two: Store) -> None:
    found = compare_groups(two, ["ft", "it"])
    mine = [one for one in found.courses if one.group == "ft"]
    assert mean_course(mine) == [(10, pytest.approx(0.6)), (20, pytest.approx(0.1))]
    figure = courses_figure(found.groups, found.courses, "diagnoses")
    assert {trace.name for trace in figure.data if trace.name} == {"ft", "it"}
    cost = cost_figure(found.groups, "dev")
    assert len(cost.data) == 4


def test_access_rates_are_drawn_with_finetuning_as_a_level(two: Store, dataset: Dataset) -> None:
    add_group(
        two,
        dataset,
        "it-20",
        (0.79, 0.78),
        method="influence-tuning",
        config={"access_rate": 0.2, "label_epochs": 3},
    )
    page = visit("compare")
    assert "Influence tuning has 78.5 % with 20 % known, 81.7 % with 100 %." in told(page)
    found = compare_groups(two, ["ft", "it", "it-20"])
    names = [trace.name for trace in access_figure(found).data if trace.name]
    assert names == ["Influence tuning", "ft"]


def test_tables_hold_the_numbers_and_their_files_no_formulas(store: Store, dataset: Dataset) -> None:
    add_group(store, dataset, "=cmd()", FT)
    add_group(store, dataset, "it", IT, method="influence-tuning")
    add_run(store, dataset, "it", 2040, 0.5, method="influence-tuning", failed=True)
    found = compare_groups(store, ["=cmd()", "it"])
    methods = methods_table(found)
    assert list(methods["runs"]) == ["all", "all", "without those that failed to fit"]
    assert methods["accuracy"].iloc[2] == pytest.approx(sum(IT) / 3)
    assert len(seeds_table(found)) == 7
    tests = pairs_table(found)
    assert set(tests["runs"]) == {"all", "without those that failed to fit"}
    first = found.comparisons.all[0]
    assert tests.iloc[0][["p_value", "lo", "hedges_g"]].tolist() == [first.p_value, first.lo, first.hedges_g]
    for table in (methods, seeds_table(found), tests, pd.DataFrame({"=a": ["+b"]})):
        lines = csv_bytes(table).decode().splitlines()
        assert not [cell for line in lines for cell in line.split(",") if cell[:1] in ("=", "+", "@")]


# --- ways here ---


def test_overview_and_train_lead_here(two: Store) -> None:
    run = queries.get_run(two, "it-2021")
    assert "about=it" in queries_of(visit("train", run=run.id), "Compare the seeds")
    overview = visit("overview", chosen=queries.get_run(two, "ft-2021").id)
    assert queries_of(overview, "Compare") == ["about=ft"]


def queries_of(page: AppTest, label: str) -> list[str]:
    """The parameters that links of this name lead with."""
    return [one.proto.query_string for one in page.get("page_link") if one.proto.label == label]
