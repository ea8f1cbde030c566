"""Data: from a file to a stored data set, with nothing stored before a person keeps it; bad files in plain words."""

import json
import random

import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.samples import SAMPLES
from core.store import queries
from core.store.engine import Store
from pages.data.values_form import Values, decisions
from tests.pages import synthetic
from tests.pages.visits import healthy, keep, visit, words


def table(rows: int = 120, *, columns: str = "text,label,confound") -> str:
    """A CSV of short and long texts with a prefix that goes along with the label in 5 of 6."""
    chance = random.Random(5)
    lines = [columns]
    for number in range(rows):
        label = "short" if number % 2 else "long"
        confound = "negative" if (number % 2 == 1) == (number % 12 > 1) else "positive"
        body = " ".join(chance.choice(synthetic.WORDS) for _ in range(6 if label == "short" else 14))
        values = {"text": f"{confound.capitalize()} . {body}", "label": label, "confound": confound}
        values |= {
            "score": f"{chance.random():.3f}" if number % 15 else "-",
            "part": "val" if number % 5 == 0 else "train",
        }
        lines.append(",".join(values[name] for name in columns.split(",")))
    return "\n".join(lines) + "\n"


def upload(content: str | bytes, name: str = "reviews.csv") -> AppTest:
    """The Data page after a file was given to it."""
    page = visit("data")
    data = content.encode() if isinstance(content, str) else content
    page.file_uploader(key="file-one").upload(name, data).run()
    return healthy(page)


def widget(page: AppTest, kind: str, start: str):
    """The widget of a kind whose key starts so."""
    return next(one for one in getattr(page, kind) if str(one.key).startswith(start))


def test_a_file_is_mapped_by_a_guess_shown_and_stored_only_when_kept(store: Store) -> None:
    page = upload(table())
    assert widget(page, "selectbox", "text-").value == "text"
    assert widget(page, "selectbox", "label-").value == "label"
    said = words(page)
    assert "Whoever looked only at the confound would be right on" in said
    assert "There was no dev split" in said
    assert queries.list_datasets(store) == []
    page.button(key="keep-dataset").click().run()
    healthy(page)
    row = queries.list_datasets(store)[0]
    assert (row.name, row.labels, row.confounds) == ("reviews", ["long", "short"], ["negative", "positive"])
    assert row.sources["files"] == {"train": "reviews.csv"}
    assert page.button(key="train-on-it").label == "Train on it"
    page.button(key="train-on-it").click().run()
    assert widget(page, "selectbox", "dataset-").value.name == "reviews"


def test_the_guess_can_be_changed(store: Store) -> None:
    page = upload(table(columns="text,label,confound,part"))
    assert widget(page, "selectbox", "split-").value == "part"
    widget(page, "selectbox", "label-").select("confound")
    page.run()
    assert "is both" in page.error[0].value
    assert not [one for one in page.button if one.key == "keep-dataset"]


def test_a_number_becomes_two_labels_by_a_threshold_and_its_placeholder_is_left_out(store: Store) -> None:
    page = upload(table(columns="text,confound,score"))
    assert widget(page, "selectbox", "label-").value == "score"
    widget(page, "text_input", "above-").set_value("high").run()
    widget(page, "number_input", "threshold-").set_value(0.4).run()
    assert "left out for their label “-”" in words(page)
    page.button(key="keep-dataset").click().run()
    assert queries.list_datasets(store)[0].labels == ["at least 0.4", "below 0.4"]


def test_a_confound_is_built_from_keywords(store: Store) -> None:
    page = upload(table(columns="text,label"))
    assert widget(page, "selectbox", "confound-way-").value == "Keywords in the text"
    widget(page, "text_area", "rule-keywords-").set_value("no colon here").run()
    assert "needs a name, a colon" in words(page)
    widget(page, "text_area", "rule-keywords-").set_value("pos: positive").run()
    widget(page, "text_input", "rule-otherwise-").set_value("rest").run()
    page.button(key="keep-dataset").click().run()
    row = queries.list_datasets(store)[0]
    assert row.confounds == ["pos", "rest"]
    assert row.mapping["confound_rule"]["groups"] == {"pos": ["positive"]}


def test_a_confound_is_built_from_a_regular_expression(store: Store) -> None:
    page = upload(table(columns="text,label"))
    widget(page, "selectbox", "confound-way-").select("A regular expression").run()
    widget(page, "text_input", "rule-regex-").set_value("([").run()
    assert page.error
    widget(page, "text_input", "rule-regex-").set_value("^(?P<value>Positive|Negative)").run()
    page.button(key="keep-dataset").click().run()
    assert queries.list_datasets(store)[0].confounds == ["Negative", "Positive"]


