"""Rounds by hand, from the command line to the weights: `tune`, `tree`, and CID curves. A real worker does the last of them."""

import pytest
from safetensors.torch import load_file
from sqlalchemy import update

from core.actions.datasets import add_sample
from core.actions.deleting import remove_run
from core.actions.training import ROUNDS, start_training
from core.encoders.catalogue import resolve
from core.errors import UserError
from core.jobs.supervisor import end_tree
from core.jobs.tasks.train import start_of
from core.settings import Settings, get_settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint
from tests.commands.test_commands import ask, call
from tests.jobs.inside import carry_out

SMALL = ("--set", "max_length=16", "--set", "batch_size=32", "--set", "diagnose_probes=8", "--set", "diagnose_rows=6")
ROUND = ("--set", "probes_per_epoch=4", "--set", "round_epochs=2", "--set", "k=2", "--set", "round_batch=2")


def train(*more: str) -> dict:
    return ask("train", "--dataset", "tl", "--encoder", "tiny", "--seed", "7", "--set", "label_epochs=1", *SMALL, *more)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("no_worker")
def test_a_tree_of_rounds(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.datasets.samples import SAMPLES

    def done(asked: dict) -> dict:
        carry_out(store, settings)
        return ask("run", "show", asked["run"])

    files = SAMPLES["textlen"].files
    ask("dataset", "add", "--name", "tl", "--train", files["train"], "--dev", files["dev"])
    parent = done(train("--name", "parent", "--set", "checkpoints=2", "--diagnose-every", "10"))
    middle = parent["checkpoints"][0]
    curve = queries.metrics(store, parent["id"], ["cid"])
    assert curve["step"].tolist() == sorted({*range(0, parent["steps"], 10), parent["steps"]})

    wish = ("--checkpoint", str(middle), "--kind", "influence", *ROUND, "--then-label-steps", "0", "--name", "one")
    first = done(ask("tune", "parent", *wish))
    assert (first["status"], first["steps"], first["checkpoints"]) == ("done", 0, [0])
    assert (first["parent"], first["parent_step"], first["method"]) == ("parent", middle, "influence-tuning")
    (found,) = first["rounds"]
    assert (found["number"], found["step"], found["first"], found["last"], found["kind"]) == (1, 0, 1, 4, "influence")
    assert [len(found[key]) for key in ("loss", "difference", "cid")] == [2, 2, 3]
    assert set(first["evaluation"]) == {"train", "dev"}
    assert first["config"]["batch_size"] == 32

    def weights(run: str, step: int) -> dict:
        path = queries.get_checkpoint(store, queries.get_run(store, run), step).path
        return load_file(store.artifacts.path(str(path)) / "model.safetensors")

    before, after = weights("parent", middle), weights("one", 0)
    moved = [float((after[name] - before[name]).abs().max()) for name in before]
    assert 0 < max(moved) < 0.1  # four steps of Adam from the parent's weights, not a model made anew

    second = done(ask("tune", "one", "--kind", "embedding", *ROUND, "--then-label-steps", "3", "--name", "two"))
    assert (second["steps"], second["parent"], second["config"]["lineage"]) == (3, "one", 2)
    assert second["config"]["round_lr"] is None
    done(ask("tune", "parent", "--kind", "combined", *ROUND, "--then-label-steps", "0", "--name", "aside"))
    monkeypatch.delenv("UNCONFOUND_START_WORKER")
    get_settings.cache_clear()
    onward = ask("tune", "one", "--kind", "label", "--then-label-steps", "2", "--name", "onward", "--wait")
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)
    assert (onward["method"], onward["steps"], onward["rounds"]) == ("finetune", 2, [])
    start, end = weights("one", 0), weights("onward", 2)
    assert 0 < max(float((end[name] - start[name]).abs().max()) for name in start) < 0.1

    tree = ask("tree", "two")["tree"]
    assert [(row["run"], row["depth"], row["parent"]) for row in tree] == [
        ("parent", 0, None),
        ("one", 1, "parent"),
        ("two", 2, "one"),
        ("onward", 2, "one"),
        ("aside", 1, "parent"),
    ]
    assert len(tree[1]["rounds"]) == 1
    told = call("tree", "parent").stdout
    assert "  one (influence-tuning from step" in told
    assert "round 1: influence, J" in told

    remove_run(store, queries.get_run(store, "parent").id)
    assert [row["run"] for row in ask("tree", "two")["tree"]] == ["one", "two", "onward"]
    with pytest.raises(UserError, match="has been deleted, and its weights with it"):
        start_of(store, queries.get_run(store, "one"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody", "--kind", "influence"), "There is no run 'nobody'"),
        (("r", "--kind", "influence"), "has no checkpoint yet"),
        (("r", "--kind", "sideways"), "invalid choice"),
        (("light", "--kind", "influence"), "are not kept"),
        (("light", "--kind", "label"), "Label steps alone need a number"),
        (("light", "--again"), "nothing to do once more"),
    ],
)
def test_what_cannot_be_tuned_is_a_sentence(store: Store, arguments: tuple[str, ...], sentence: str) -> None:
    from tests.pages.synthetic import add_dataset, add_run

    dataset = add_dataset(store, "d")
    add_run(store, dataset, "r", status="queued", steps=())
    light = add_run(store, dataset, "light")
    with store.writing() as session:
        session.execute(update(Checkpoint).where(Checkpoint.run_id == light.id).values(path=None))
    assert sentence in call("tune", *arguments, code=2).stderr


