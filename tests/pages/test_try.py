"""The Try page: what is typed is what is queued, what the worker found is what is shown, every state has words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import streamlit as st
from sqlalchemy import update

from core.actions.deleting import delete_job, delete_run, remove_run
from core.actions.trying import start_try
from core.errors import UserError
from core.jobs.tries import KEPT, artifact_of
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Job, Run
from tests.pages.synthetic import HOSTILE, add_dataset, add_run
from tests.pages.visits import healthy, job, visit, words, worker


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody works on the queue in these tests; what was read from one store is not shown of the next."""
    monkeypatch.setattr("core.actions.trying.ensure_worker", lambda settings: False)
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@dataclass(frozen=True)
class House:
    dataset: Dataset
    run: Run


@pytest.fixture
def house(store: Store) -> House:
    dataset = add_dataset(store, "small", n_train=300, n_dev=60)
    return House(dataset, add_run(store, dataset, "leaning"))


def tried(store: Store, house: House, *, status: str = "done", **changes: Any) -> Job:
    """A try with a made-up result in the form that the worker gives it."""
    rng = np.random.default_rng(0)
    train = queries.examples(store, house.dataset, "train")
    text = str(train["text"].iloc[0])
    row = job(store, house.run, kind="try", status=status, payload={"text": text, "checkpoint": 240, "rows": "sample"})
    path = store.artifacts.write_arrays(
        artifact_of(house.run.id, row.id),
        {"scores": rng.normal(0.1, 0.2, len(train)).astype(np.float32), "rows": np.arange(len(train))},
    )
    sides = [("negative", 0.9, "short"), ("positive", 0.3, "long"), (None, 0.6, "short")]
    found: dict[str, Any] = {
        **{"run": house.run.name, "checkpoint": 240, "device": "CPU, 1 thread", "labels": ["long", "short"]},
        "calibration": {"temperature": 1.7, "n": 60, "ece_before": 0.2, "ece_after": 0.05},
        "calibrated_on": "Calibrated by temperature scaling on 60 examples of the dev split at step 240.",
        "versions": [
            {
                "value": value,
                "as_it_is": place == 0,
                "text": text,
                "predicted": predicted,
                "confidence": max(p, 1 - p),
                "probabilities": {"short": p, "long": 1 - p},
                "uncalibrated": {"short": p, "long": 1 - p},
            }
            for place, (value, p, predicted) in enumerate(sides)
        ],
        **{"editable": True, "marker": "the words at the beginning of the text", "not_editable": None},
        **{"read": 12, "tokens": 12, "label": "short", "confound": "negative"},
        "influence": {
            **{"problem": None, "path": path, "n": 300, "n_train": 300, "sampled": False, "seed": 1},
            **{"row": 0, "itself": {"id": "train-0"}, "helpful": [], "harmful": []},
            "cid": {
                **{"cid": 0.21, "ci": [0.1, 0.3], "n_a": 130, "n_b": 19, "mean_a": 0.3, "mean_b": 0.09},
                "hedges_g": 0.8,
            },
        },
        "seconds": {"loaded": 5.0, "decided": 5.5, "all": 12.0},
        **changes,
    }
    with store.writing() as session:
        session.execute(update(Job).where(Job.id == row.id).values(result={"try": found}))
    return row


def queued(store: Store) -> list[dict[str, Any]]:
    return [queries.get_job(store, one.id).payload for one in queries.list_jobs(store, active=True)]


# --- asking ---


def test_without_runs_it_says_what_to_do(store: Store) -> None:
    page = visit("try_it")
    assert "There is no model to try yet" in words(page)
    assert [button.key for button in page.button] == ["glossary"]


def test_what_is_typed_is_queued_and_stands_in_the_address(store: Store, house: House) -> None:
    page = visit("try_it", run="leaning", step="200")
    page.text_area(key="try-text").set_value("A text of mine .")
    page.selectbox(key="try-label").set_value("long")
    page.selectbox(key="try-confound").set_value("positive")
    page.run()
    healthy(page.button(key="try-start").click().run())
    (wish,) = queued(store)
    assert wish == {
        **{"text": "A text of mine .", "text_b": None, "checkpoint": 200, "label": "long", "confound": "positive"},
        **{"rows": "sample", "example": None},
    }
    (waiting,) = queries.list_jobs(store)
    assert page.query_params["job"] in (waiting.id, [waiting.id])
    assert "Waiting for its turn" in words(page)
    assert "No worker has given a sign of life yet" in words(page)


