"""Loading: the seed alone decides what is random, and what must not load says why."""

import json
import shutil

import pytest
import torch
from transformers import BertConfig, DistilBertConfig, RobertaConfig

from core.encoders import loading
from core.encoders.catalogue import EncoderError, package_folder, resolve
from core.encoders.loading import labels_of, load_classifier, load_saved, longest_input

LABELS = ["long", "short"]


def weights(model):
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_tiny_is_a_function_of_the_seed_and_leaves_the_callers_random_state_alone():
    torch.manual_seed(5)
    first = torch.rand(3)
    torch.manual_seed(5)
    one, _ = load_classifier("tiny", labels=LABELS, seed=1)
    assert torch.equal(first, torch.rand(3))
    assert equal(weights(one), weights(load_classifier("tiny", labels=LABELS, seed=1)[0]))
    assert not equal(weights(one), weights(load_classifier("tiny", labels=LABELS, seed=2)[0]))


def test_tiny_reads_any_text():
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    batch = tokenizer(["Ünïcode, 🙂 and words.", "the"], ["b", "c"], padding=True, return_tensors="pt")
    assert int(batch["input_ids"].max()) < model.config.vocab_size == len(tokenizer)
    assert model(**batch).logits.shape == (2, 2)
    assert tokenizer.decode(tokenizer("The other day.")["input_ids"]) == "[CLS] the other day. [SEP]"


def test_minilm_loads_without_a_network_and_only_its_head_is_random(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was used"))
    model, tokenizer = load_classifier("minilm", labels=["a", "b", "c"], seed=1)
    other, _ = load_classifier("minilm", labels=["a", "b", "c"], seed=2)
    one, two = weights(model), weights(other)
    assert {name for name in one if not torch.equal(one[name], two[name])} == {"classifier.weight"}
    assert labels_of(model) == ["a", "b", "c"]
    assert not model.training
    assert model.config._attn_implementation == "eager"
    assert next(model.parameters()).dtype == torch.float32
    assert tokenizer("Hello world").input_ids == [101, 7592, 2088, 102]
    shape = resolve("minilm").shape
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(shape.parameters, rel=0.02)


def test_changed_weights_of_a_bundled_encoder_are_refused(monkeypatch, tmp_path):
    shutil.copytree(package_folder(resolve("minilm")), tmp_path / "model")
    with (tmp_path / "model" / "model.safetensors").open("r+b") as handle:
        handle.seek(-1, 2)
        handle.write(b"\x01")
    monkeypatch.setattr(loading, "package_folder", lambda _: tmp_path / "model")
    with pytest.raises(EncoderError, match="not the published ones"):
        load_classifier("minilm", labels=LABELS, seed=1)


def test_a_saved_model_comes_back_with_its_labels(tmp_path):
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again, its_tokenizer = load_saved(tmp_path)
    assert equal(weights(model), weights(again))
    assert labels_of(again) == LABELS
    assert its_tokenizer("Some text.").input_ids == tokenizer("Some text.").input_ids


@pytest.mark.parametrize("labels", [["a"], ["a", "a"], []])
def test_a_classifier_needs_different_labels(labels):
    with pytest.raises(EncoderError, match="two or more different labels"):
        load_classifier("tiny", labels=labels, seed=1)


@pytest.fixture
def local(tmp_path):
    """A folder with a saved tiny model, to be spoiled."""
    model, tokenizer = load_classifier("tiny", labels=LABELS, seed=1)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)

    def load(**options):
        return load_classifier(str(tmp_path), labels=LABELS, seed=1, allowed_roots=[tmp_path], **options)

    load.folder = tmp_path
    return load


def change_config(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_an_allowed_folder_loads(local):
    model, _ = local()
    assert labels_of(model) == LABELS


def test_pickled_weights_are_not_read(local):
    (local.folder / "model.safetensors").rename(local.folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="no weights in the safetensors format"):
        local()


def test_cut_off_weights_are_an_error(local):
    path = local.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        local()


def test_a_folder_without_a_tokenizer_is_refused(local):
    (local.folder / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="tokenizer"):
        local()


@pytest.mark.parametrize("family", ["gpt2", "llama", "unheard-of", None])
def test_other_families_are_refused_before_their_weights_are_read(local, family):
    (local.folder / "model.safetensors").unlink()
    change_config(local.folder, model_type=family)
    with pytest.raises(EncoderError, match="not supported"):
        local()


def test_code_in_a_folder_is_not_run(local):
    change_config(local.folder, model_type="bert", auto_map={"AutoConfig": "evil.Config"})
    (local.folder / "evil.py").write_text("raise SystemExit('code was run')")
    local()


def test_too_many_parameters_are_refused_before_the_weights_are_read(local):
    (local.folder / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="million parameters"):
        local(max_parameters=50_000)
    change_config(local.folder, num_hidden_layers=10**9)
    with pytest.raises(EncoderError, match="num_hidden_layers above"):
        local()


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "bert", "hidden_size": "wide"}'])
def test_a_broken_configuration_is_a_sentence(local, text):
    (local.folder / "config.json").write_text(text)
    with pytest.raises(EncoderError):
        local()


def test_no_network_is_a_sentence(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="cannot be reached"):
        load_classifier("owner/not-in-the-cache", labels=LABELS, seed=1, revision="0" * 40)


def test_nothing_saved_is_a_sentence(tmp_path):
    with pytest.raises(EncoderError, match="no saved model"):
        load_saved(tmp_path / "absent")


def test_longest_input_knows_the_rows_that_are_kept_for_padding():
    class Model:
        config = RobertaConfig(max_position_embeddings=514)

    assert longest_input(Model()) == 512
    Model.config = BertConfig()
    assert longest_input(Model()) == 512


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("bert-base-uncased", BertConfig()),
        ("distilbert-base-uncased", DistilBertConfig()),
        ("roberta-base", RobertaConfig(vocab_size=50265, max_position_embeddings=514)),
    ],
)
def test_the_shapes_of_the_catalogue(name, config):
    shape = resolve(name).shape
    intermediate = getattr(config, "intermediate_size", None) or config.hidden_dim
    assert (shape.layers, shape.hidden, shape.intermediate, shape.vocabulary, shape.positions) == (
        config.num_hidden_layers,
        config.hidden_size,
        intermediate,
        config.vocab_size,
        config.max_position_embeddings,
    )
