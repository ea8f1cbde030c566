"""Texts to token ids once, then to padded batches; and the order in which training examples come.

Ids are kept flat (one array and offsets), so that a million examples cost two arrays and not a million lists.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from core.errors import UserError

Batch = dict[str, Tensor]
Rows = NDArray[np.int64]

_CHUNK = 10_000


@dataclass(frozen=True)
class Encoded:
    """N tokenised examples.

    ids, types: token ids and segment (0 first text, 1 second), all examples one after another, [total tokens];
    offsets: where each example starts, [N + 1]; labels: class numbers, [N]; pad: the padding token's id.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.int8] | None
    offsets: Rows
    labels: Rows
    pad: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> Rows:
        """Tokens of each example, special ones included, [N]."""
        return np.diff(self.offsets)

    def batch(self, rows: Rows, device: torch.device | str = "cpu") -> Batch:
        """The examples `rows`, padded on the right to the longest among them.

        Returns `input_ids`, `attention_mask`, where the encoder has segments `token_type_ids`, all [B, T], and
        `labels` [B].
        """
        lengths = self.lengths[rows]
        mask = np.arange(lengths.max()) < lengths[:, None]  # [B, T]
        flat = np.concatenate([np.arange(self.offsets[row], self.offsets[row + 1]) for row in rows])  # [tokens]
        ids = np.full(mask.shape, self.pad, dtype=np.int64)  # [B, T]
        ids[mask] = self.ids[flat]
        batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}
        if self.types is not None:
            types = np.zeros(mask.shape, dtype=np.int64)  # [B, T]
            types[mask] = self.types[flat]
            batch["token_type_ids"] = torch.from_numpy(types)
        batch["labels"] = torch.from_numpy(self.labels[rows])
        return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def encode(
    frame: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str], *, max_length: int
) -> Encoded:
    """Tokenise `text` (with `text_b` where there is one) and number the labels by their place in `labels`.

    Raises:
        UserError: no rows, a label that the model does not know, or a max_length that the encoder cannot take.
    """
    if frame.empty:
        raise UserError("There is no example to work on.")
    if max_length > tokenizer.model_max_length:
        raise UserError(
            f"max_length={max_length} is more than this encoder can take; use {tokenizer.model_max_length} or less."
        )
    numbers = pd.Index(labels).get_indexer(frame["label"])
    if (numbers < 0).any():
        strange = sorted({str(label) for label in frame["label"][numbers < 0]})[:5]
        raise UserError(f"The label {strange[0]!r} is not one that the model knows: {', '.join(labels)}.")
    texts = [str(text) for text in frame["text"]]
    seconds = frame["text_b"] if "text_b" in frame else pd.Series([None] * len(frame))
    pairs = [None if pd.isna(second) else str(second) for second in seconds]
    ids: list[list[int]] = []
    types: list[list[int]] = []
    for start in range(0, len(texts), _CHUNK):
        part = _tokens(tokenizer, texts[start : start + _CHUNK], pairs[start : start + _CHUNK], max_length)
        ids += part["input_ids"]
        types += part.get("token_type_ids", [])
    offsets = np.concatenate([[0], np.cumsum([len(tokens) for tokens in ids])])
    return Encoded(
        ids=np.concatenate(ids).astype(np.int32),
        types=np.concatenate(types).astype(np.int8) if types else None,
        offsets=offsets.astype(np.int64),
        labels=numbers.astype(np.int64),
        pad=int(tokenizer.pad_token_id or 0),
    )


@lru_cache(maxsize=4)
def epoch_order(n: int, *, seed: int, epoch: int) -> Rows:
    """The order of the training examples in one epoch, [n]: a function of seed and epoch and of nothing else.

    So the place in the data is a step number, and an interrupted run finds it again.
    """
    order = np.random.default_rng([seed, epoch]).permutation(n)  # [n]
    order.setflags(write=False)
    return order


def by_length(lengths: Rows, size: int) -> Iterator[Rows]:
    """Batches of at most `size` rows of similar length, longest first, so that little is padded.

    Longest first: a batch that does not fit into memory is found at once. Together they hold every row once.
    """
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _tokens(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], pairs: list[str | None], max_length: int
) -> dict[str, list[list[int]]]:
    """Token ids, and segments where the tokenizer makes them. Rows with and without a second text may be mixed."""
    options = {"truncation": True, "max_length": max_length, "padding": False, "return_attention_mask": False}
    if all(second is None for second in pairs):
        return dict(tokenizer(texts, **options))
    if all(second is not None for second in pairs):
        return dict(tokenizer(texts, pairs, **options))
    singles = [
        tokenizer(t, s, **options) if s is not None else tokenizer(t, **options)
        for t, s in zip(texts, pairs, strict=True)
    ]
    return {name: [single[name] for single in singles] for name in singles[0]}
