"""An exported model loads with transformers alone, offline, and predicts what the store says it predicts."""

import html
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest

from core.encoders.loading import load_classifier, load_saved
from core.errors import UserError
from core.reports.model_export import export_model, zipped_model
from core.reports.run_report import run_report
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.remote import Remote
from core.store.tables import Checkpoint, Dataset, Evaluation, Run
from core.training.checkpoints import save_checkpoint
from core.training.evaluation import evaluate
from tests.pages import synthetic

LENGTH, STEP = 16, 240  # shorter than many texts, so that where they are cut counts
ALONE = """
import json, sys
import pandas as pd, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, texts = sys.argv[1:]
frame = pd.read_json(texts, dtype=False)
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
second = frame["text_b"].tolist() if frame["text_b"].notna().any() else None
inputs = tokenizer(frame["text"].tolist(), second, truncation=True, padding=True, return_tensors="pt")
with torch.inference_mode():
    shares = model(**inputs).logits.double().softmax(dim=1)
names = [model.config.id2label[row] for row in range(shares.shape[1])]
print(json.dumps({"labels": names, "shares": shares.tolist()}))
"""


def trained(store: Store, dataset: Dataset, name: str) -> Run:
    """A run whose checkpoint is a real, if random, model, with what it predicts on dev."""
    run = synthetic.add_run(store, dataset, name, config={"max_length": LENGTH, "encoder": "tiny"})
    model, tokenizer = load_classifier("tiny", labels=dataset.labels, seed=3)
    folder = save_checkpoint(store.artifacts.path(f"runs/{run.id}"), STEP, model, tokenizer)
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**about, "_name_or_path": str(folder)}))
    (folder / "rng.pickle").write_bytes(b"\x80")
    relative = folder.relative_to(store.artifacts.root.resolve()).as_posix()
    store.artifacts.push_folder(relative)
    dev = queries.examples(store, dataset, "dev")
    found = evaluate(model, tokenizer, dev, max_length=LENGTH)
    with store.writing() as session:
        session.query(Evaluation).where(Evaluation.run_id == run.id).delete()
        for one in session.query(Checkpoint).where(Checkpoint.run_id == run.id):
            one.path = relative if one.step == STEP else None
        session.add(
            Evaluation(
                run_id=run.id,
                step=STEP,
                split="dev",
                n=found.report["n"],
                accuracy=found.report["accuracy"],
                worst_cell=found.report["worst_cell"],
                report=found.report,
                path=store.artifacts.write_table(f"runs/{run.id}/evaluations/dev.parquet", found.predictions),
            )
        )
    return run


def predicted(folder: Path, frame: pd.DataFrame, tmp_path: Path) -> dict[str, list[float]]:
    """What another program, which knows nothing of this project, gets from the folder."""
    frame[["text", "text_b"]].to_json(tmp_path / "texts.json")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folder), str(tmp_path / "texts.json")],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("hostile", [False, True], ids=["single texts", "hostile pairs"])
def test_it_predicts_what_the_store_says(store: Store, tmp_path: Path, hostile: bool) -> None:
    dataset = synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40, hostile=hostile)
    run = trained(store, dataset, "mine")
    export_model(store, run, tmp_path / "model")
    found = predicted(tmp_path / "model", queries.examples(store, dataset, "dev"), tmp_path)
    kept = store.artifacts.read_table(queries.evaluations(store, run.id)[-1].path)
    assert found["labels"] == dataset.labels
    stored = kept[[f"p_{label}" for label in dataset.labels]].to_numpy()
    np.testing.assert_allclose(found["shares"], stored, atol=1e-6)
    assert list(kept["predicted"]) == [found["labels"][row] for row in np.argmax(found["shares"], axis=1)]


def test_folder_and_zip_hold_the_same_and_nothing_of_the_machine(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    run = trained(store, synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40), "my model")
    export_model(store, run, tmp_path / "model")
    export_model(store, run, tmp_path / "model.zip", STEP)
    name, handle = zipped_model(store, run)
    with handle:
        sent = handle.read()
    assert name == "my-model-step-240.zip"
    assert sent == (tmp_path / "model.zip").read_bytes()
    folder = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.testzip() is None
        packed = {one.removeprefix("my-model/"): archive.read(one) for one in archive.namelist()}
    assert packed == folder
    assert set(folder) == {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert not [name for name, content in folder.items() if str(settings.home).encode() in content]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.both_databases
def test_the_card_says_what_the_model_is_and_names_are_only_names(store: Store, tmp_path: Path) -> None:
    dataset = synthetic.add_dataset(store, "set | <img src=x> ![a](b)", n_train=200, n_dev=40, hostile=True)
    run = trained(store, dataset, "mine")
    diagnosis = synthetic.add_diagnosis(store, run, step=STEP, effect=0.3, probes=8)
    with store.writing() as session:
        session.get_one(Run, run.id).encoder = "minilm"
    export_model(store, queries.get_run(store, "mine"), tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    head, _, body = card.removeprefix("---\n").partition("---\n")
    assert "license: apache-2.0" in head
    assert "![" not in body
    assert "<img" not in body
    said = html.unescape(body.replace("\\", "").replace("\u2060", ""))
    dev = queries.evaluations(store, run.id)[-1]
    for part in (
        dataset.sha256,
        diagnosis.sentence,
        f"{diagnosis.cid:.3f}",
        "set | <img src=x> ![a](b)",
        "all-MiniLM-L6-v2",
    ):
        assert part in said, part
    for cell in dev.report["cells"]:
        assert f"| {cell['n']} | {100 * cell['accuracy']:.1f} % |" in said
    assert f"max_length={LENGTH}" in said


def test_what_cannot_be_exported_is_explained_and_nothing_is_left(store: Store, tmp_path: Path) -> None:
    dataset = synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40)
    run = trained(store, dataset, "mine")
    demo = synthetic.add_run(store, dataset, "demo", demo=True)
    gone = synthetic.add_run(store, dataset, "gone")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for one, which, target, sentence in (
        (demo, "final", "model", "precomputed demo has none"),
        (gone, "final", "model", "missing from the artifact folder"),
        (run, 40, "model", "are not kept"),
        (run, 41, "model", "no checkpoint at step"),
        (run, "final", "full", "not an empty folder"),
        (run, "final", "full/mine.txt/model", "cannot be written"),
    ):
        with pytest.raises(UserError, match=sentence):
            export_model(store, one, tmp_path / target, which)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["full"]
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_a_model_comes_from_a_remote_root_too(tmp_path: Path) -> None:
    """The checkpoint lies at the root only; the cache of this machine is empty."""
    root = f"memory://{uuid4().hex[:8]}"
    store = Store(f"sqlite:///{tmp_path / 'shared.sqlite'}", tmp_path / "cache", Remote(root, 10**9))
    store.migrate()
    dataset = synthetic.add_dataset(store, "headlines", n_train=60, n_dev=40)
    run = trained(store, dataset, "mine")
    shutil.rmtree(tmp_path / "cache")
    export_model(store, run, tmp_path / "model")
    load_saved(tmp_path / "model")
    shutil.rmtree(tmp_path / "cache")
    assert "not been diagnosed" in run_report(store, run)
