"""The precomputed demo is whole, is added once, and fits the sample that it was made from."""

import json

import numpy as np
import pytest

from core.actions.datasets import add_sample, content_hash
from core.actions.deleting import delete_dataset, remove_run
from core.actions.demo import FOLDER, add_demo
from core.actions.diagnosing import start_diagnosis
from core.errors import UserError
from core.settings import Settings
from core.store import queries
from core.store.engine import Store


def test_an_empty_store_gets_the_demo_once(store: Store) -> None:
    assert add_demo(store)
    assert not add_demo(store)
    runs = queries.list_runs(store)
    assert {run.name for run in runs} == {"demo", "demo-control"}
    assert all(run.demo and run.status == "done" for run in runs)
    by_name = {run.name: run for run in runs}
    assert by_name["demo"].verdict == "confounded"
    assert by_name["demo-control"].verdict == "not_confounded"


def test_its_matrices_give_the_figures_that_it_shows(store: Store) -> None:
    add_demo(store)
    run = queries.get_run(store, "demo")
    dataset = queries.get_dataset(store, run.dataset_id)
    train = queries.examples(store, dataset, "train")
    diagnoses = queries.diagnoses(store, run.id)
    assert [one.step for one in diagnoses] == [one.step for one in queries.checkpoints(store, run.id)]
    for diagnosis in diagnoses:
        arrays = store.artifacts.read_arrays(diagnosis.path)
        assert arrays["train_ids"].tolist() == train["id"].tolist()
        scores = arrays["scores"].astype(np.float64)
        cids = []
        for column, probe in enumerate(diagnosis.report["probes"]):
            own = train["id"] == probe["id"]
            same = (train["label"] == probe["label"]) & (train["confound"] == probe["confound"]) & ~own
            other = (train["label"] == probe["label"]) & (train["confound"] != probe["confound"])
            cids.append(scores[same, column].mean() - scores[other, column].mean())
        assert np.mean(cids) == pytest.approx(diagnosis.cid, abs=1e-3)  # kept in half precision


def test_its_data_are_the_bundled_sample(store: Store, settings: Settings) -> None:
    add_demo(store)
    demo = queries.get_dataset(store, queries.get_run(store, "demo").dataset_id)
    assert demo.sha256 == content_hash(queries.examples(store, demo))
    assert add_sample(store, settings, "textlen").id == demo.id
    remove_run(store, queries.get_run(store, "demo").id)
    remove_run(store, queries.get_run(store, "demo-control").id)
    control = queries.get_dataset(store, "textlen-sample-control")
    delete_dataset(store, control)
    delete_dataset(store, demo)
    assert add_sample(store, settings, "textlen").sha256 == demo.sha256


def test_it_has_no_weights_and_says_so(store: Store, settings: Settings) -> None:
    add_demo(store)
    with pytest.raises(UserError, match="no weights"):
        start_diagnosis(store, settings, queries.get_run(store, "demo"))
    assert not list(FOLDER.rglob("*.safetensors"))
    manifest = json.loads((FOLDER / "demo.json").read_text(encoding="utf-8"))
    assert all((FOLDER / "files" / one).is_file() for one in manifest["files"])
