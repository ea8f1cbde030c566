"""What a round by hand begins with: the parent's settings, and a size and a strength that suit its encoder."""

import pytest

from core.actions.tuning import LABEL, child_config, spec_of, start_tuning, usual_label_steps
from core.encoders.catalogue import GENTLE, SMALL
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Run
from core.training.config import TrainConfig
from tests.pages.synthetic import add_dataset, add_run


def parent(store: Store, **config: object) -> Run:
    dataset = add_dataset(store, "d", n_train=650, n_dev=40)
    run = add_run(store, dataset, "parent", config={"batch_size": 50, **config})
    run.encoder = str(config.get("encoder", run.encoder))
    return run


def test_a_finished_minilm_gets_a_gentle_round(store: Store, settings: Settings) -> None:
    run = parent(store, encoder="minilm", label_lr=1e-4, weight_decay=0.05)
    spec = spec_of(settings, run)
    for kind, epochs, lr in (
        ("influence", GENTLE.influence_epochs, GENTLE.influence_lr),
        ("embedding", GENTLE.embedding_epochs, GENTLE.embedding_lr),
        ("combined", GENTLE.influence_epochs, GENTLE.influence_lr),
    ):
        config = child_config(run, kind, {}, 6, spec)
        assert (config.round_epochs, config.round_lr, config.label_lr) == (epochs, lr, GENTLE.label_lr)
        assert (config.round_batch, config.probes_per_epoch) == (SMALL.batch, SMALL.probes)
        assert (config.batch_size, config.weight_decay) == (50, 0.05)
    assert usual_label_steps(run, queries.get_dataset(store, run.dataset_id), spec) == 13
    alone = child_config(run, LABEL, {}, 6, spec)
    assert (alone.label_lr, alone.method) == (1e-4, "finetune")


def test_what_is_asked_for_holds_and_so_do_the_rounds_that_the_parent_had(store: Store, settings: Settings) -> None:
    run = parent(
        store,
        encoder="minilm",
        method="influence-tuning",
        round_batch=8,
        probes_per_epoch=24,
        round_epochs=4,
        round_lr=1e-3,
    )
    config = child_config(run, "influence", {"round_epochs": "7", "label_lr": "3e-5"}, 6, spec_of(settings, run))
    assert (config.round_batch, config.probes_per_epoch) == (8, 24)
    assert (config.round_epochs, config.round_lr, config.label_lr) == (7, GENTLE.influence_lr, 3e-5)


def test_another_encoder_keeps_its_own_rates(store: Store, settings: Settings) -> None:
    run = parent(store, encoder="bert-base-uncased")
    config = child_config(run, "influence", {}, 6, spec_of(settings, run))
    usual = TrainConfig.of({})
    assert (config.round_lr, config.label_lr, config.round_batch) == (None, None, usual.round_batch)


@pytest.mark.parametrize(("asked", "steps"), [(None, 13), (0, 0), (9, 9)])
def test_an_epoch_follows_where_nothing_else_is_said(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, asked: int | None, steps: int
) -> None:
    monkeypatch.setattr("core.actions.tuning.ensure_worker", lambda _: None)
    begun = start_tuning(store, settings, parent(store), kind="embedding", then_label_steps=asked)
    assert queries.get_run(store, begun.run.id).config["label_steps"] == steps
