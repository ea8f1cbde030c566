"""Invariant: what comes out can be trained on and diagnosed, and every row is where its file, split and values put it."""

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets.errors import DataError
from core.datasets.mapping import ColumnMapping
from core.datasets.prepare import COLUMNS, prepare, prepare_held_out
from core.datasets.rules import KeywordRule, RegexRule
from core.datasets.splits import cut_dev

PLAIN = ColumnMapping(confound="confound")


def cells(n=10, **more):
    """A table with `n` rows in each of the four cells of labels a, b and confounds x, y."""
    rows = [(f"text {label}{confound}{i}", label, confound) for i in range(n) for label in "ab" for confound in "xy"]
    table = pd.DataFrame(rows, columns=["text", "label", "confound"], dtype=object)
    return table.assign(**more)


def refusal(table, mapping=PLAIN, **more):
    tables = table if isinstance(table, dict) else {"train": table}
    with pytest.raises(DataError) as caught:
        prepare(tables, mapping, **more)
    return str(caught.value)


def test_the_frame():
    made = prepare({"train": cells(10), "dev": cells(2), "test": cells(3)}, PLAIN)
    frame = made.frame
    assert tuple(frame.columns) == COLUMNS
    assert frame.index.equals(pd.RangeIndex(60))
    assert frame["id"].is_unique
    assert frame["split"].tolist() == ["train"] * 40 + ["dev"] * 8 + ["test"] * 12
    assert frame["id"].iloc[[0, 40, 59]].tolist() == ["train-1", "dev-1", "test-12"]
    assert frame["text_b"].tolist() == [None] * 60
    assert frame["text"].tolist() == [*cells(10)["text"], *cells(2)["text"], *cells(3)["text"]]
    assert made.notes == []


def test_dev_is_cut_off_by_cell():
    table = pd.concat([cells(10), cells(3).assign(text=lambda t: t["text"] + "!").query("label == 'a'")])
    made = prepare({"train": table}, PLAIN)
    n = Counter(made.frame[["split", "label", "confound"]].itertuples(index=False, name=None))
    # 0.2 × 13 = 2.6 → 3 and 0.2 × 10 = 2
    assert {key: n[key] for key in n if key[0] == "dev"} == {
        **{("dev", "a", c): 3 for c in "xy"},
        **{("dev", "b", c): 2 for c in "xy"},
    }
    assert (
        "10 of 46 training rows were cut off as one, 20% of every label × confound cell, by seed 2021" in made.notes[0]
    )
    assert made.notes[1] == "There is no test split; results are on dev."
    again = prepare({"train": table}, PLAIN).frame
    pd.testing.assert_frame_equal(again, made.frame)
    other = prepare({"train": table}, PLAIN, seed=7).frame
    assert set(other[other["split"] == "dev"]["id"]) != set(again[again["split"] == "dev"]["id"])
    assert set(made.frame["id"]) == {str(i) for i in range(1, 47)}


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 12), min_size=4, max_size=4),
    copies=st.integers(1, 4),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_a_cut_empties_no_cell_and_leaks_no_text(counts, copies, fraction, seed):
    rows = [
        (f"{'same' if i < copies else 'text'} {i if i >= copies else ''} {cell if i >= copies else ''}", *cell)
        for cell, n in zip([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], counts, strict=True)
        for i in range(n)
    ]
    table = pd.DataFrame(rows, columns=["text", "label", "confound"])
    frame = prepare({"train": table, "dev": table}, PLAIN).frame.query("split == 'train'")
    try:
        frame = frame.assign(split=cut_dev(frame, dev_fraction=fraction, seed=seed))
    except DataError:
        return  # too few rows, which has a test of its own
    train, dev = (frame[frame["split"] == split] for split in ("train", "dev"))
    assert len(train) + len(dev) == len(table)
    assert train.groupby(["label", "confound"]).size().size == 4
    folded = [{" ".join(text.split()) for text in part["text"]} for part in (train, dev)]
    assert not folded[0] & folded[1]
    for cell, n in zip([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], counts, strict=True):
        taken = int(((dev["label"] == cell[0]) & (dev["confound"] == cell[1])).sum())
        assert taken <= min(int(n * fraction + 0.5), n - 1)


def test_too_few_rows_or_a_wrong_share_for_a_dev_split():
    assert "The 4 training rows are too few to cut a dev split off" in refusal(cells(1))
    assert "must lie between 0 and 1" in refusal(cells(), dev_fraction=1.0)


