"""The experiments as data: which columns, on which data, with which settings, and what a search may try.

For BERT base, settings are the paper's (its appendix). Other encoders have the learning rates that the catalogue
suggests (where the paper's for MSGS is a third of that for TextLen, so is ours) and rounds that a CPU can do: about as
many tuning steps on TextLen, of 16 probes instead of 64, and the adversary trains no longer than the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.encoders.catalogue import EncoderSpec

Settings = Mapping[str, Any]

BASELINE = "finetune"
COMMON: Settings = {"batch_size": 64, "max_length": 64, "checkpoints": 1}
SHARES = (5, 10, 20, 50, 100)
TITLES = {
    "finetune": "finetuning",
    "adversarial": "adversarial",
    "influence-tuning": "influence tuning",
    "embedding-tuning": "embedding tuning",
}


@dataclass(frozen=True)
class Column:
    """One column of the paper's table: a way to train, over seeds.

    data: which files (`<data>_train.csv`, …). candidates: settings that a search tries, on top of `settings`.
    chosen_as: the column whose search decides for this one; itself where None. control: no method, so never tested.
    """

    key: str
    title: str
    data: str
    settings: Settings
    candidates: tuple[Settings, ...] = ()
    chosen_as: str | None = None
    control: bool = False


@dataclass(frozen=True)
class Experiment:
    """A table. searched_in: the experiment whose search chooses the settings; notes: what a reader has to know."""

    key: str
    title: str
    columns: tuple[Column, ...]
    searched_in: str
    notes: tuple[str, ...] = ()

    def column(self, key: str) -> Column:
        """The column of that key, which must exist."""
        return next(one for one in self.columns if one.key == key)


def textlen(encoder: EncoderSpec) -> Experiment:
    """Short or long text, where a prefix token goes with the length in 90 % of the training rows."""
    rate, influence_lr, embedding_lr = _rates(encoder)
    large = _is_the_papers(encoder)
    size = encoder.round_size
    rounds = {"schedule": "rounds", "interval": 50, "round_batch": size.batch, "probes_per_epoch": size.probes, "k": 5}
    label = {"label_epochs": 10, "label_lr": rate}
    influence = {"method": "influence-tuning", "round_epochs": size.influence_epochs, "round_lr": influence_lr}
    embedding = {
        "method": "embedding-tuning",
        "round_epochs": size.embedding_epochs if large else 7,
        "round_lr": embedding_lr,
    }
    joint = {"method": "influence-tuning", "schedule": "joint", "k": 5, "joint_probes": 2, "joint_weight": 1.0}
    columns = (
        _column("finetune", "textlen", {"method": "finetune", **label}, _around("label_lr", rate, 2)),
        _adversarial("textlen", epochs=20 if large else 10),
        _column("influence-tuning", "textlen", label | rounds | influence, _around("round_lr", influence_lr, 2)),
        _column("embedding-tuning", "textlen", label | rounds | embedding, _around("round_lr", embedding_lr, 0.4)),
        Column(
            "joint",
            "influence tuning in every label step",
            "textlen",
            {**COMMON, **label, **joint},
            _values("joint_weight", 1.0, 3.0),
        ),
        Column(
            "no-spurious",
            "no spurious (control)",
            "textlen_nospurious",
            {**COMMON, "method": "finetune", **label},
            chosen_as="finetune",
            control=True,
        ),
    )
    return Experiment("textlen", "TextLen", columns, "textlen")


def msgs(encoder: EncoderSpec) -> Experiment:
    """A syntactic category that the relative position of words gives away in all but 15 of 5,000 training rows."""
    rate, influence_lr, embedding_lr = _rates(encoder)
    embedding_lr = _rounded(embedding_lr / 3)
    large = _is_the_papers(encoder)
    label = {"label_epochs": 3, "label_lr": rate}
    rounds = {"schedule": "rounds", "round_epochs": 3, "probes_per_epoch": 100 if large else 32, "k": 3}
    influence = {"method": "influence-tuning", "interval": 50, "round_batch": 16, "round_lr": influence_lr}
    embedding = {"method": "embedding-tuning", "interval": 25, "round_batch": 4, "round_lr": embedding_lr}
    columns = (
        _column("finetune", "msgs", {"method": "finetune", **label}, _around("label_lr", rate, 2)),
        _adversarial("msgs", epochs=12 if large else 6),
        _column("influence-tuning", "msgs", label | rounds | influence, _around("round_lr", influence_lr, 2)),
        _column("embedding-tuning", "msgs", label | rounds | embedding, _around("round_lr", embedding_lr, 0.4)),
    )
    return Experiment("msgs", "MSGS", columns, "msgs")


def access_rate(encoder: EncoderSpec) -> Experiment:
    """TextLen where the confound is known of a share of the training rows, beside finetuning, which knows none."""
    full = textlen(encoder)
    columns = [full.column(BASELINE)]
    for method in ("influence-tuning", "embedding-tuning"):
        whole = full.column(method)
        for share in SHARES:
            known = {} if share == 100 else {"access_rate": share / 100}  # 100 %: the very runs of TextLen
            title = f"{whole.title}, {share} %"
            columns.append(
                Column(f"{method}-{share}", title, whole.data, {**whole.settings, **known}, chosen_as=method)
            )
    notes = (
        "Known is the same share of every label × confound cell. The paper's code drew from all rows and kept ten "
        "counterexamples known on top, so it knew about twice as many of them at 5 %, and half as many again at 10 %.",
    )
    return Experiment("access-rate", "Confound access rate on TextLen", tuple(columns), "textlen", notes)


EXPERIMENTS: dict[str, Callable[[EncoderSpec], Experiment]] = {
    "textlen": textlen,
    "msgs": msgs,
    "access-rate": access_rate,
}


def _column(method: str, data: str, settings: Settings, candidates: tuple[Settings, ...]) -> Column:
    return Column(method, TITLES[method], data, {**COMMON, **settings}, candidates)


def _adversarial(data: str, *, epochs: int) -> Column:
    settings = {"method": "adversarial", "label_epochs": epochs, "label_lr": 5e-5, "adversarial_weight": 0.3}
    return _column("adversarial", data, settings, _values("adversarial_weight", 0.3, 1.0))


def _is_the_papers(encoder: EncoderSpec) -> bool:
    return encoder.name == "bert-base-uncased"


def _rates(encoder: EncoderSpec) -> tuple[float, float, float]:
    """Peak learning rates of label steps, influence rounds and embedding rounds on TextLen."""
    return encoder.suggested_label_lr, encoder.suggested_influence_lr, encoder.suggested_embedding_lr


def _around(key: str, value: float, *factors: float) -> tuple[Settings, ...]:
    """The plan's value, and multiples of it."""
    return _values(key, *sorted([value, *(_rounded(value * factor) for factor in factors)]))


def _values(key: str, *values: float) -> tuple[Settings, ...]:
    return tuple({key: value} for value in values)


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def chosen_columns(experiment: Experiment, keys: Sequence[str]) -> tuple[Column, ...]:
    """The columns that `keys` name, all without any: a key, or a method for all of its shares.

    Raises:
        KeyError: a key that fits none.
    """
    if not keys:
        return experiment.columns
    for key in keys:
        if not any(_fits(one, key) for one in experiment.columns):
            raise KeyError(key)
    return tuple(one for one in experiment.columns if any(_fits(one, key) for key in keys))


def _fits(column: Column, key: str) -> bool:
    return key in (column.key, column.chosen_as) if not column.control else key == column.key
