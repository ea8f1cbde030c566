"""Invariant: every figure of the profile equals its definition, counted row by row."""

import json
import math
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.prepare import COLUMNS
from core.datasets.profile import confound_only_floor, cramers_v, profile

ROW = st.tuples(
    st.sampled_from(["one two", "one  two", "three", "a b c d", "é 😀"]),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["train", "dev", "test"]),
)


def frame_of(rows):
    made = pd.DataFrame(rows, columns=["text", "label", "confound", "split"])
    made["id"] = [str(i) for i in range(len(made))]
    made["text_b"] = None
    return made[list(COLUMNS)]


def codes(found):
    return [warning["code"] for warning in found["warnings"]]


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=30))
def test_from_first_principles(rows):
    found = json.loads(json.dumps(profile(frame_of(rows))))  # JSON-able, and NaN-free below
    assert "NaN" not in json.dumps(found)
    by_split = {s: [r for r in rows if r[3] == s] for s in ("train", "dev", "test") if any(r[3] == s for r in rows)}
    assert list(found["splits"]) == list(by_split)
    for split, part in by_split.items():
        about = found["splits"][split]
        count = Counter((label, confound) for _, label, confound, _ in part)
        assert about["n"] == len(part)
        cells = {(cell["label"], cell["confound"]): cell["n"] for cell in about["cells"]}
        labels, confounds = sorted({r[1] for r in rows}), sorted({r[2] for r in rows})
        assert cells == {(label, confound): count[label, confound] for label in labels for confound in confounds}
        assert about["labels"] == {label: sum(r[1] == label for r in part) for label in labels}
        assert about["confounds"] == {confound: sum(r[2] == confound for r in part) for confound in confounds}
        floor = sum(max(count[label, confound] for label in labels) for confound in confounds) / len(part)
        assert about["confound_only_floor"] == pytest.approx(floor)
        check_v(about["cramers_v"], count, part)
        words = sorted(len(r[0].split()) for r in part)
        lengths = about["lengths"]["words"]
        assert (lengths["min"], lengths["max"]) == (words[0], words[-1])
        assert lengths["median"] == pytest.approx(np.median(words))
        assert lengths["p95"] == pytest.approx(np.quantile(words, 0.95))
        edges, counts = lengths["histogram"]["edges"], lengths["histogram"]["counts"]
        assert counts == [sum(a <= w < b for w in words) for a, b in pairwise(edges)]
        assert about["lengths"]["characters"]["max"] == max(len(r[0]) for r in part)
    check_duplicates(found["duplicates"], by_split)


def check_v(value, count, part):
    rows, columns = sorted({r[1] for r in part}), sorted({r[2] for r in part})
    if min(len(rows), len(columns)) < 2:
        assert value is None
        return
    n = len(part)
    chi2 = 0.0
    for label in rows:
        for confound in columns:
            expected = sum(r[1] == label for r in part) * sum(r[2] == confound for r in part) / n
            chi2 += (count[label, confound] - expected) ** 2 / expected
    assert value == pytest.approx(math.sqrt(chi2 / (n * (min(len(rows), len(columns)) - 1))))


def check_duplicates(found, by_split):
    texts = {split: [" ".join(r[0].split()) for r in part] for split, part in by_split.items()}
    assert found["within"] == {split: len(part) - len(set(part)) for split, part in texts.items()}
    for pair in found["across"]:
        assert pair["rows"] == sum(text in set(texts[pair["first"]]) for text in texts[pair["second"]])
    assert len(found["across"]) == len(texts) * (len(texts) - 1) // 2
    labels: dict[str, set[str]] = {}
    for part in by_split.values():
        for text, label, *_ in part:
            labels.setdefault(" ".join(text.split()), set()).add(label)
    torn = {text for text, those in labels.items() if len(those) > 1}
    assert found["conflicting"]["texts"] == len(torn)
    assert found["conflicting"]["rows"] == sum(text in torn for part in texts.values() for text in part)
    assert all(example["labels"] == sorted(labels[example["text"]]) for example in found["conflicting"]["examples"])