def test_an_empty_text_is_refused_in_words(store: Store, house: House) -> None:
    page = visit("try_it", run="leaning")
    healthy(page.button(key="try-start").click().run())
    assert "The text is empty" in page.error[0].value
    assert queued(store) == []


def test_a_large_set_offers_all_rows_or_a_sample(store: Store) -> None:
    add_run(store, add_dataset(store, "large", n_train=1000, n_dev=60), "big")
    page = visit("try_it", run="big")
    page.text_area(key="try-text").set_value("words")
    page.selectbox(key="try-rows").set_value("all").run()
    page.button(key="try-start").click().run()
    assert queued(store)[0]["rows"] == "all"


def test_a_waiting_text_says_what_the_device_does(store: Store, house: House, settings: Settings) -> None:
    worker(store)
    job(store, house.run, status="running")
    waiting = start_try(store, settings, house.run, "a text")
    assert waiting.priority > 0
    said = words(visit("try_it", run="leaning", job=waiting.id))
    assert "The device works on another job: Training of **leaning**" in said


# --- what cannot be tried ---


def test_the_demo_says_that_it_has_no_weights_and_offers_to_train(
    store: Store, house: House, settings: Settings
) -> None:
    demo = add_run(store, house.dataset, "shown", demo=True)
    page = visit("try_it", run="shown")
    assert "precomputed demo" in words(page)
    assert "Start with the sample" in {one.proto.label for one in page.get("page_link")}
    assert not page.text_area
    with pytest.raises(UserError, match="precomputed demo"):
        start_try(store, settings, demo, "a text")


def test_weights_that_are_not_kept_are_named(store: Store, house: House, settings: Settings) -> None:
    with store.writing() as session:
        session.execute(update(Checkpoint).where(Checkpoint.run_id == house.run.id).values(path=None))
    assert "The weights of step 240 are not kept" in words(visit("try_it", run="leaning"))
    with pytest.raises(UserError, match="are not kept"):
        start_try(store, settings, house.run, "a text")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("running", "This run is still training"), ("failed", "Its training failed. No memory was left.")],
)
def test_a_run_without_a_checkpoint_says_why(store: Store, house: House, status: str, sentence: str) -> None:
    add_run(store, house.dataset, "empty", status=status, steps=(), error="No memory was left.")
    assert sentence in words(visit("try_it", run="empty"))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"run": "gone"}, "not in the store"),
        ({"run": "leaning", "step": "7"}, "no checkpoint at the step"),
        ({"run": "leaning", "job": "gone"}, "The try that this link names is not in the store any more"),
    ],
)
def test_a_link_to_what_is_gone_says_so(store: Store, house: House, address: dict[str, str], sentence: str) -> None:
    assert sentence in words(visit("try_it", **address))