def test_a_split_column():
    names = ["train", "Training", "VAL", "dev", "validation", "test", "train", "train"] * 5
    made = prepare({"train": cells(10, split=names)}, ColumnMapping(confound="confound", split="split"))
    assert Counter(made.frame["split"]) == {"train": 20, "dev": 15, "test": 5}
    mapping = ColumnMapping(
        confound="confound", split="split", split_names={"Fold 1": "dev", "2": "train", "x": "drop"}
    )
    made = prepare({"train": cells(10, split=["2"] * 30 + ["fold 1", "x"] * 5)}, mapping)
    assert Counter(made.frame["split"]) == {"train": 30, "dev": 5}
    assert "Rows of the file left out for their split “drop”: 5." in made.notes


def test_faulty_splits():
    mapping = ColumnMapping(confound="confound", split="split")
    message = refusal(cells(10, split="banana"), mapping)
    assert "The split column “split” holds “banana”. Say for each whether it is train, dev, test" in message
    assert "No training row is left" in refusal(cells(10, split="dev"), mapping)
    assert "Keep one of the two ways" in refusal({"train": cells(10, split="x"), "dev": cells()}, mapping)
    assert "Give a training file" in refusal({"dev": cells()})
    assert "The dev file has no rows" in refusal({"train": cells(), "dev": cells(0)})


def test_missing_column():
    message = refusal({"train": cells(), "dev": cells().rename(columns={"confound": "c"})})
    assert message == (
        "The dev file has no column “confound”, which is chosen as the confound. It has “text”, “label”, “c”."
        " Choose one of these, or correct the header."
    )


@pytest.mark.parametrize(
    ("column", "role"), [("text", "text"), ("label", "label"), ("confound", "confound"), ("other", "second text")]
)
@pytest.mark.parametrize("empty", [None, "", " \n", float("nan")])
def test_null_and_empty_values(column, role, empty):
    table = cells(10, other="more")
    table.loc[[2, 7], column] = empty
    message = refusal(table, ColumnMapping(confound="confound", text_b="other"))
    assert message.startswith(f"In the file, rows 3 and 8 have no {role}. Fill it in, or ")


def test_many_empty_rows_are_counted():
    table = cells(10)
    table["text"] = ""
    assert "rows 1, 2, 3, 4, 5 and 35 more have no text" in refusal(table)
    assert "In the dev file, row 1 has no text" in refusal(
        {"train": cells(), "dev": cells(1).assign(text=["", *"abc"])}
    )


def test_one_label_or_one_confound_value_only():
    assert refusal(cells(label="a")).startswith("Every training row has the label “a”. A classifier needs two")
    assert refusal(cells(confound="x")).startswith(
        "Every training row has the confound “x”. There is nothing to compare"
    )


def test_an_empty_cell_that_leaves_cid_undefined():
    table = cells(10).query("not (label == 'a' and confound == 'y')")
    message = refusal(table)
    assert "In training, the cell “a” × “y” is empty: every example with the label “a” has the confound “x”" in message
    assert "CID is undefined for this label. Add examples of that cell (ten or more)" in message
    # whatever dev has
    assert "is empty" in refusal({"train": table, "dev": cells()})


def test_an_empty_cell_that_leaves_two_confounds_is_only_thin():
    table = pd.concat([cells(10), cells(10).assign(confound="z").query("label == 'a'")])
    assert len(prepare({"train": table}, PLAIN).frame) == len(table)


def test_too_many_values():
    numbers = [str(i / 7) for i in range(400)]
    table = cells(100, label=numbers)
    assert "The label has 400 different values, and at most 50 make sense. Is it the right column?" in refusal(table)
    assert "The confound has 400 different values" in refusal(cells(100, confound=numbers))


def test_values_that_are_texts():
    assert "A label has 300 characters, and at most 200 make sense" in refusal(cells().replace("b", "b" * 300))


def test_labels_that_training_lacks():
    message = refusal({"train": cells(), "dev": cells(2).replace("b", "c")})
    assert message.startswith("The dev split has the label “c”, which no training row has.")


