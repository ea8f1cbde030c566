"""Data sets in the store: names, hashes, controls, and nothing left behind by a refusal."""

from pathlib import Path

import pandas as pd
import pytest

from core.actions.datasets import add_files, add_sample, content_hash
from core.actions.names import name_from_file
from core.datasets.mapping import ColumnMapping
from core.datasets.rules import KeywordRule
from core.errors import UserError
from core.settings import Settings
from core.store import queries
from core.store.engine import Store

pytestmark = pytest.mark.both_databases

MAPPING = ColumnMapping(text="text", label="label", confound="confound")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [(f"{word} number {n}", label, word) for n in range(30) for word in ("she", "he") for label in ("a", "b")]
    path = tmp_path / "data.csv"
    pd.DataFrame(rows, columns=["text", "label", "confound"]).to_csv(path, index=False)
    return path


def test_a_file_is_kept_with_its_profile_and_hash(store: Store, settings: Settings, file: Path) -> None:
    made = add_files(store, settings, name="mine", files={"train": file}, mapping=MAPPING)
    found = queries.get_dataset(store, "mine")
    frame = queries.examples(store, found)
    assert found.sha256 == made.sha256 == content_hash(frame)
    assert found.labels == ["a", "b"]
    assert found.confounds == ["he", "she"]
    assert set(found.profile["splits"]) == {"train", "dev"}
    assert len(queries.examples(store, found, "train")) + len(queries.examples(store, found, "dev")) == 120
    assert list(queries.examples(store, found, "dev", ["text"]).columns) == ["text"]


def test_a_confound_can_be_built_from_keywords(store: Store, settings: Settings, file: Path) -> None:
    rule = KeywordRule(groups=(("female", ("she", "her")),), otherwise="other")
    made = add_files(store, settings, name="mine", files={"train": file}, mapping=ColumnMapping(confound_rule=rule))
    assert made.confounds == ["female", "other"]


@pytest.mark.parametrize("name", ["", "a/b", "../../x", "<script>", "x" * 121, "-x"])
def test_a_name_that_is_not_usable_is_refused_and_nothing_is_stored(
    store: Store, settings: Settings, file: Path, name: str
) -> None:
    with pytest.raises(UserError, match="name"):
        add_files(store, settings, name=name, files={"train": file}, mapping=MAPPING)
    assert queries.list_datasets(store) == []
    assert not (settings.artifacts / "datasets").exists()


def test_a_control_knows_what_it_controls(store: Store, settings: Settings) -> None:
    control = add_sample(store, settings, "textlen_nospurious")
    assert queries.get_dataset(store, str(control.control_of)).name == "textlen-sample"
    assert add_sample(store, settings, "textlen_nospurious").id == control.id


def test_every_field_of_every_row_counts_for_the_hash(store: Store, settings: Settings, file: Path) -> None:
    frame = queries.examples(store, add_files(store, settings, name="mine", files={"train": file}, mapping=MAPPING))
    hashes = {content_hash(frame)}
    for column in ("id", "text", "label", "confound", "split"):
        changed = frame.copy()
        changed.loc[3, column] = "something else"
        hashes.add(content_hash(changed))
    swapped = frame.copy()
    swapped["text_b"] = ""
    hashes.add(content_hash(swapped))
    assert len(hashes) == 7


@pytest.mark.parametrize(
    ("filename", "name"), [("../../x.csv", "x"), ("C:\\data\\my file.tsv", "my file"), ("<b>.json", "b"), ("…", "data")]
)
def test_a_files_name_proposes_a_harmless_name(filename: str, name: str) -> None:
    assert name_from_file(filename) == name
