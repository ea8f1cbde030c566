"""The Diagnose page: the address alone decides what is shown, every state has words, and nothing breaks on bad input."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.tables import Job, Run, now
from core.views.charts import safe_filename
from core.views.diagnoses import control_points, curve, points
from core.views.histograms import two_histograms
from core.views.probe_groups import Groups, Histogram
from core.views.strips import MOST, strip
from core.views.trajectory import trajectory
from pages.diagnose.course import selected_step
from pages.diagnose.figure import KEY, _picked, selected_bins
from pages.diagnose.matrix import _picked as _pinned
from pages.parts import work
from tests.pages.synthetic import STEPS, Filled, add_dataset, add_diagnosis, add_run, fill
from tests.pages.visits import keep, visit, words

HISTOGRAM = Histogram(np.array([-0.1, 0.0, 0.1, 0.2, 0.3]), np.array([0, 3, 0, 5]), np.array([2, 0, 0, 1]))
DRAWN = {"points": [], "box": [{"x": [0.4, 0.1], "y": [-0.5, 0.5]}], "lasso": []}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A filled store that no test writes to."""
    home = tmp_path_factory.mktemp("filled")
    store = open_store(Settings(home=home))
    store.migrate()
    return SimpleNamespace(home=home, store=store, filled=fill(store))


def opened(monkeypatch: pytest.MonkeyPatch, home: Path, **address: str) -> AppTest:
    """The page at an address, over the store in `home`."""
    monkeypatch.setenv("UNCONFOUND_HOME", str(home))
    get_settings.cache_clear()
    return visit("diagnose", **address)


def value(at: AppTest, name: str) -> str | None:
    found = at.query_params.get(name)
    return found[0] if isinstance(found, list) else found


def group(at: AppTest, key: str) -> Any:
    """A segmented control."""
    return next(one for one in at.get("button_group") if one.key == key)


def run_named(at: AppTest) -> str:
    return str(value(at, "run"))


def test_without_runs_it_says_where_to_begin(monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings) -> None:
    at = opened(monkeypatch, settings.home)
    assert "There is no model to diagnose yet" in words(at)


def test_the_verdict_comes_first_and_the_address_becomes_whole(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    filled: Filled = shared.filled
    at = opened(monkeypatch, shared.home)
    last = points(shared.store, filled.run.id)[-1]
    assert run_named(at) == filled.run.name
    assert (value(at, "step"), value(at, "diagnosis")) == (str(STEPS[-1]), last.id)
    assert "pull this model" in at.subheader[0].value
    shown = {metric.label: metric.value for metric in at.metric}
    assert shown["CID"] == f"{last.cid:.3f}"
    control = control_points(shared.store, filled.run, last)
    assert control is not None
    assert shown["Control"] == f"{control[1][-1].cid:.3f}"
    assert {"Chance reaches", "Dev accuracy", "Worst cell", "Floor"} <= set(shown)


def test_a_diagnosis_in_the_address_decides_over_run_and_step(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    first = points(shared.store, shared.filled.run.id)[0]
    at = opened(monkeypatch, shared.home, run="something else", step="7", diagnosis=first.id)
    assert run_named(at) == shared.filled.run.name
    assert value(at, "step") == str(first.step)
    assert f"step {first.step}" in at.selectbox(key="diagnose-step").format_func(first.step)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"run": "gone"}, "run that this link names is not in the store"),
        ({"diagnosis": "gone"}, "diagnosis that this link names is not in the store"),
        ({"run": "headlines-finetune-2021", "step": "7"}, "no checkpoint at the step"),
    ],
)
def test_a_link_to_what_is_gone_says_so(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace, address: dict[str, str], sentence: str
) -> None:
    assert sentence in words(opened(monkeypatch, shared.home, **address))