def test_threshold_merge_and_drop_in_this_order():
    scores = [["0.1", "0.5", "0.9", "-"][i % 4] for i in range(100)]
    table = cells(25, label=scores, confound=[["x", "x ", "y", "z", "no majority"][i % 5] for i in range(100)])
    mapping = ColumnMapping(
        confound="confound",
        label_threshold=0.5,
        label_drop=("-",),
        label_merge={"at least 0.5": "toxic"},
        confound_merge={"z": "y"},
        confound_drop=("no majority",),
    )
    made = prepare({"train": table}, mapping)
    expected = Counter(
        ("toxic" if float(s) >= 0.5 else "below 0.5", {"x": "x", "y": "y", "z": "y"}[c.strip()])
        for s, c in zip(table["label"], table["confound"], strict=True)
        if s != "-" and c != "no majority"
    )
    assert Counter(made.frame[["label", "confound"]].itertuples(index=False, name=None)) == expected
    assert made.notes[:2] == [
        "Rows of the file left out for their label “-”: 25.",
        "Rows of the file left out for their confound “no majority”: 15.",
    ]
    # ids name the row of the file, whatever was left out before it
    kept = made.frame.set_index("id")["text"]
    assert all(table["text"].iloc[int(row) - 1] == text for row, text in kept.items())


def test_leaving_out_the_empty_value():
    table = cells(10)
    table.loc[[0, 5], "label"] = None
    made = prepare({"train": table}, ColumnMapping(confound="confound", label_drop=("",)))
    assert len(made.frame) == 38
    assert "label (empty): 2." in made.notes[0]


def test_a_threshold_for_texts():
    message = refusal(cells(), ColumnMapping(confound="confound", label_threshold=0.5))
    assert (
        "The label is to be thresholded, but in the file rows 1, 2, 3, 4, 5 and 35 more have no number (“a”)" in message
    )
    empty = ColumnMapping(confound="confound", label_merge={"a": " "})
    assert "merged into one without a name" in refusal(cells(), empty)


def test_ids():
    mapping = ColumnMapping(confound="confound", id="key")
    own = [f"k{i}" for i in range(40)]
    assert prepare({"train": cells(10, key=own), "dev": cells(1, key=list("abcd"))}, mapping).frame["id"].tolist() == [
        *own,
        *"abcd",
    ]
    assert "The id “k1” is not unique: it stands in rows 2 and 3 of the file." in refusal(
        cells(10, key=["k0", "k1", "k1", *own[3:]]), mapping
    )
    assert "row 5 has no id" in refusal(cells(10, key=[*own[:4], "", *own[5:]]), mapping)
    shared = prepare({"train": cells(10, key=own), "dev": cells(1, key=own[:4])}, mapping)
    assert shared.frame["id"].iloc[[0, 40]].tolist() == ["train-k0", "dev-k0"]
    assert "The files share ids" in shared.notes[0]


def test_a_second_text_and_a_rule_on_it():
    table = cells(10, other=["not so", "so"] * 20, confound=None)
    rule = KeywordRule((("negated", ("not",)),), otherwise="plain", column="other")
    # labels alternate in pairs, so both values occur with both
    frame = prepare({"train": table}, ColumnMapping(text_b="other", confound_rule=rule)).frame
    assert set(zip(frame["text_b"], frame["confound"], strict=True)) == {("not so", "negated"), ("so", "plain")}


def test_a_rule_on_the_text():
    frame = prepare({"train": cells()}, ColumnMapping(confound_rule=RegexRule(r" .(?P<value>[xy])\d"))).frame
    assert frame["confound"].tolist() == frame["text"].str[6].tolist()
    assert "no column “gone”, which is chosen as the confound rule's text" in refusal(
        cells(), ColumnMapping(confound_rule=RegexRule("a", column="gone"))
    )


def test_a_held_out_file():
    mapping = ColumnMapping(confound="confound", split="split", id="key")
    made = prepare_held_out(cells(2), mapping, labels=["a", "b"], name="new.csv")
    assert set(made.frame["split"]) == {"test"}
    assert made.frame["id"].tolist() == [str(i) for i in range(1, 9)]
    with pytest.raises(DataError, match=r"The file new\.csv has the label “b”, which the model was not trained on"):
        prepare_held_out(cells(2), mapping, labels=["a"], name="new.csv")
    with pytest.raises(DataError, match=r"The file new\.csv has no column “text”"):
        prepare_held_out(cells(2).drop(columns="text"), mapping, labels=["a", "b"], name="new.csv")


def test_the_tables_are_left_as_they_were():
    table = cells()
    before = table.copy(deep=True)
    prepare({"train": table}, PLAIN)
    pd.testing.assert_frame_equal(table, before)
