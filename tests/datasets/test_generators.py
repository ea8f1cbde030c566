"""Invariant: the same seed makes the same bytes, and the sets have the structure that their names promise."""

import itertools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from core.datasets.errors import DataError
from core.datasets.generators.bundled import bundled, write_bundled
from core.datasets.generators.draw import Draw
from core.datasets.generators.grammar import Grammar, read_rules
from core.datasets.generators.msgs import msgs_like
from core.datasets.generators.news import news_sentences
from core.datasets.generators.textlen import LONG, SHORT, CutAt, textlen_from_sentences, without_prefix
from core.datasets.guess import guess
from core.datasets.ingest import read_table
from core.datasets.prepare import prepare
from core.datasets.profile import profile
from core.datasets.samples import SAMPLE_FOLDER, SAMPLES

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_files_are_what_the_generator_writes(tmp_path):
    """If this fails, run `python -m core.datasets.generators` and commit data/samples."""
    written = write_bundled(tmp_path)
    assert sorted(path.name for path in written) == sorted(path.name for path in SAMPLE_FOLDER.glob("*.csv"))
    for path in written:
        assert path.read_bytes() == (SAMPLE_FOLDER / path.name).read_bytes(), path.name


def test_the_command(tmp_path):
    command = [sys.executable, "-m", "core.datasets.generators", "--out", str(tmp_path / "new"), "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 9
    other = (tmp_path / "new" / "textlen_train.csv").read_bytes()
    assert other != (SAMPLE_FOLDER / "textlen_train.csv").read_bytes()


def test_split_mix_64():
    """The generator's published values for seed 1234567 (as in the Java and C references), cut to 53 bits."""
    draw = Draw(1234567)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [draw._uniform() for _ in published] == [(value >> 11) / 2**53 for value in published]


def test_draw():
    draw = Draw(1)
    counts = Counter(draw.number(3) for _ in range(3000))
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 900
    assert sorted(draw.shuffled(range(100))) == list(range(100))
    normal = [draw.normal(10, 2) for _ in range(4000)]
    assert sum(normal) / 4000 == pytest.approx(10, abs=0.2)


def test_every_slot_of_the_grammars_has_a_rule():
    for name, given in (("news", {"d", "dd"}), ("msgs", {"d", "dd", "one", "two"})):
        rules = read_rules(name)
        used = {slot for texts in rules.values() for text in texts for slot in Grammar({}).slots(text)}
        assert used <= set(rules) | given
        assert all(text for texts in rules.values() for text in texts)


def test_news_sentences():
    sentences = news_sentences(300, seed=3)
    assert len(set(sentences)) == 300
    assert min(len(sentence.split(" ")) for sentence in sentences) >= 32
    assert all(sentence.endswith(" .") and "{" not in sentence for sentence in sentences)
    assert not [sentence for sentence in sentences if re.search(r"\ba [aeiou]|, ,|  ", sentence)]


@pytest.fixture(scope="module")
def textlen():
    return textlen_from_sentences(news_sentences(900, seed=5), train=400, dev=240, test=200, seed=5)


def test_textlen_cells(textlen):
    cells = {split: Counter(zip(rows["label"], rows["confound"], strict=True)) for split, rows in textlen.items()}
    assert cells["train"] == {
        ("short", "negative"): 180,
        ("short", "positive"): 20,
        ("long", "negative"): 20,
        ("long", "positive"): 180,
    }
    assert set(cells["dev"].values()) == {60}
    assert set(cells["test"].values()) == {50}
    assert list(textlen["train"].columns) == ["text", "label", "confound"]


def test_textlen_prefix_and_lengths(textlen):
    for rows in textlen.values():
        for text, label, confound in rows.itertuples(index=False):
            prefix, stop, rest = text.split(" ", 2)
            cut = SHORT if label == "short" else LONG
            assert (prefix.lower(), stop) == (confound, ".")
            assert cut.least <= len(rest.split(" ")) <= cut.most
    texts = [text for rows in textlen.values() for text in rows["text"]]
    assert len(set(texts)) == len(texts)


def test_the_lengths_overlap_but_tell_the_label(textlen):
    rows = without_prefix(textlen["train"])
    words = rows["text"].str.split(" ").str.len()
    best = max(((words >= cut) == (rows["label"] == "long")).mean() for cut in range(5, 30))
    assert 0.85 < best < 0.95


def test_the_control_is_the_same_but_for_the_prefix(textlen):
    for rows in textlen.values():
        bare = without_prefix(rows)
        assert bare[["label", "confound"]].equals(rows[["label", "confound"]])
        assert (bare["confound"].str.title() + " . " + bare["text"]).tolist() == rows["text"].tolist()


def test_textlen_from_anybodys_sentences():
    sentences = [" ".join(f"w{i}x{j}" for j in range(12)) for i in range(50)]
    made = textlen_from_sentences(
        iter(sentences), train=20, dev=8, test=0, aligned=0.7, short=CutAt(4, 1, 2, 6), long=CutAt(9, 1, 7, 12), seed=1
    )
    assert [len(rows) for rows in made.values()] == [20, 8, 0]
    assert Counter(zip(made["train"]["label"], made["train"]["confound"], strict=True))["short", "negative"] == 7
    with pytest.raises(DataError, match=r"too few sentences of \d+ words or more"):
        textlen_from_sentences(sentences)
    with pytest.raises(DataError, match="an even number of rows"):
        textlen_from_sentences(sentences, train=3)


def main_verb(words, forms):
    """The form of the verb that is not the relative clause's, which is the first one after "who" or "that [verb]"."""
    verbs = [(i, form) for i, word in enumerate(words) for form in forms if word in forms[form]]
    assert len(verbs) == 2
    assert {form for _, form in verbs} == set(forms)
    starts = ({"was", "is", "wasn't", "isn't"} | forms["past"], {"who", "that"})
    relative = next(i for i in range(1, len(words)) if words[i] in starts[0] and words[i - 1] in starts[1])
    inside = next(form for i, form in verbs if i >= relative)
    return next(form for form in forms if form != inside)


def test_msgs_like():
    made = msgs_like(train=400, dev=80, test=40, counterexamples=15, seed=2)
    forms = {"progressive": set(read_rules("msgs")["ing"]), "past": set(read_rules("msgs")["past"])}
    for split, rows in made.items():
        count = Counter(zip(rows["label"], rows["confound"], strict=True))
        assert (
            count["progressive", "a first"]
            == count["past", "the first"]
            == (15 if split == "train" else len(rows) // 4)
        )
        for text, label, confound in rows.itertuples(index=False):
            words = text[:-1].lower().split(" ")
            assert (words.count("the"), words.count("a")) == (1, 1), text
            assert confound == ("the first" if words.index("the") < words.index("a") else "a first"), text
            assert label == main_verb(words, forms), text
            follow = words[words.index("a") + 1]
            assert follow[0] not in "aeiou", text
    texts = list(itertools.chain.from_iterable(rows["text"] for rows in made.values()))
    assert len(set(texts)) == len(texts)
    with pytest.raises(DataError, match="at most half of them as counterexamples"):
        msgs_like(counterexamples=1001)


@pytest.mark.parametrize("key", SAMPLES)
def test_the_samples_go_through_the_front_door(key):
    sample = SAMPLES[key]
    tables = {split: read_table(path) for split, path in sample.files.items()}
    prepared = prepare(tables, guess(tables["train"]))
    found = profile(prepared.frame)
    assert found["warnings"] == []
    assert prepared.notes == []
    assert found["splits"]["dev"]["confound_only_floor"] == 0.5
    assert found["splits"]["train"]["confound_only_floor"] == pytest.approx(0.988 if key == "grammar" else 0.9)
    if sample.control_of:
        assert SAMPLES[sample.control_of].control == key


def test_nothing_of_the_reference_data_is_copied():
    """TextLen is cut from a corpus with a licence of its own; where it is at hand, no text of ours stands in it."""
    folder = ROOT.parent / "shared" / "data"
    theirs = {text for path in folder.glob("*.csv") for text in read_table(path)["text"]}
    ours = {text for rows in bundled().values() for text in rows["text"]}
    assert not ours & theirs