def test_probe_and_bin_come_from_the_address(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name)
    probes = at.dataframe[1].value
    text = str(probes["text"].iloc[3])
    chosen = next(
        part["id"] for part in _report(shared)["probes"] if part["cid"] == pytest.approx(probes["cid"].iloc[3])
    )
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, probe=chosen, bin="8-9", show="bin")
    assert text in [element.value for element in at.text]
    assert at.selectbox(key="diagnose-bin").value == "8-9"
    rows = at.dataframe[-1].value
    same, different = (rows["group"] == "🟧 same").sum(), (rows["group"] == "🟦 different").sum()
    assert f"{same} examples with the same confound, {different} with another" in words(at)
    assert rows["influence"].is_monotonic_decreasing


def _report(shared: SimpleNamespace) -> dict[str, list[dict[str, object]]]:
    last = points(shared.store, shared.filled.run.id)[-1]
    return queries.get_diagnosis(shared.store, last.id).report


def test_nonsense_in_the_address_is_no_error(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(
        monkeypatch,
        shared.home,
        run=shared.filled.run.name,
        probe="?",
        bin="99999",
        cell="x",
        scale="y",
        show="z",
        style="w",
        area="1,2;3",
        view="v",
        layers="u",
        find_train="*(",
    )
    assert at.selectbox(key="diagnose-bin").value is None


def test_choosing_a_bin_from_the_list_lists_its_examples(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name)
    picker = at.selectbox(key="diagnose-bin")
    picker.select_index(3).run()
    assert value(at, "bin") is not None
    assert "Influence" in words(at)
    assert not at.exception


def test_another_checkpoint_keeps_the_probe_and_drops_the_bin(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    probe = str(_report(shared)["probes"][5]["id"])
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, probe=probe, bin="3")
    at.selectbox(key="diagnose-step").set_value(STEPS[1]).run()
    assert value(at, "step") == str(STEPS[1])
    assert value(at, "probe") == probe
    assert value(at, "bin") is None


def test_another_run_starts_afresh(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, find="market", bin="3")
    at.selectbox(key="diagnose-run").set_value(shared.filled.control.id).run()
    assert run_named(at) == shared.filled.control.name
    assert (value(at, "find"), value(at, "bin")) == (None, None)
    assert "this run is one" in str([metric.delta for metric in at.metric])


def test_filters_narrow_the_table_and_keep_the_pinned_probe(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, find="MARKET", cell="short × negative")
    table = at.dataframe[1].value
    assert 0 < len(table) < 40
    assert table["text"].str.lower().str.contains("market").all()
    assert set(zip(table["label"], table["confound"], strict=True)) == {("short", "negative")}
    assert f"{len(table)} probe" in words(at)
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, find="no such text (")
    assert "0 probes of 40" in words(at)
    assert "Pinned probe" in words(at)


def test_it_says_in_which_layers_the_confound_lives(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name)
    assert "of CID comes from block" in words(at)


