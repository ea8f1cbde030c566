"""One text that somebody typed: what the model decides, and how every training example pulls on that decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from core.encoders.loading import labels_of
from core.training.batching import Rows, encode
from core.training.evaluation import Floats, class_probabilities
from core.training.ranks import Ranks
from core.training.scoring import scores_of

Text = tuple[str, str | None]
"""A text, and a second one or None."""


@dataclass(frozen=True)
class Decided:
    """The model's probabilities for some texts [V, C], columns in the order of `labels`, and how much of each it reads.

    read, tokens: tokens that the model takes in, and that the text has, special ones included [V].
    """

    labels: list[str]
    probabilities: Floats
    read: list[int]
    tokens: list[int]


def decide(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[Text], max_length: int
) -> Decided:
    """What the model says of some texts."""
    labels = labels_of(model)
    encoded = encode(_frame(texts, labels[0]), tokenizer, labels, max_length=max_length)
    whole = [
        len((tokenizer(a, b, verbose=False) if b is not None else tokenizer(a, verbose=False))["input_ids"])
        for a, b in texts
    ]
    return Decided(labels, class_probabilities(model, encoded, Ranks()), [int(n) for n in encoded.lengths], whole)


def pulls(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: Text,
    label: str,
    train: pd.DataFrame,
    rows: Rows,
    *,
    max_length: int,
    progress: Callable[[int, int | None], None] | None = None,
) -> NDArray[np.float32]:
    """Influence [n] of the training rows on a text with this label: the column that a diagnosis has for it as a probe.

    Args:
        train: the training examples; only `rows` of them are read.
        progress: called with (done, total).

    Raises:
        InfluenceError: the cosine is undefined, as where the loss of the text, or of an example, has no gradient.
    """
    labels = labels_of(model)
    taken = encode(train.iloc[rows], tokenizer, labels, max_length=max_length)
    probe = encode(_frame([text], label), tokenizer, labels, max_length=max_length)
    chosen, first = np.arange(len(taken)), np.zeros(1, dtype=np.int64)
    found = scores_of(model, taken, chosen, probe, first, Ranks(), progress=progress)  # [n, 1]
    column: NDArray[np.float32] = found[:, 0].astype(np.float32)
    return column


def _frame(texts: Sequence[Text], label: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "text": [text for text, _ in texts],
            "text_b": pd.Series([second for _, second in texts], dtype=object),
            "label": label,
        }
    )
