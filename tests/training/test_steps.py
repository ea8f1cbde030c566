"""A label step against first principles: the gradient, the clipping, AdamW, and what must not change it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.encoders.loading import load_classifier
from core.training.batching import encode
from core.training.config import TrainConfig
from core.training.device import Machine
from core.training.objectives import Adversarial, Finetune, reversed_gradient
from core.training.steps import LabelSteps
from core.training.tuples import Known
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

    def __call__(self, model, batch, rows):
        if len(batch["labels"]) > 6:
            raise torch.OutOfMemoryError("no memory left")
        return super().__call__(model, batch, rows)


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
    def __call__(self, model, batch, rows):
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


def test_reversal_gives_the_value_and_turns_the_gradient_round():
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    y = reversed_gradient(x, 0.3)
    assert torch.equal(y, x)
    (y * 2.0).sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, -0.6))


def adversary(known=None, *, weight=0.7):
    confound = np.arange(24) % 3
    known = np.ones(24, dtype=bool) if known is None else known
    torch.manual_seed(3)
    head = Adversarial(confound, Known(known, np.arange(24), 0, {}, 0), 32, weight)
    head.heads.double()
    return head, torch.from_numpy(confound)


def test_the_head_descends_on_the_confound_and_the_encoder_climbs():
    """Against two separate losses and autograd: head gradient of L_c, encoder gradient of L_label − λ L_c."""
    objective, confound = adversary()
    steps, data, _ = prepared(objective, dtype=torch.float64, max_grad_norm=1000.0)
    rows = np.arange(24)
    batch = data.batch(rows)
    model, head = steps.model, objective.heads["confound"]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    h = model.bert(**inputs).pooler_output
    label = F.cross_entropy(model.classifier(h), batch["labels"])
    guess = F.cross_entropy(head(h), confound)
    encoder = dict(model.bert.named_parameters())
    of_label = torch.autograd.grad(label, list(encoder.values()), retain_graph=True)
    of_guess = torch.autograd.grad(guess, [*encoder.values(), *head.parameters()])
    with steps.gradients_of(steps.named_parameters()):
        loss, _, extra = steps._gradients(data, rows, 1)
        for name, one, two in zip(encoder, of_label, of_guess, strict=False):
            torch.testing.assert_close(encoder[name].grad, one - 0.7 * two, rtol=1e-8, atol=1e-12)
        for parameter, wanted in zip(head.parameters(), of_guess[len(encoder) :], strict=True):
            torch.testing.assert_close(parameter.grad, wanted, rtol=1e-8, atol=1e-12)
    assert float(loss) == pytest.approx(float(label.detach()))
    assert float(extra) == pytest.approx(float(guess.detach()), rel=1e-6)


def test_unknown_confounds_teach_the_adversary_nothing():
    known = np.arange(24) < 6
    objective, confound = adversary(known)
    steps, data, _ = prepared(objective, dtype=torch.float64)
    with steps.gradients_of(steps.named_parameters()):
        _, _, extra = steps._gradients(data, np.arange(24), 1)
        grad = objective.heads["confound"].weight.grad.clone()
    batch = data.batch(np.arange(6))
    h = steps.model.bert(**{n: batch[n] for n in ("input_ids", "attention_mask", "token_type_ids")}).pooler_output
    guess = F.cross_entropy(objective.heads["confound"](h.detach()), confound[:6], reduction="sum") / 24
    (wanted,) = torch.autograd.grad(guess, [objective.heads["confound"].weight])
    torch.testing.assert_close(grad, wanted, rtol=1e-8, atol=1e-12)
    assert float(extra) == pytest.approx(float(guess.detach()), rel=1e-6)


class Constant:
    """An added loss `c · Σθ²/2` of one parameter, whose gradient is c·θ."""

    def __init__(self, parameter):
        self.parameter, self.seen = parameter, []

    def backward(self, number, scale):
        self.seen.append(number)
        loss = 0.5 * self.parameter.square().sum()
        torch.autograd.backward(scale * loss)
        return loss.detach()

    def halve(self):
        return False


def test_an_added_loss_joins_the_gradient_once_a_step():
    plain, data, _ = prepared(dtype=torch.float64, micro_batch=5)
    joint, _, _ = prepared(dtype=torch.float64, micro_batch=5)
    joint.added = Constant(joint.model.classifier.weight)
    found = []
    for steps in (plain, joint):
        with steps.gradients_of(steps.named_parameters()):
            _, _, extra = steps._gradients(data, np.arange(24), 9)
            found.append((steps.model.classifier.weight.grad.clone(), extra))
    weight = joint.model.classifier.weight.detach()
    torch.testing.assert_close(found[1][0], found[0][0] + weight)
    assert float(found[0][1]) == 0.0
    assert plain.step(data, np.arange(24), 1e-4).extra is None
    assert float(found[1][1]) == pytest.approx(0.5 * float(weight.square().sum()))
    assert joint.added.seen == [9]


def test_the_confound_head_learns_faster():
    objective, _ = adversary()
    steps, data, _ = prepared(objective, dtype=torch.float64, weight_decay=0.0, adversarial_head_factor=8.0)
    before = {name: parameter.detach().clone() for name, parameter in steps.named_parameters().items()}
    steps.step(data, np.arange(24), 1e-4)
    moved = {name: float((p - before[name]).abs().max()) for name, p in steps.named_parameters().items()}
    assert moved["heads.confound.weight"] == pytest.approx(8e-4, rel=1e-3)  # a first step of Adam is the rate itself
    assert moved["model.classifier.weight"] == pytest.approx(1e-4, rel=1e-3)