def test_a_confounded_model_is_offered_two_ways_out(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    filled: Filled = shared.filled
    at = opened(monkeypatch, shared.home, run=filled.run.name)
    links = {link.proto.label: link.proto.query_string for link in at.get("page_link")}
    assert links["Train anew with influence tuning"] == f"clone={filled.run.id}&method=influence-tuning"
    assert links["Train anew with embedding tuning"] == f"clone={filled.run.id}&method=embedding-tuning"
    assert "What now?" in words(at)
    control = opened(monkeypatch, shared.home, run=filled.control.name)
    assert "What now?" not in words(control)
    assert not [link for link in control.get("page_link") if link.proto.label.startswith("Train anew")]


def test_where_more_probes_would_tell_they_are_offered_and_what_they_say_is_shown(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings
) -> None:
    monkeypatch.setattr("core.actions.diagnosing.ensure_worker", lambda settings: False)
    dataset = add_dataset(store, "d", n_train=300, n_dev=60)
    run = add_run(store, dataset, "r")
    few = add_diagnosis(store, run, step=STEPS[-1], effect=0.04, probes=4)
    assert few.verdict == "unclear"
    at = opened(monkeypatch, settings.home, run="r")
    at.button(key="diagnose-more").click().run()
    [job] = queries.list_jobs(store)
    assert queries.get_job(store, job.id).payload["probes"] == 16
    assert "diagnose-more" not in {one.key for one in at.button}, "it is on its way"
    many = add_diagnosis(store, run, step=STEPS[-1], effect=0.0, probes=16)
    with store.writing() as session:
        done = session.get_one(Job, job.id)
        done.status, done.result, done.finished_at = "done", {"diagnoses": [many.id]}, now()
    at.run()
    assert value(at, "diagnosis") == many.id
    at.query_params["diagnosis"] = few.id
    at.run()
    assert value(at, "diagnosis") == few.id, "it is led to the new one once"


def test_a_diagnosis_from_before_layers_says_so(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings
) -> None:
    run = add_run(store, keep(store), "old")
    add_diagnosis(store, run, step=240, effect=0.2, probes=8, layers=False)
    at = opened(monkeypatch, settings.home, run="old")
    assert "of CID comes from" not in words(at)
    assert "Where the confound lives" in words(at)


def test_training_examples_are_found_by_their_words(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, find_train="MINISTER")
    listed = [table.value for table in at.dataframe if {"influence", "group", "text"} <= set(table.value.columns)]
    assert listed
    assert all(table["text"].str.contains("minister", case=False).all() for table in listed)
    opened(monkeypatch, shared.home, run=shared.filled.run.name, find_train="(no such [words")


def test_a_run_without_a_diagnosis_has_one_button(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.undiagnosed.name)
    assert "has not been diagnosed" in words(at)
    assert [button.label for button in at.button if button.key != "glossary"] == ["Diagnose this model"]


def test_missing_checkpoints_are_queued_and_watched(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings
) -> None:
    asked = []

    def instead(store: Store, _settings: Settings, run: Run, **wish: object) -> Job:
        asked.append(wish)
        job = Job(kind="diagnose", run_id=run.id, payload={}, status="running", progress=0.25, message="step 40")
        with store.writing() as session:
            session.add(job)
        return job

    monkeypatch.setattr(work, "start_diagnosis", instead)
    run = add_run(store, add_dataset(store, "small", n_train=200, n_dev=40), "half-done")
    add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=8)
    at = opened(monkeypatch, settings.home, run=run.name)
    button = at.button(key="diagnose-missing")
    assert button.label == "Diagnose the other 5 checkpoints"
    button.click().run()
    assert asked == [{"checkpoint": "all", "estimator": "cosine", "probes": 8, "probe_source": "train", "seed": 2021}]
    assert "25 % · step 40" in words(at)
    assert "diagnose-missing" not in [one.key for one in at.button]


def test_a_failed_diagnosis_says_why(monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings) -> None:
    run = add_run(store, add_dataset(store, "small", n_train=200, n_dev=40), "unlucky")
    with store.writing() as session:
        session.add(
            Job(kind="diagnose", run_id=run.id, payload={}, status="failed", error="No memory.", finished_at=now())
        )
    at = opened(monkeypatch, settings.home, run=run.name)
    assert "The last diagnosis failed" in words(at)
    assert "No memory" in words(at)


def test_the_demo_says_that_it_has_no_weights(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings
) -> None:
    run = add_run(store, add_dataset(store, "small", n_train=200, n_dev=40), "shown", demo=True)
    add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=8)
    at = opened(monkeypatch, settings.home, run=run.name)
    assert "no model weights" in words(at)
    assert "diagnose-missing" not in [one.key for one in at.button]


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
def test_runs_without_a_checkpoint(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings, status: str
) -> None:
    dataset = add_dataset(store, "small", n_train=200, n_dev=40)
    add_run(store, dataset, "nothing-yet", status=status, steps=(), error="It ran out of *memory*.")
    found = words(opened(monkeypatch, settings.home))
    assert ("still training" in found) == (status in ("queued", "running"))


def test_hostile_text_is_only_text(monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings) -> None:
    dataset = add_dataset(store, "hostile", n_train=300, n_dev=80, hostile=True)
    run = add_run(store, dataset, "hostile-run")
    add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=16, source="dev")
    for show in ("helpful", "harmful", "bin"):
        at = opened(monkeypatch, settings.home, run=run.name, show=show, bin="0-30")
        read_as_markdown = "\n".join(str(one.value) for kind in (at.markdown, at.caption, at.subheader) for one in kind)
        assert "<b>" not in read_as_markdown
        assert "[x](y)" not in read_as_markdown
        assert "<script>" not in read_as_markdown
        assert max(len(str(one.value)) for one in at.text) < 1000