def test_alignment_and_floor_of_known_tables():
    assert cramers_v(np.array([[675, 75], [75, 675]])) == pytest.approx(0.8)
    assert cramers_v(np.array([[5, 5], [5, 5]])) == pytest.approx(0.0)
    assert cramers_v(np.array([[5, 0], [0, 5], [0, 0]])) == pytest.approx(1.0)
    assert cramers_v(np.array([[5, 5], [0, 0]])) is None
    assert confound_only_floor(np.array([[675, 75], [75, 675]])) == 0.9
    assert confound_only_floor(np.array([[120, 120], [120, 120]])) == 0.5


def grid(n, split="train"):
    """rows with n[label][confound] examples of each cell, all texts different"""
    return [(f"{split} {label} {c} {i}", label, c, split) for label in n for c in n[label] for i in range(n[label][c])]


def test_a_sound_set_has_no_warnings():
    even = {"a": {"x": 10, "y": 10}, "b": {"x": 10, "y": 10}}
    found = profile(frame_of(grid({"a": {"x": 90, "y": 10}, "b": {"x": 10, "y": 90}}) + grid(even, "dev")))
    assert found["warnings"] == []


def test_warnings_in_words():
    train = {"a": {"x": 90, "y": 9}, "b": {"x": 20, "y": 90, "z": 10}}
    rows = [*grid(train), *grid({"a": {"x": 90}, "b": {"y": 90, "x": 1}}, "dev")]
    rows += [("train a x 0", "b", "y", "train"), ("dev a x 0", "a", "x", "test"), ("word " * 60, "a", "x", "train")]
    found = profile(frame_of(rows))
    said = {warning["code"]: warning["sentence"] for warning in found["warnings"] if warning["code"] != "empty_cell"}
    empty = [warning["sentence"] for warning in found["warnings"] if warning["code"] == "empty_cell"]
    assert empty[0] == (
        "The cell “a” × “z” of train is empty. Influence cannot be compared there."
        " Add examples of it, or merge or leave out values."
    )
    assert empty[1] == "The cell “a” × “y” of dev is empty. Accuracy on dev says nothing about it."
    assert "“b” × “x” (1) of dev has fewer than 10 examples" in " ".join(
        warning["sentence"] for warning in found["warnings"]
    )
    assert "average accuracy there cannot show that a model leans on it" in said["aligned_evaluation"]
    assert said["duplicates_across"] == "The text of 1 row of test also stands in dev: accuracy on test is flattered."
    assert said["conflicting_labels"].startswith("1 text stands under more than one label (2 rows)")
    assert said["duplicates_within"] == "The text of 1 row of train stands there before."
    assert "long_texts" not in said


def test_long_texts_and_no_alignment():
    found = profile(frame_of([(f"{i} " + "word " * 60, "ab"[i % 2], "xy"[i // 2 % 2], "train") for i in range(80)]))
    assert codes(found) == ["no_alignment", "long_texts"]
    assert "more than 61 words" in found["warnings"][1]["sentence"]


def test_the_second_text_counts_for_duplicates():
    frame = frame_of([("same", "a", "x", "train"), ("same", "b", "y", "train")])
    assert profile(frame)["duplicates"]["conflicting"]["texts"] == 1
    frame["text_b"] = ["one", "two"]
    assert profile(frame)["duplicates"]["conflicting"]["texts"] == 0


def test_a_hundred_thousand_rows():
    rng = np.random.default_rng(0)
    n = 100_000
    frame = pd.DataFrame(
        {
            "id": [str(i) for i in range(n)],
            "text": [f"some words of a text that counts to {i}" for i in rng.integers(0, n, n)],
            "text_b": None,
            "label": rng.choice(["a", "b"], n),
            "confound": rng.choice(["x", "y"], n),
            "split": rng.choice(["train", "dev", "test"], n),
        }
    )
    start = time.process_time()
    profile(frame)
    assert time.process_time() - start < 10  # 2 s when alone
