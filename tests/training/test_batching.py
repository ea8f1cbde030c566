"""Batches hold the right tokens whatever the order, and the order is a function of seed and epoch."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoders.loading import load_classifier
from core.errors import UserError
from core.training.batching import by_length, encode, epoch_order
from tests.training.examples import examples

LABELS = ["long", "short"]


@pytest.fixture(scope="module")
def tokenizer():
    return load_classifier("tiny", labels=LABELS, seed=0)[1]


def frame_of(texts, seconds):
    return pd.DataFrame({"text": texts, "text_b": seconds, "label": ["long"] * len(texts)})


def test_a_batch_holds_each_examples_tokens_and_nothing_but_padding_after_them(tokenizer):
    frame = examples(20, dev=0)
    encoded = encode(frame, tokenizer, LABELS, max_length=12)
    rows = np.array([7, 0, 13])
    batch = encoded.batch(rows)
    for place, row in enumerate(rows):
        wanted = tokenizer(frame["text"][row], truncation=True, max_length=12).input_ids
        n = len(wanted)
        assert batch["input_ids"][place, :n].tolist() == wanted
        assert batch["attention_mask"][place].tolist() == [1] * n + [0] * (batch["input_ids"].shape[1] - n)
        assert (batch["input_ids"][place, n:] == tokenizer.pad_token_id).all()
        assert LABELS[batch["labels"][place]] == frame["label"][row]
    assert batch["input_ids"].shape[1] == encoded.lengths[rows].max() <= 12


@pytest.mark.parametrize("seconds", [["the team", "a river runs"], ["the team", None]])
def test_a_second_text_is_a_second_segment(tokenizer, seconds):
    encoded = encode(frame_of(["the house", "music"], seconds), tokenizer, LABELS, max_length=16)
    batch = encoded.batch(np.arange(2))
    for row, (first, second) in enumerate(zip(["the house", "music"], seconds, strict=True)):
        wanted = tokenizer(first, second) if second else tokenizer(first)
        n = len(wanted.input_ids)
        assert batch["input_ids"][row, :n].tolist() == wanted.input_ids
        assert batch["token_type_ids"][row, :n].tolist() == wanted.token_type_ids


def test_long_pairs_keep_both_texts(tokenizer):
    encoded = encode(frame_of(["river " * 50], ["house " * 50]), tokenizer, LABELS, max_length=21)
    assert encoded.lengths.tolist() == [21]
    assert encoded.types.sum() == pytest.approx(10, abs=1)


def test_what_cannot_be_encoded_is_a_sentence(tokenizer):
    with pytest.raises(UserError, match="no example"):
        encode(examples().iloc[:0], tokenizer, LABELS, max_length=16)
    with pytest.raises(UserError, match="'short' is not one that the model knows: long"):
        encode(examples(), tokenizer, ["long"], max_length=16)
    with pytest.raises(UserError, match="use 128 or less"):
        encode(examples(), tokenizer, LABELS, max_length=129)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 20))
def test_batches_by_length_hold_every_row_once_longest_first(lengths, size):
    lengths = np.array(lengths)
    batches = list(by_length(lengths, size))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert (np.diff(lengths[np.concatenate(batches)]) <= 0).all()
    assert max(len(rows) for rows in batches) <= size


def test_the_order_depends_on_seed_and_epoch_alone():
    one = epoch_order(100, seed=1, epoch=0)
    epoch_order.cache_clear()
    np.random.seed(3)
    assert (epoch_order(100, seed=1, epoch=0) == one).all()
    assert sorted(one.tolist()) == list(range(100))
    assert (epoch_order(100, seed=1, epoch=1) != one).any()
    assert (epoch_order(100, seed=2, epoch=0) != one).any()