def test_a_held_out_probe_keeps_its_whole_group(store: Store) -> None:
    run = add_run(store, add_dataset(store, "small", n_train=200, n_dev=40), "held-out")
    add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=8, source="dev")
    add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=8)
    add_diagnosis(store, run, step=STEPS[0], effect=0.2, probes=8)
    found = points(store, run.id)
    held_out, inside = (next(one for one in found if one.config["probe_source"] == kind) for kind in ("dev", "train"))
    assert [one.step for one in curve(found, inside)] == [STEPS[0], STEPS[-1]]
    assert curve(found, held_out) == [held_out]


@pytest.mark.parametrize(
    ("selection", "bins"),
    [
        ({"points": [{"customdata": 1}], "box": []}, (1, 1)),
        ({"points": [{"customdata": [3]}], "box": []}, (3, 3)),
        ({"points": [{"x": 0.1}], "box": [{"x": [0.15, -0.05]}]}, (0, 1)),
        ({"points": [], "box": [{"x": [-5, 5]}]}, (0, 3)),
        ({"points": [{"customdata": 77}], "box": []}, None),
        ({"points": [], "box": []}, None),
    ],
)
def test_a_selection_is_mapped_to_bins(selection: dict[str, list[object]], bins: tuple[int, int] | None) -> None:
    assert selected_bins(selection, HISTOGRAM) == bins


@pytest.mark.parametrize("style", ["density", "ecdf", "strip"])
def test_a_style_and_a_bin_come_from_the_address(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace, style: str
) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, style=style, bin="8-9")
    assert group(at, "diagnose-style").value == style
    assert at.selectbox(key="diagnose-bin").value == "8-9"
    assert "Hedges' g" in words(at)
    assert "Cliff's δ" in words(at)
    group(at, "diagnose-style").set_value("histogram").run()
    assert value(at, "style") is None
    assert value(at, "bin") == "8-9"


def test_an_area_of_the_strip_lists_its_dots_and_other_choices_drop_it(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    everything = "-2,-1;2,-1;2,2;-2,2"
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, style="strip", area=everything)
    rows = at.dataframe[-1].value
    found = re.search(r"(\d+) dots in the drawn area: (\d+) with the same confound, (\d+) with another", words(at))
    assert found is not None
    sizes = {(min(one["n_a"], MOST), min(one["n_b"], MOST)) for one in _report(shared)["probes"]}
    assert (int(found[2]), int(found[3])) in sizes
    assert int(found[1]) == int(found[2]) + int(found[3])
    assert len(rows) == 300
    assert rows["influence"].is_monotonic_decreasing
    at.selectbox(key="diagnose-bin").select_index(3).run()
    assert value(at, "area") is None
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, style="strip", area=everything)
    group(at, "diagnose-style").set_value("density").run()
    assert value(at, "area") is None
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, style="strip", area="5,5;6,5;6,6")
    assert "0 dots in the drawn area" in words(at)


