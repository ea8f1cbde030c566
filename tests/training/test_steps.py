"""A label step against first principles: the gradient, the clipping, AdamW, and what must not change it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.encoders.loading import load_classifier
from core.training.batching import encode
from core.training.config import TrainConfig
from core.training.device import Machine
from core.training.objectives import Finetune
from core.training.steps import LabelSteps
from tests.training.examples import examples

LABELS = ["long", "short"]
CPU = Machine(torch.device("cpu"), torch.float32)


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def prepared(objective=None, *, dtype=torch.float32, **settings):
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    model = without_dropout(model).to(dtype)
    data = encode(examples(24, dev=0), tokenizer, LABELS, max_length=16)
    config = TrainConfig(encoder="tiny", batch_size=24, **settings)
    notes = []
    return LabelSteps(config, model, objective or Finetune(), CPU, notes.append), data, notes


def by_hand(steps, data, rows, lr, *, t=1):
    """The parameters after one AdamW step from scratch, from one backward over the whole batch; and the raw norm."""
    model = steps.model
    batch = data.batch(rows)
    logits = model(**{name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}).logits
    loss = F.cross_entropy(logits, batch["labels"])
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    norm = torch.sqrt(sum((gradient.double() ** 2).sum() for gradient in gradients))
    scale = min(1.0, steps.config.max_grad_norm / (float(norm) + 1e-6))
    moved = {}
    for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
        g = gradient.double() * scale
        decay = 0.0 if name.endswith("bias") or "LayerNorm" in name else steps.config.weight_decay
        kept = parameter.detach().double() * (1 - lr * decay)
        moved[name] = kept - lr * g / (g.abs() + 1e-8)  # at the first step both corrected moments are g and g²
    return moved, float(norm), float(loss.detach())


@pytest.mark.parametrize("micro", [24, 7, 1])
def test_a_step_is_adamw_on_the_clipped_gradient_of_the_batch_mean(micro):
    steps, data, _ = prepared(micro_batch=micro, weight_decay=0.1, max_grad_norm=0.5, dtype=torch.float64)
    rows = np.arange(24)
    wanted, norm, loss = by_hand(steps, data, rows, 1e-2)
    result = steps.step(data, rows, 1e-2)
    assert float(result.norm) == pytest.approx(norm, rel=1e-6)
    assert float(result.loss) == pytest.approx(loss, rel=1e-9)
    for name, parameter in steps.model.named_parameters():
        assert torch.allclose(parameter, wanted[name], rtol=0, atol=1e-9), name


def test_kept_row_gradients_change_nothing_over_several_steps():
    """The word embedding's gradient is collected by row; the dense one of torch must give the same parameters."""
    (rowwise, data, _), (dense, _, _) = (
        prepared(micro_batch=5, dtype=torch.float64),
        prepared(micro_batch=5, dtype=torch.float64),
    )
    dense.word_rows = None
    for step in range(4):
        rows = np.arange(step * 6, step * 6 + 6)
        rowwise.step(data, rows, 1e-3)
        dense.step(data, rows, 1e-3)
    for (name, one), two in zip(rowwise.model.named_parameters(), dense.model.parameters(), strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-12), name
    assert rowwise.model.get_input_embeddings().sparse is False
    assert all(parameter.grad is None for parameter in rowwise.model.parameters())
    assert not rowwise.word_rows.dense.any()


class OutOfMemoryTwice(Finetune):
    """Runs out of memory as long as more than six examples are on the device."""

    def __call__(self, model, batch):
        if len(batch["labels"]) > 6:
            raise torch.OutOfMemoryError("no memory left")
        return super().__call__(model, batch)


def test_out_of_memory_halves_the_micro_batch_and_changes_nothing_else():
    (tight, data, notes), (roomy, _, _) = prepared(OutOfMemoryTwice(), micro_batch=24), prepared(micro_batch=6)
    rows = np.arange(24)
    tight.step(data, rows, 1e-3)
    roomy.step(data, rows, 1e-3)
    assert tight.micro_batch == 6
    assert [note.split(":")[0] for note in notes] == ["The device ran out of memory"] * 2
    for one, two in zip(tight.model.parameters(), roomy.model.parameters(), strict=True):
        assert torch.equal(one, two)


class OutOfMemory(Finetune):
    def __call__(self, model, batch):
        raise torch.OutOfMemoryError("no memory left")


def test_out_of_memory_with_a_single_example_is_raised():
    steps, data, _ = prepared(OutOfMemory(), micro_batch=4)
    with pytest.raises(torch.OutOfMemoryError):
        steps.step(data, np.arange(8), 1e-3)
    assert steps.model.get_input_embeddings().sparse is False


def test_bf16_label_steps_stay_near_float32():
    (exact, data, _), (rough, _, _) = prepared(), prepared()
    rough.machine = Machine(torch.device("cpu"), torch.bfloat16)
    rows = np.arange(24)
    one, two = exact.step(data, rows, 1e-3), rough.step(data, rows, 1e-3)
    assert float(two.loss) == pytest.approx(float(one.loss), rel=0.02)
    assert float(two.norm) == pytest.approx(float(one.norm), rel=0.3)
    assert all(parameter.dtype == torch.float32 for parameter in rough.model.parameters())
