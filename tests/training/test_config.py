"""Settings: every mistake has a sentence with the key, the value and what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoders.catalogue import resolve
from core.training.config import ConfigError, TrainConfig, allowed, settings_help


def test_texts_become_settings():
    config = TrainConfig.parse({"label_epochs": "3", "label_lr": "5e-5", "batch_size": "32", "micro_batch": "auto"})
    assert (config.label_epochs, config.label_lr, config.batch_size, config.micro_batch) == (3, 5e-5, 32, None)
    assert TrainConfig.of(config.model_dump()) == config


def test_the_encoder_suggests_the_learning_rate_unless_one_is_given():
    assert TrainConfig().lr_for(resolve("minilm")) == 5e-5
    assert TrainConfig().lr_for(resolve("bert-base-uncased")) == 2e-5
    assert TrainConfig(label_lr=1e-4).lr_for(resolve("minilm")) == 1e-4


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("label_epochs", "500", "label_epochs=500 is not possible: label_epochs must be a whole number from 1 to 200"),
        ("label_epochs", "0", "from 1 to 200"),
        ("batch_size", "1.5", "a whole number from 1 to 4096"),
        ("batch_size", "many", "batch_size=many is not possible"),
        ("label_lr", "nan", "a number above 0 to 1, or auto"),
        ("label_lr", "inf", "a number above 0 to 1, or auto"),
        ("label_lr", "0", "a number above 0 to 1, or auto"),
        ("label_lr", "-1e-5", "a number above 0 to 1, or auto"),
        ("warmup", "1", "a number from 0 to 0.9"),
        ("seed", "4294967296", "a whole number from 0 to 4294967295"),
        ("precision", "fp8", "one of auto, float32, bf16, fp16"),
        ("method", "magic", "one of"),
        ("max_length", "1", "a whole number from 4 to 4096"),
        ("label-lr", "1e-5", "There is no setting 'label-lr'. Did you mean label_lr"),
        ("epochs", "1", "Did you mean label_epochs"),
        ("zzz", "1", "Known are method, encoder"),
    ],
)
def test_mistakes_are_named(key, value, words):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse({key: value})
    assert words in str(caught.value)


@given(st.sampled_from(sorted(TrainConfig.model_fields)), st.text(max_size=30))
def test_any_text_is_a_setting_or_a_sentence(key, value):
    problem = key
    try:
        TrainConfig.parse({key: value})
    except ConfigError as error:
        problem = str(error)
    assert key in problem


def test_settings_cannot_change_later():
    with pytest.raises(ValueError, match="frozen"):
        TrainConfig().seed = 1


def test_the_help_knows_every_setting():
    assert [row[0] for row in settings_help()] == list(TrainConfig.model_fields)
    assert all(description and allowed(key) for key, description, _, _ in settings_help())