def test_what_is_drawn_on_the_strip_goes_into_the_address(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    monkeypatch.setattr(st, "session_state", {f"{KEY}-strip": {"selection": DRAWN}})
    found: dict[str, object] = {}
    monkeypatch.setattr("pages.diagnose.figure.go_to", lambda **changes: found.update(changes))
    same = np.array([True, True, False])
    groups = Groups(np.array([0.1, 0.2, 0.3]), same, ~same, -1)
    shown = SimpleNamespace(dots=strip(groups), histogram=HISTOGRAM)
    _picked(shown)
    assert found == {"area": "0.1,-0.5;0.4,-0.5;0.4,0.5;0.1,0.5", "bin": None, "show": None}


def test_the_scrubber_keeps_the_probe(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    probe = str(_report(shared)["probes"][5]["id"])
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, probe=probe, bin="3")
    slider = at.select_slider(key="diagnose-scrub")
    assert slider.value == STEPS[-1]
    slider.set_value(STEPS[2]).run()
    there = points(shared.store, shared.filled.run.id)[2]
    assert (value(at, "step"), value(at, "diagnosis")) == (str(STEPS[2]), there.id)
    assert value(at, "probe") == probe
    assert value(at, "bin") is None


def test_one_diagnosis_needs_no_scrubber(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.control.name)
    assert not at.select_slider


def test_layers_are_told_in_words(monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, layers="within")
    assert "of CID comes from blocks 4 and 5" in words(at)
    assert group(at, "diagnose-layers").value == "within"
    assert "6 checkpoints" in words(at)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layers": False}, "before CID was kept by layer"),
        ({"estimator": "embedding"}, "so it has no layers"),
    ],
)
def test_a_diagnosis_without_layers_says_so(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings, change: dict[str, object], said: str
) -> None:
    run = add_run(store, add_dataset(store, "small", n_train=200, n_dev=40), "old")
    row = add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=8, layers=False)
    if "estimator" in change:
        with store.writing() as session:
            session.merge(row).estimator = "embedding"
    assert said in words(opened(monkeypatch, settings.home, run=run.name))


def test_the_matrix_stands_in_the_address_and_a_click_pins_its_probe(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace
) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, view="matrix")
    assert "Each block is a mean: 1,500 training examples" in words(at)
    assert "Probes of" in words(at)
    monkeypatch.setattr(st, "session_state", {"diagnose-matrix": {"selection": {"points": [{"customdata": 3}]}}})
    found: dict[str, object] = {}
    monkeypatch.setattr("pages.diagnose.matrix.go_to", lambda **changes: found.update(changes))
    _pinned(pd.DataFrame({"id": list("abcde")}))
    assert found == {"probe": "d", "bin": None, "area": None}


@pytest.mark.parametrize("show", ["helpful", "bin"])
def test_training_examples_are_found_by_their_text(
    monkeypatch: pytest.MonkeyPatch, shared: SimpleNamespace, show: str
) -> None:
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, find_train="MARKET", show=show, bin="8-12")
    assert at.text_input(key="diagnose-find-train").value == "MARKET"
    rows = at.dataframe[-1].value
    assert len(rows)
    assert rows["text"].str.lower().str.contains("market").all()
    at = opened(monkeypatch, shared.home, run=shared.filled.run.name, find_train="mark.t", show=show, bin="8-12")
    assert ("no training example has these words" in words(at)) == (show == "helpful")
    assert ("0 have the words" in words(at)) == (show == "bin")


def test_a_selection_is_mapped_to_a_step() -> None:
    assert selected_step({"points": [{"x": 3}, {"customdata": [40]}]}) == 40
    assert selected_step({"points": [{"x": 3}]}) is None


def test_figures_hold_counts_and_no_example(shared: SimpleNamespace) -> None:
    figure = two_histograms(HISTOGRAM, means=(0.2, None), share=False, chosen=(1, 1))
    assert [float(height) for height in figure.data[0].y] == [0, 3, 0, 5]
    assert [float(height) for height in figure.data[1].y] == [2, 0, 0, 1]
    assert list(figure.data[2].customdata) == HISTOGRAM.filled
    shares = two_histograms(HISTOGRAM, means=(None, None), share=True)
    assert sum(shares.data[0].y) == pytest.approx(1)
    line = points(shared.store, shared.filled.run.id)
    drawn = trajectory(line, chosen=40, waiting=[300])
    named = {trace.name: trace for trace in drawn.data if trace.name}
    assert list(named["this run, 95 % interval"].customdata) == list(STEPS)
    assert list(named["not diagnosed"].customdata) == [300]


def test_file_names_are_tame() -> None:
    assert safe_filename("../../a b:<c>/é?") == "a-b-c-é"
    assert safe_filename("///") == "figure"


@pytest.fixture(autouse=True)
def _forget_resources() -> Iterator[None]:
    yield
    st.cache_resource.clear()
