"""Two ranks do what one does: the same scores, the same updates up to rounding, and each rank the same as the other."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.training.trainer import train
from tests.training import rank_jobs
from tests.training.examples import Memory, examples


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of two ranks found, what one alone found, and the folder of the two's runs."""
    folder = tmp_path_factory.mktemp("ranks")
    alone = {name: job(rank_jobs.Ranks()) for name, job in rank_jobs.JOBS.items()}
    return (*rank_jobs.together(2, folder), alone, folder)


def assert_same(one, two, **tolerance):
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], msg=lambda text, name=name: f"{name}: {text}", **tolerance)


def assert_near(one, two):
    """But for the keys' biases: their gradient is zero but for rounding, of which Adam makes whole steps."""
    one, two = ({name: x for name, x in each.items() if not name.endswith("key.bias")} for each in (one, two))
    assert_same(one, two, rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("method", rank_jobs.METHODS)
def test_label_steps_are_one_process_s_to_rounding_and_equal_between_ranks(found, method):
    first, second, alone, _ = found
    (weights, said), (others, heard), (wanted, told) = (one["label_steps"][method] for one in (first, second, alone))
    assert_same(weights, others, rtol=0, atol=0)
    np.testing.assert_array_equal(said, heard)
    assert_near(weights, wanted)
    np.testing.assert_allclose(said, told, rtol=1e-3, atol=1e-6)
    assert [right for _, right, _, _ in said] == [right for _, right, _, _ in told]


@pytest.mark.parametrize("method", ["influence-tuning", "embedding-tuning", "combined-tuning"])
def test_a_round_s_update_is_one_process_s_to_rounding_and_equal_between_ranks(found, method):
    first, second, alone, _ = found
    (weights, said), (others, heard), (wanted, told) = (one["tuning_steps"][method] for one in (first, second, alone))
    assert_same(weights, others, rtol=0, atol=0)
    assert said == heard
    assert_near(weights, wanted)
    np.testing.assert_allclose(said, told, rtol=1e-3, atol=1e-6)
    assert max(loss for loss, _ in told) > 1e-5


@pytest.mark.parametrize("what", ["cosine", "embedding", "cid", "predicted"])
def test_scores_and_predictions_are_exactly_one_process_s(found, what):
    first, second, alone, _ = found
    np.testing.assert_array_equal(first["scores"][what], second["scores"][what])
    np.testing.assert_array_equal(first["scores"][what], alone["scores"][what])


def test_the_layers_sums_are_one_process_s_to_rounding(found):
    first, second, alone, _ = found
    np.testing.assert_array_equal(first["scores"]["layers"], second["scores"]["layers"])
    np.testing.assert_allclose(first["scores"]["layers"], alone["scores"]["layers"], rtol=1e-9, atol=1e-9)


def test_memory_that_runs_out_on_one_rank_halves_the_micro_batch_of_all(found):
    first, second, alone, _ = found
    assert [one["memory"][0] for one in (first, second, alone)] == [2, 2, 2]
    assert_same(first["memory"][1], second["memory"][1], rtol=0, atol=0)
    assert_near(first["memory"][1], alone["memory"][1])


def test_an_error_of_one_rank_is_everybody_s(found):
    for one in found[:2]:
        heard, places, sums = one["errors"]
        assert heard == ["rank 0 has found something", "rank 0 has found something", "rank 1 has found something", None]
        assert places == [0, 1]
        assert sums == (1.0, 2.0)


def test_a_stopped_run_of_two_ranks_goes_on_to_the_same_bits(found):
    first, second, _, folder = found
    (runs, drawn), (seen, other) = first["runs"], second["runs"]
    assert runs["stopped"][0] == runs["whole"][0] == seen["whole"][0]
    assert runs["whole"][2] == "2 × CPU, 1 thread, float32"
    assert drawn != other, "both ranks would draw the same dropout masks"
    there = sorted((folder / "whole" / "checkpoints").iterdir())
    assert len(there) == 2
    for one in there:
        again = folder / "stopped" / "checkpoints" / one.name / "model.safetensors"
        assert_same(load_file(one / "model.safetensors"), load_file(again), rtol=0, atol=0)


def test_a_run_of_two_ranks_goes_on_with_one_and_says_so(found):
    _, _, _, folder = found
    recorder = Memory()
    result = train(rank_jobs.config_of("influence-tuning"), examples(), folder / "left", recorder)
    assert (result.status, result.device) == ("done", "CPU, 1 thread, float32")
    assert any("interrupted on 2 devices and goes on with 1" in note for note in recorder.notes)