@pytest.mark.parametrize(
    ("status", "sentence"), [("failed", "This try failed. No memory."), ("cancelled", "This try was cancelled")]
)
def test_a_try_that_came_to_no_end_says_why(store: Store, house: House, status: str, sentence: str) -> None:
    row = job(
        store, house.run, kind="try", status=status, error="No memory.", payload={"text": "mine", "checkpoint": 240}
    )
    page = visit("try_it", run="leaning", job=row.id)
    assert sentence in words(page).replace("**", "")
    assert page.text_area(key="try-text").value == "mine"
    assert "try-retry" in {str(one.key) for one in page.button}


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"text": " "}, "is empty"),
        ({"text": "x" * 50_001}, "50,001 characters"),
        ({"text": "x", "text_b": "y"}, "have no second text"),
        ({"text": "x", "label": "maybe"}, "no label 'maybe'"),
        ({"text": "x", "confound": "odd"}, "no confound value 'odd'"),
        ({"text": "x", "checkpoint": "7"}, "no checkpoint at step"),
    ],
)
def test_a_refusal_queues_nothing(
    store: Store, house: House, settings: Settings, wish: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        start_try(store, settings, house.run, wish.pop("text"), **wish)
    assert queued(store) == []


# --- what was found ---


def test_a_link_brings_everything_back(store: Store, house: House) -> None:
    row = tried(store, house)
    page = visit("try_it", run="leaning", job=row.id)
    said = words(page)
    assert "short, 90.0 % sure" in said
    assert "Expected calibration error 20.0 % before, 5.0 % after" in said
    assert "Changing only the confound (as positive) changes the decision to long" in said
    assert "the probability of short from 90.0 % to 30.0 %" in said
    assert "leaves the decision short" in said
    assert "CID of this text 0.21 (95 % 0.10 to 0.30)" in said
    assert "is itself a training example" in said
    assert page.text_area(key="try-text").value == row.payload["text"]
    tables = [one.value for one in page.dataframe]
    helpful = next(one for one in tables if "influence" in one)
    assert helpful["influence"].is_monotonic_decreasing
    scores = store.artifacts.read_arrays(artifact_of(house.run.id, row.id))["scores"]
    assert helpful["influence"].iloc[0] == pytest.approx(scores[1:].max())
    (chart,) = page.get("plotly_chart")
    assert "Influence on this text" in chart.proto.spec


def test_the_decision_is_shown_while_influence_is_measured(store: Store, house: House) -> None:
    worker(store)
    row = tried(store, house, status="running", influence=None)
    said = words(visit("try_it", run="leaning", job=row.id))
    assert "short, 90.0 % sure" in said
    assert "Influence is being measured" in said
    assert "Who speaks" not in said


def test_without_a_known_confound_the_lists_are_there_and_the_groups_are_not(store: Store, house: House) -> None:
    first = tried(store, house)
    influence = queries.get_job(store, first.id).result["try"]["influence"] | {"cid": None}
    changes = {"influence": influence, "confound": None, "editable": False, "not_editable": "No words were found."}
    row = tried(store, house, calibration=None, calibrated_on="It could not be calibrated: no dev split.", **changes)
    page = visit("try_it", run="leaning", job=row.id)
    said = words(page)
    assert "No words were found" in said
    assert "What to do instead" in said
    assert "It could not be calibrated" in said
    assert "Say which confound value" in said
    assert not page.get("plotly_chart")
    assert all("group" not in one.value for one in page.dataframe if "influence" in one.value)


def test_influence_that_cannot_be_measured_is_a_sentence(store: Store, house: House) -> None:
    row = tried(store, house, influence={"problem": "The gradient is zero."})
    said = words(visit("try_it", run="leaning", job=row.id))
    assert "could not be measured. The gradient is zero." in said
    assert "short, 90.0 % sure" in said


def test_earlier_tries_are_links_and_a_bounded_number_is_kept(store: Store, house: House, settings: Settings) -> None:
    rows = [tried(store, house) for _ in range(KEPT + 2)]
    start_try(store, settings, house.run, "one more")
    there = [one.id for one in queries.list_jobs(store) if one.kind == "try"]
    assert len(there) == KEPT
    files = sorted(path.stem for path in store.artifacts.path(f"runs/{house.run.id}/tries").glob("*.npz"))
    assert files == sorted(one for one in there if one in {row.id for row in rows})
    page = visit("try_it", run="leaning")
    links = [one.proto.query_string for one in page.get("page_link") if "try" in one.proto.page]
    assert len(links) == 8
    assert all("job=" in one for one in links)


def test_a_try_goes_with_its_job_and_with_its_run(store: Store, house: House) -> None:
    one, two = tried(store, house), tried(store, house)
    paths = [store.artifacts.path(artifact_of(house.run.id, row.id)) for row in (one, two)]
    delete_job(store, one.id)
    assert [path.exists() for path in paths] == [False, True]
    delete_run(store, house.run)
    assert paths[1].exists()  # it can be brought back, with all that belongs to it
    remove_run(store, house.run.id)
    assert not paths[1].exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_and_names_are_shown_as_they_are(store: Store, settings: Settings, text: str) -> None:
    dataset = add_dataset(store, "hostile", n_train=60, n_dev=30, hostile=True)
    run = add_run(store, dataset, "<b>bold</b> **x** :smile:")
    page = visit("try_it", run=run.name)
    page.text_area(key="try-text").set_value(text[:50_000]).run()
    healthy(page.button(key="try-start").click().run())
    assert queued(store)[0]["text"] == text[:50_000]
    house = House(dataset, run)
    row = tried(store, house, confound="<b>neg</b> [x](y)", label="short")
    healthy(visit("try_it", run=run.name, job=row.id))
