"""Tiny random classifiers of every supported family, and random batches for them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    MPNetConfig,
    MPNetForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

WORDS = 99
PAD = {"roberta": 1, "mpnet": 1}


def _shape(**more: object) -> dict[str, object]:
    return {
        "vocab_size": WORDS,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 80,
        "num_labels": 3,
        "attn_implementation": "eager",
        **more,
    }


def _deberta(**more: object) -> nn.Module:
    shape = _shape(relative_attention=True, position_buckets=8, max_relative_positions=16, type_vocab_size=2, **more)
    return DebertaV2ForSequenceClassification(DebertaV2Config(**shape))


FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**_shape())),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**_shape(pad_token_id=1, type_vocab_size=1))),
    "distilbert": lambda: DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=WORDS,
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=24,
            max_position_embeddings=80,
            num_labels=3,
            attn_implementation="eager",
        )
    ),
    "electra": lambda: ElectraForSequenceClassification(ElectraConfig(**_shape(embedding_size=8))),
    "albert": lambda: AlbertForSequenceClassification(
        AlbertConfig(**_shape(embedding_size=8, num_hidden_layers=3, num_hidden_groups=1))
    ),
    "mpnet": lambda: MPNetForSequenceClassification(MPNetConfig(**_shape(pad_token_id=1))),
    "deberta-v2": lambda: _deberta(
        pos_att_type=["c2p", "p2c"], share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False
    ),
    "deberta-v2-own-projections": lambda: _deberta(
        pos_att_type="c2p|p2c", share_att_key=False, norm_rel_ebd="none", position_biased_input=True
    ),
}


def make(family: str, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
    """A classifier whose random weights are large enough for lively gradients, dropout left as configured."""
    torch.manual_seed(seed)
    model = FAMILIES[family]().to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(5.0)
    return model


def batch(family: str, size: int, tokens: int, seed: int, *, pairs: bool = False) -> dict[str, Tensor]:
    """Random token numbers of random lengths up to `tokens`, padded; with `pairs`, two segments."""
    generator = torch.Generator().manual_seed(seed)
    pad = PAD.get(family, 0)
    ids = torch.randint(5, WORDS, (size, tokens), generator=generator)  # [B, T]
    lengths = torch.randint(min(3, tokens), tokens + 1, (size,), generator=generator)  # [B]
    lengths[0] = tokens
    mask = (torch.arange(tokens) < lengths.unsqueeze(1)).long()  # [B, T]
    made = {
        "input_ids": torch.where(mask.bool(), ids, pad),
        "attention_mask": mask,
        "labels": torch.randint(0, 3, (size,), generator=generator),
    }
    if pairs and family not in PAD and family != "distilbert":
        made["token_type_ids"] = (torch.arange(tokens) >= lengths.unsqueeze(1) // 2).long() * mask
    return made
