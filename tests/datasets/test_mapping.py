"""Invariant: a mapping says what it means, survives JSON, and a guess is what a person would have chosen."""

import json

import pandas as pd
import pytest

from core.datasets.errors import DataError
from core.datasets.guess import guess, suggest_threshold
from core.datasets.mapping import ColumnMapping, count_values, numbers_of
from core.datasets.rules import KeywordRule, RegexRule


def table(**columns):
    return pd.DataFrame(columns, dtype=object)


@pytest.mark.parametrize(
    "mapping",
    [
        ColumnMapping(confound="c"),
        ColumnMapping(
            *("t", "u", "l", "c"),
            split="s",
            id="i",
            label_threshold=0.5,
            label_merge={"a": "b"},
            label_drop=("-", ""),
            confound_threshold=1.0,
            confound_merge={"x": "y"},
            confound_drop=("no majority",),
            split_names={"one": "train", "two": "drop"},
        ),
        ColumnMapping(confound_rule=RegexRule("^a", match="yes", otherwise="no", match_case=True, column="t")),
        ColumnMapping(confound_rule=KeywordRule((("f", ("she", "her")), ("m", ("he",))), whole_word=False)),
    ],
)
def test_survives_json(mapping):
    assert ColumnMapping.from_dict(json.loads(json.dumps(mapping.to_dict()))) == mapping


def test_faulty_dictionaries():
    with pytest.raises(DataError, match="unknown entries: txt"):
        ColumnMapping.from_dict({"txt": "a"})
    with pytest.raises(DataError, match="“label_threshold” has the wrong form"):
        ColumnMapping.from_dict({"label_threshold": "high"})
    with pytest.raises(DataError, match="kind “spell” is not known"):
        ColumnMapping.from_dict({"confound_rule": {"kind": "spell"}})
    with pytest.raises(DataError, match="unknown or missing entries"):
        ColumnMapping.from_dict({"confound_rule": {"kind": "regex", "flags": 1}})


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        (ColumnMapping(text="", confound="c"), "No text column is chosen. Choose the column that holds the text."),
        (ColumnMapping(label="", confound="c"), "No label column is chosen"),
        (ColumnMapping(), "No confound is chosen. Choose the column that holds it, or build one"),
        (ColumnMapping(confound="c", confound_rule=RegexRule("a")), "Both a confound column and a confound rule"),
        (ColumnMapping(confound="label"), "Column “label” is both label and confound"),
        (ColumnMapping(confound="c", label_threshold=float("nan")), "A threshold must be a finite number"),
        (ColumnMapping(confound="c", split_names={"a": "b"}), "Split value “a” is mapped to “b”"),
    ],
)
def test_contradictions(mapping, sentence):
    with pytest.raises(DataError) as caught:
        mapping.check()
    assert sentence in str(caught.value)


def test_guess_by_name():
    made = guess(["Sentence 1", "Sentence 2", "Gold_Label", "Gender", "Split", "idx", "other"])
    assert made == ColumnMapping("Sentence 1", "Sentence 2", "Gold_Label", "Gender", split="Split", id="idx")
    assert guess(["text", "label", "confound"]) == ColumnMapping(confound="confound")


def test_guess_by_content():
    n = 40
    made = guess(
        table(
            number=[str(i) for i in range(n)],
            where=["train", "dev"] * 20,
            words=[f"a longer text, number {i}" for i in range(n)],
            kind=["x", "y"] * 20,
            colour=["r", "g", "b", "r"] * 10,
        )
    )
    assert (made.text, made.label, made.confound, made.split, made.id) == ("words", "kind", "colour", "where", None)


def test_a_column_called_split_that_holds_something_else_is_none():
    made = guess(table(text=["aa", "bb"], label=["x", "y"], split=["banana", "cherry"]))
    assert made.split is None


def test_guess_of_threshold_and_placeholders():
    scores = [f"{i / 100}" for i in range(100)]
    assert guess(table(text=["t"] * 100, label=scores, confound=["a", "b"] * 50)).label_threshold == 0.5
    assert suggest_threshold(table(a=[str(i) for i in range(1, 102)]), "a") == 51.0
    assert suggest_threshold(table(a=["0", "1"] * 50), "a") is None
    assert guess(table(text=["t"] * 4, label=["a", "-", "no majority", "b"])).label_drop == ("-", "no majority")


def test_guess_of_nothing():
    made = guess([])
    assert (made.text, made.label, made.confound) == ("", "", None)


def test_counting_values():
    counted = count_values(table(a=["x", "y ", "y", None, ""]), "a")
    assert counted == [("", 2), ("y", 2), ("x", 1)]
    assert numbers_of(table(a=["1", "-", "2.5"]), "a", dropped=["-"]).tolist() == [1.0, 2.5]
    assert numbers_of(table(a=["1", "-"]), "a") is None
    assert numbers_of(table(a=["1", "inf"]), "a") is None
