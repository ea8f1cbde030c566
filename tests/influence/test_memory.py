"""Invariant: the peak is predicted before the start and kept to, and does not grow with the number of examples."""

import json
import subprocess
import sys
import weakref

import torch

from core.influence.coverage import cover
from core.influence.engine import Engine
from core.influence.gradients import outer
from core.influence.memory import MOST_EXAMPLES, WORKSPACE, Meter
from tests.influence.models import batch, make

MEASURED = """
import json, resource, sys
import torch
from transformers import BertConfig, BertForSequenceClassification
from core.influence.coverage import cover
from core.influence.memory import Meter
from core.influence.scores import cosine_scores

torch.set_num_threads(1)
torch.manual_seed(0)
model = BertForSequenceClassification(BertConfig(vocab_size=5000, hidden_size=192, num_hidden_layers=2,
    num_attention_heads=4, intermediate_size=768, max_position_embeddings=128, attn_implementation="eager"))

def examples(size):
    ids = torch.randint(5, 5000, (size, 64))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.randint(0, 2, (size,))}

probes, limit = [examples(40)], int(sys.argv[1]) * 2**20
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
model(**examples(1)).loss.backward()
model.zero_grad()
before = peak()
cosine_scores(model, (examples(32) for _ in range(2)), probes, memory=limit)
few = peak() - before
cosine_scores(model, (examples(32) for _ in range(8)), probes, memory=limit)
prediction = Meter(model, cover(model), limit).plan(probes)
print(json.dumps({"few": few, "many": peak() - before, "predicted": prediction.peak, "limit": limit,
    "examples": prediction.examples, "probes": prediction.probes}))
"""


def test_peak_is_predicted_and_kept_to():
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "512"], capture_output=True, text=True, check=True, timeout=500
    )
    found = json.loads(done.stdout)
    assert found["predicted"] <= found["limit"]
    assert found["many"] <= found["predicted"], "the engine takes more than it says"
    assert found["many"] <= found["few"] + 32 * 2**20, "memory grows with the number of examples"


def test_more_memory_means_more_at_a_time_up_to_what_helps():
    model = make("bert", torch.float32)
    probes = [batch("bert", 8, 9, 1)]
    plans = [Meter(model, cover(model), WORKSPACE + room).plan(probes) for room in (2**18, 2**20, 2**30)]
    assert plans[0].examples < plans[1].examples < plans[2].examples == MOST_EXAMPLES["cpu"]
    assert all(plan.peak <= WORKSPACE + room for plan, room in zip(plans, (2**18, 2**20, 2**30), strict=True))


def test_probes_that_do_not_fit_together_are_split(monkeypatch):
    monkeypatch.setattr(outer, "MATRIX_COST", 0.0)  # whole matrices: the larger form
    model = make("bert", torch.float32)
    probes = [batch("bert", 8, 9, 1)]
    whole = Meter(model, cover(model), 2**30).plan(probes)
    room = 3 * whole.per_probe + 4 * whole.per_example
    plan = Meter(model, cover(model), WORKSPACE + room).plan(probes)
    assert 1 <= plan.probes < 8
    assert plan.peak <= WORKSPACE + room


def test_probes_of_one_pass_are_let_go_before_those_of_the_next_are_held(monkeypatch):
    held = []
    hold = Engine._hold

    def watched(self, probes, first):
        assert not any(one() for one in held), "two shares of the probes are in memory at once"
        found = hold(self, probes, first)
        held.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Engine, "_hold", watched)
    monkeypatch.setattr(outer, "MATRIX_COST", 0.0)
    model = make("bert", torch.float32)
    probes = [batch("bert", 2, 9, seed) for seed in range(4)]
    plan = Meter(model, cover(model), 2**30).plan(probes)
    room = WORKSPACE + 3 * plan.per_probe + 4 * plan.per_example
    Engine(model, memory=room).products([batch("bert", 4, 9, 5)], probes)
    assert len(held) >= 2