@pytest.mark.usefixtures("no_worker")
def test_once_more_does_the_same_and_asks_the_same_probes(store: Store) -> None:
    from tests.pages.synthetic import add_dataset, add_diagnosis, add_run

    dataset = add_dataset(store, "d", n_train=200, n_dev=40)
    parent = add_run(store, dataset, "parent")
    done = {"round_epochs": 3, "round_lr": 1e-4, "round_layers": "0, pooler", "k": 4, "label_steps": 6, "lineage": 1}
    one = add_run(store, dataset, "one", method="embedding-tuning", config=done, steps=(6,), parent=(parent, 240))
    add_diagnosis(store, one, step=6, effect=0.2, probes=8, source="dev")
    again = ask("tune", "one", "--again", "--then-diagnose", "--set", "k=7")
    run = queries.get_run(store, again["run"])
    assert (run.method, run.parent_id, run.parent_step) == ("embedding-tuning", one.id, 6)
    assert {key: run.config[key] for key in done} == {**done, "k": 7, "lineage": 2}
    diagnosis = next(job for job in queries.list_jobs(store) if job.kind == "diagnose")
    wish = queries.get_job(store, diagnosis.id).payload
    assert (wish["checkpoint"], wish["probes"], wish["probe_source"], wish["seed"]) == ("final", 8, "dev", 2021)
    fewer = ask("tune", "one", "--again", "--then-label-steps", "0")
    assert queries.get_run(store, fewer["run"]).config["label_steps"] == 0


@pytest.mark.usefixtures("no_worker")
def test_a_run_is_trained_anew_with_another_method(store: Store, settings: Settings) -> None:
    dataset = add_sample(store, settings, "textlen")
    options = {"label_epochs": "3", "max_length": "16"}
    first = start_training(store, settings, dataset, encoder="tiny", seed=7, options=options).run
    with store.writing() as session:
        session.merge(first).steps = 39
    same = queries.get_run(store, ask("train", "--like", first.name)["run"])
    assert (same.dataset_id, same.method, same.seed, same.config) == (dataset.id, "finetune", 7, first.config)
    anew = queries.get_run(
        store, ask("train", "--like", first.name, "--method", "influence-tuning", "--set", "k=3")["run"]
    )
    size = resolve("tiny").round_size
    wanted = {
        "label_epochs": 3,
        "max_length": 16,
        "k": 3,
        "interval": 39 // ROUNDS,
        "round_epochs": size.influence_epochs,
    }
    wanted |= {"round_batch": size.batch, "probes_per_epoch": size.probes}
    assert {name: anew.config[name] for name in wanted} == wanted
    refused = call("train", "--like", first.name, "--dataset", dataset.name, code=2)
    assert "not allowed with" in refused.stderr
