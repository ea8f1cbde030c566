"""docs/extending.md works: its blocks, exactly as they are printed, make the estimator, method, encoder and page it tells of."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.actions.datasets import add_files
from core.datasets.mapping import ColumnMapping
from core.datasets.samples import SAMPLES
from core.encoders.loading import labels_of, load_saved
from core.influence.scores import cosine_scores
from core.jobs.supervisor import end_tree
from core.settings import PROJECT, Settings
from core.store import queries
from core.store.engine import Store
from core.training.batching import encode
from tests.docs.pages import calls

GUIDE = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = ("An estimator of influence", "A method of training", "An encoder", "A page")
COPIED = ("core", "pages", ".streamlit", "app.py", "pyproject.toml")


@dataclass(frozen=True)
class Block:
    """A file or a change of one, as the guide prints it."""

    path: str
    new: bool
    lines: list[str]

    def apply(self, root: Path) -> None:
        target = root / self.path
        if self.new:
            assert not target.exists(), f"{self.path} is no new file"
            target.parent.mkdir(exist_ok=True)
            target.write_text("\n".join([*self.lines, ""]), encoding="utf-8")
            return
        before, after = (
            "".join(f"{line[1:]}\n" for line in self.lines if line[:1] in (" ", sign)) for sign in ("-", "+")
        )
        text = target.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{self.path} has {text.count(before)} places like this one:\n{before}"
        target.write_text(text.replace(before, after), encoding="utf-8")


def blocks(section: str) -> list[Block]:
    """The blocks of a section that belong to a file; a second block of the same kind goes on with the same file."""
    text = GUIDE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found: list[Block] = []
    path, new = "", False
    for match in re.finditer(r"\*\*(New file|In) `([^`]+)`:\*\*|```(python|diff)\n(.*?)```", text, re.DOTALL):
        if match[2]:
            path, new = match[2], match[1] == "New file"
        else:
            assert (match[3] == "python") == new
            found.append(Block(path, new, match[4].rstrip("\n").split("\n")))
    return found


def copy(root: Path) -> Path:
    for name in COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    return root


@pytest.mark.parametrize("section", SECTIONS)
def test_each_example_fits_the_code_on_its_own(section: str, tmp_path: Path) -> None:
    found = blocks(section)
    assert found
    copy(tmp_path)
    for block in found:
        block.apply(tmp_path)
    changed = sorted({block.path for block in found if block.path.endswith(".py")})
    for check in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *check, *changed], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_estimator_is_one_file_and_one_line() -> None:
    file, line = blocks("An estimator of influence")
    assert file.new
    assert not line.new
    assert [one for one in line.lines if one[:1] in "+-"] == [one for one in line.lines if one.startswith("+")]
    assert sum(one.startswith("+") for one in line.lines) == 1


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with everything that the guide adds."""
    root = copy(tmp_path_factory.mktemp("extended"))
    for section in SECTIONS:
        for block in blocks(section):
            block.apply(root)
    return root


@pytest.fixture
def worker(store: Store) -> Iterator[None]:
    yield
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=os.environ | {"UNCONFOUND_DEMO": "false", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(root: Path, *arguments: str) -> dict[str, Any]:
    return json.loads(run(root, "-m", "core", *arguments, "--json"))


OPEN_THE_PAGE = """
import shlex, sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("pages/main.py", default_timeout=60).run()
app.switch_page("cells/page.py")
app.query_params["run"] = sys.argv[1]
app.run()
assert not app.exception, app.exception[0].value
assert "torch" not in sys.modules
from core.__main__ import build_parser
for line in sys.argv[2:]:
    build_parser().parse_args(shlex.split(line))
print([one.value for one in app.subheader], app.selectbox(key="cells-run").value, len(app.dataframe[0].value))
"""


@pytest.mark.usefixtures("worker")
def test_what_the_guide_adds_trains_diagnoses_and_is_shown(
    extended: Path, settings: Settings, store: Store, tmp_path: Path
) -> None:
    rows = pd.read_csv(SAMPLES["textlen"].files["train"])
    cells = rows.groupby(["label", "confound"]).head(20)
    cells.to_csv(tmp_path / "train.csv", index=False)
    mapping = ColumnMapping(text="text", label="label", confound="confound")
    add_files(store, settings, name="reviews", files={"train": tmp_path / "train.csv"}, mapping=mapping)

    settings_of_it = ("--set", "label_epochs=2", "--set", "checkpoints=1")
    trained = ask(
        extended,
        *("train", "--dataset", "reviews", "--name", "r", "--wait"),
        *("--method", "cell-balanced", "--encoder", "tiny-deep", *settings_of_it),
    )
    assert (trained["status"], trained["method"], trained["encoder"]) == ("done", "cell-balanced", "tiny-deep")

    answer = ask(extended, "diagnose", "r", "--estimator", "last-layer", "--probes", "8", "--wait")
    assert answer["estimator"] == "last-layer"
    row = queries.get_run(store, "r")
    diagnosis = queries.get_diagnosis(store, answer["diagnosis"])
    checkpoint = queries.get_checkpoint(store, row)
    model, tokenizer = load_saved(store.artifacts.path(str(checkpoint.path)))
    assert model.config.num_hidden_layers == 4
    frame = queries.examples(store, queries.get_dataset(store, "reviews"))
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    encoded = encode(train, tokenizer, labels_of(model), max_length=64)
    with np.load(store.artifacts.path(diagnosis.path)) as kept:
        scores, probe_row = kept["scores"], kept["probe_row"]
    exact = cosine_scores(
        model, [encoded.batch(np.arange(len(encoded)))], [encoded.batch(probe_row)], parameters=["classifier.weight"]
    )
    np.testing.assert_allclose(scores, exact.numpy(), atol=1e-5)

    printed, _ = calls(PROJECT / "docs" / "extending.md")
    assert [line.split()[3] for line in printed] == ["diagnose", "train", "train"]
    arguments = [line.removeprefix("python -m core ") for line in printed]
    shown = run(extended, "-c", OPEN_THE_PAGE, row.id, *arguments)
    assert shown.strip() == f"['dev', 'train'] {row.id} 4"


def test_the_extended_project_keeps_to_the_layers(extended: Path) -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [str(lint), "--no-cache"], cwd=extended, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
