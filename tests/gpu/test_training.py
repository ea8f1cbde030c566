"""Label steps and rounds on a GPU: every precision learns, a seed means the same numbers, and want of memory is survived."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

from core.encoders.loading import load_classifier
from core.training.batching import Encoded
from core.training.config import TrainConfig
from core.training.demotion import Demotion
from core.training.device import Machine, choose_machine
from core.training.objectives import Finetune
from core.training.steps import LabelSteps
from core.training.trainer import train
from core.training.tuples import Group
from tests.gpu.gpus import needs_gpu, only
from tests.training.examples import Memory, examples
from tests.training.test_rounds import CONFIG as ROUNDS

pytestmark = needs_gpu

LONGER = {"label_epochs": 3, "checkpoints": 3, "interval": 5, "diagnose_every": 9}  # 18 label steps
CONFIG = ROUNDS.model_copy(update={"method": "finetune", "device": "cuda", "label_lr": 1e-3, **LONGER})
METHODS = ("finetune", "adversarial", "influence-tuning", "embedding-tuning", "combined-tuning")


def run(folder, recorder=None, **settings):
    recorder = recorder or Memory()
    return train(CONFIG.model_copy(update=settings), examples(), folder, recorder), recorder


def weights(folder):
    return load_file(folder / "checkpoints" / "step-00000018" / "model.safetensors")


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp16", "float32"])
@pytest.mark.parametrize("method", ["finetune", "influence-tuning"])
def test_every_precision_learns(tmp_path, method, precision):
    result, recorder = run(tmp_path, method=method, precision=precision, label_epochs=20, interval=40)
    losses = [value for _, name, value in recorder.values() if name == "label_loss"]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert torch.cuda.get_device_name() in result.device
    assert {"auto": "bfloat16", "bf16": "bfloat16", "fp16": "float16"}.get(precision, precision) in result.device
    stored = load_file(tmp_path / "checkpoints" / "step-00000120" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float32}


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_means_the_same_bits_and_an_interruption_changes_none(tmp_path, method):
    _, first = run(tmp_path / "one", method=method)
    _, second = run(tmp_path / "two", method=method)
    recorder = Memory()
    for moment in (3, 9, 16):
        recorder.stop_at = moment
        result, _ = run(tmp_path / "three", recorder, method=method)
        assert result.status == "stopped"
        torch.manual_seed(999)
        torch.cuda.manual_seed(999)
    recorder.stop_at = None
    run(tmp_path / "three", recorder, method=method)
    assert second.values() == first.values()
    assert recorder.values() == first.values()
    for name, tensor in weights(tmp_path / "one").items():
        assert torch.equal(tensor, weights(tmp_path / "two")[name]), name
        assert torch.equal(tensor, weights(tmp_path / "three")[name]), f"{name} after interruptions"


def test_a_step_in_float32_is_that_of_the_cpu():
    """The word embedding's gradient is collected by row on the CPU, and dense on a GPU."""
    moved = []
    for device in ("cpu", "cuda"):
        model, data = small(device)
        steps = LabelSteps(CONFIG, model, Finetune(), Machine(torch.device(device), torch.float32), print)
        for step in range(3):
            steps.step(data, np.arange(8 * step, 8 * step + 8), 1e-3)
        moved.append({name: parameter.detach().cpu() for name, parameter in model.named_parameters()})
    for name, parameter in moved[0].items():
        torch.testing.assert_close(
            moved[1][name], parameter, rtol=0, atol=5e-5, msg=lambda text, name=name: name + text
        )


def test_label_steps_go_on_with_smaller_micro_batches_when_memory_runs_out():
    notes = []
    model, data = wide()
    machine = Machine(torch.device("cuda"), torch.float32)
    config = CONFIG.model_copy(update={"batch_size": 256, "max_length": 128})
    steps = LabelSteps(config, model, Finetune(), machine, notes.append)
    rows = np.arange(256)
    steps.step(data, rows[:2], 0.0)  # the optimiser's moments are there
    with only(1500):
        tight = steps.step(data, rows, 0.0)
    assert steps.micro_batch < 256
    assert notes
    assert notes[0].startswith("The device ran out of memory: going on with 128 examples at once. The batch stays 256")
    assert all(parameter.grad is None for parameter in model.parameters())
    roomy = LabelSteps(config, model, Finetune(), machine, notes.append).step(data, rows, 0.0)
    assert float(tight.loss) == pytest.approx(float(roomy.loss), rel=1e-4)
    assert float(tight.norm) == pytest.approx(float(roomy.norm), rel=1e-3)


def test_a_tuning_step_holds_fewer_examples_when_memory_runs_out():
    model, data = wide()
    groups = [
        Group(first, tuple(range(first + 1, first + 6)), tuple(range(first + 6, first + 11)))
        for first in range(0, 220, 11)
    ]
    found = []
    for most in (None, 6000):
        demotion = Demotion({"influence": 1.0}, model, data)
        if most is None:
            difference = demotion.backward(groups)
        else:
            with only(most):
                while True:
                    try:
                        difference = demotion.backward(groups)
                        break
                    except torch.OutOfMemoryError:
                        assert demotion.halve()
                        model.zero_grad(set_to_none=True)
                        torch.cuda.empty_cache()
            assert demotion.at_once["influence"] < 220
        found.append((difference.loss, torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])))
        model.zero_grad(set_to_none=True)
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-3)
    assert (found[1][1] - found[0][1]).norm() < 1e-2 * found[0][1].norm()


def test_auto_takes_the_gpu_and_bf16_and_a_cpu_may_still_be_asked_for():
    assert choose_machine(TrainConfig()).device.type == "cuda"
    assert choose_machine(TrainConfig()).precision == torch.bfloat16
    assert choose_machine(TrainConfig(device="cpu")) == Machine(torch.device("cpu"), torch.float32)


def small(device):
    model, _ = load_classifier("tiny", labels=["long", "short"], seed=1)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model.to(device), texts(24, 16, words=2000)


def wide():
    """Two layers as wide as BERT base, without dropout, and 256 texts of 128 tokens."""
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=2000,
        num_hidden_layers=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    return BertForSequenceClassification(shape).to("cuda"), texts(256, 128, words=2000)


def texts(n, tokens, *, words):
    rng = np.random.default_rng(0)
    ids = rng.integers(5, words, size=n * tokens).astype(np.int32)
    return Encoded(ids, None, np.arange(0, n * tokens + 1, tokens), rng.integers(0, 2, size=n), pad=0)