def test_unusual_split_names_are_asked_about(store: Store) -> None:
    page = upload(table(columns="text,label,confound,part").replace(",val\n", ",check\n"))
    widget(page, "selectbox", "split-").select("part").run()
    widget(page, "selectbox", next(one.key for one in page.selectbox if "-part-" in one.key)).select("dev").run()
    page.button(key="keep-dataset").click().run()
    assert queries.list_datasets(store)[0].profile["splits"]["dev"]["n"] == 24


def test_separate_files_for_the_splits(store: Store) -> None:
    page = visit("data")
    page.radio(key="file-way").set_value("Separate train, dev and test files").run()
    page.file_uploader(key="file-dev").upload("d.csv", table(40).encode()).run()
    assert "Add the training file" in words(page)
    page.file_uploader(key="file-train").upload("t.csv", table(120).encode()).run()
    page.button(key="keep-dataset").click().run()
    splits = queries.list_datasets(store)[0].profile["splits"]
    assert {split: about["n"] for split, about in splits.items()} == {"train": 120, "dev": 40}


BAD = {
    "empty": (b"", "empty"),
    "nul bytes": (b"text,label\n\0\0\0,a\n" * 50, "NUL"),
    "a zip": (b"PK\x03\x04" + b"\0" * 200, "zip"),
    "wrong encoding": ("text,label,confound\nGrüße,a,b\n".encode("utf-16-be")[1:], ""),
    "duplicate headers": (b"text,text,label\na,b,c\n", "text"),
    "ragged": (b"text,label,confound\na,b,c\na,b\n", "line 3 has 2 cells"),
    "one label": ("text,label,confound\n" + "".join(f"t{i},same,{i % 2}\n" for i in range(40)), "same"),
    "one confound": ("text,label,confound\n" + "".join(f"t{i},{i % 2},same\n" for i in range(40)), "same"),
    "empty cell": (
        "text,label,confound\n"
        + "".join(f"t{i},{'ab'[i % 2]},{'x' if i % 2 else 'xy'[i % 4 // 2]}\n" for i in range(40)),
        "CID is undefined",
    ),
    "null text": (
        "text,label,confound\n" + "".join(f"{'' if i == 7 else f't{i}'},{i % 2},{i // 2 % 2}\n" for i in range(40)),
        "row 8",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_in_a_sentence_and_nothing_is_stored(store: Store, kind: str) -> None:
    content, named = BAD[kind]
    page = upload(content, "../../bad.csv")
    said = " ".join(one.value for one in page.error).replace("\\", "")
    assert said
    assert named.lower() in said.lower()
    assert "Traceback" not in said
    assert "../" not in said
    assert not [one for one in page.button if one.key == "keep-dataset"]
    assert queries.list_datasets(store) == []


def test_a_name_that_is_taken_or_unusable_is_refused(store: Store) -> None:
    keep(store, "reviews")
    page = upload(table())
    page.button(key="keep-dataset").click().run()
    assert "already a data set named" in page.error[0].value
    widget(page, "text_input", "dataset-name-").set_value("../../x").run()
    page.button(key="keep-dataset").click().run()
    assert "not usable" in page.error[0].value
    assert len(queries.list_datasets(store)) == 1


def test_json_lines_are_read_too(store: Store) -> None:
    header, *lines = table().strip().split("\n")
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    page = upload("\n".join(json.dumps(row) for row in rows), "reviews.jsonl")
    page.button(key="keep-dataset").click().run()
    assert queries.list_datasets(store)[0].name == "reviews"


def test_a_bundled_sample_is_looked_at_and_kept(store: Store) -> None:
    page = visit("data")
    widget(page, "button_group", "data-way").select("A bundled sample").run()
    assert queries.list_datasets(store) == []
    assert SAMPLES["textlen"].description in words(page)
    page.button(key="keep-sample").click().run()
    assert queries.list_datasets(store)[0].sample == "textlen"


def test_a_stored_data_set_has_an_address_a_profile_and_can_be_deleted(store: Store) -> None:
    dataset = keep(store)
    page = visit("data", dataset=dataset.id)
    assert "A note." in words(page)
    assert "**Train** · 200 examples" in words(page)
    page.button(key="delete-dataset").click().run()
    healthy(page)
    assert queries.list_datasets(store) == []


def test_a_data_set_with_runs_is_not_deleted(store: Store) -> None:
    dataset = keep(store)
    synthetic.add_run(store, dataset, "mine")
    page = visit("data", dataset=dataset.id)
    page.button(key="delete-dataset").click().run()
    assert "has runs (mine" in words(page)
    assert len(queries.list_datasets(store)) == 1


def test_a_data_set_that_is_gone_is_said_to_be_gone(store: Store) -> None:
    assert "There is no such data set" in words(visit("data", dataset="nothing"))


def test_values_are_left_out_and_merged_as_the_table_says() -> None:
    counts = [("good", 5), ("fine", 4), ("-", 2), ("bad", 1)]
    found = decisions(counts, [True, True, False, True], ["good", " good ", "-", None])
    assert found == Values(None, {"fine": "good"}, ("-",))
