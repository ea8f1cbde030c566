"""Tuning rounds: a few epochs of Adam on the tuning loss alone, between label steps.

When each tuning step comes, and on what, is a function of its number, so a round that was interrupted goes on with the
same probes. Both optimisers' moments start anew after a round.
"""

from dataclasses import dataclass
from functools import partial
from math import ceil

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.errors import UserError
from core.influence.coverage import layer_name
from core.training.config import TrainConfig
from core.training.demotion import Demotion, Difference
from core.training.steps import LabelSteps, adamw
from core.training.tuples import Codes, Known, draw


@dataclass(frozen=True)
class RoundSchedule:
    """When rounds come. total: label steps of the run; probes: how many a tuning epoch can draw at most."""

    config: TrainConfig
    total: int
    probes: int

    @property
    def after(self) -> list[int]:
        """Label steps that a round follows: every `interval`; none where fewer than interval/2 steps would be left."""
        if not self.config.terms() or self.config.schedule == "joint":
            return []
        if self.config.schedule == "once":
            return [0]
        interval = self.config.interval
        return [step for step in range(interval, self.total, interval) if 2 * (self.total - step) >= interval]

    @property
    def per_epoch(self) -> int:
        """Tuning steps of a tuning epoch."""
        return ceil(min(self.config.probes_per_epoch, self.probes) / self.config.round_batch)

    @property
    def per_round(self) -> int:
        """Tuning steps of a round."""
        return self.per_epoch * self.config.epochs_per_round()

    def done_before(self, step: int) -> int:
        """Tuning steps of all rounds before the one that follows label step `step`."""
        return self.per_round * sum(other < step for other in self.after)


class Rounds:
    """The rounds of one run: their optimiser, and how far they are.

    Attributes:
        tuning_step: tuning steps done in the whole run.
    """

    def __init__(
        self,
        config: TrainConfig,
        steps: LabelSteps,
        demotion: Demotion,
        schedule: RoundSchedule,
        known: Known,
        label: Codes,
        confound: Codes,
        lr: float,
    ) -> None:
        self.config, self.steps, self.demotion, self.schedule = config, steps, demotion, schedule
        self.known, self.label, self.confound, self.lr = known, label, confound, lr
        self.parameters = changeable(steps.model, config.round_layers)
        self.tuning_step = 0
        self.optimizer = self._fresh()

    def left_after(self, step: int) -> range:
        """Numbers (from 1) of the tuning steps that remain of the round after a label step; empty where there is none."""
        if step not in self.schedule.after:
            return range(0)
        first = self.schedule.done_before(step)
        return range(max(self.tuning_step, first) + 1, first + self.schedule.per_round + 1)

    def number_after(self, step: int) -> int:
        """The number, from 1, of the round after a label step."""
        return self.schedule.after.index(step) + 1

    def epoch_of(self, tuning_step: int) -> int:
        """The tuning epoch, from 1 within its round, of a tuning step."""
        return (tuning_step - 1) % self.schedule.per_round // self.schedule.per_epoch + 1

    def ends_epoch(self, tuning_step: int) -> bool:
        """Whether a tuning epoch is over with this tuning step."""
        return tuning_step % self.schedule.per_epoch == 0

    def step(self, number: int) -> Difference:
        """Tuning step `number` (from 1): draw its probes, descend once on J."""
        epoch, place = divmod(number - 1, self.schedule.per_epoch)
        key = (self.config.lineage, epoch)
        drawn = draw(self.config, self.known, self.label, self.confound, self.config.probes_per_epoch, key)
        groups = drawn[place * self.config.round_batch : (place + 1) * self.config.round_batch]
        ranks = self.steps.ranks
        with self.steps.gradients_of(self.parameters):
            while True:
                try:
                    found = ranks.together(partial(self.demotion.backward, groups, inputs=self._inputs()))
                    break
                except torch.OutOfMemoryError:
                    if not self.demotion.halve():
                        raise
                self.steps.optimizer.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
                self.steps.note("The device ran out of memory in a tuning step: going on with fewer examples at once.")
            self.steps.collect_rows()
            ranks.sum_gradients(self.parameters.values())
            found = Difference(*ranks.sum(found.loss, found.difference))
            nn.utils.clip_grad_norm_(self.parameters.values(), self.config.max_grad_norm)
            self.optimizer.step()
        self.tuning_step = number
        if number % self.schedule.per_round == 0:  # the round is over
            self.optimizer = self._fresh()
            self.steps.optimizer.state.clear()
        return found

    def _inputs(self) -> list[nn.Parameter] | None:
        return None if self.config.round_layers == "all" else list(self.parameters.values())

    def _fresh(self) -> torch.optim.AdamW:
        optimizer = adamw(self.parameters, 0.0)
        for group in optimizer.param_groups:
            group["lr"] = self.lr
        return optimizer


def changeable(model: PreTrainedModel, layers: str) -> dict[str, nn.Parameter]:
    """The parameters that a round may change, by name: all, or those of the layers that are named.

    layers: "all", or names parted by commas: a number stands for the encoder block of that number (from 0), anything
    else for the layer of that name or ending (`embeddings`, `pooler`, `bert.encoder.layer.3`).

    Raises:
        UserError: a name that fits no layer.
    """
    trainable = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if layers == "all":
        return trainable
    there = {name: layer_name(model, name) for name in trainable}
    chosen: set[str] = set()
    for wanted in filter(None, (part.strip() for part in layers.split(","))):
        found = {layer for layer in there.values() if layer == wanted or layer.endswith(f".{wanted}")}
        if not found:
            known = ", ".join(dict.fromkeys(there.values()))
            raise UserError(f"round_layers names {wanted[:60]!r}, which is no layer of this model. It has {known}.")
        chosen |= found
    if not chosen:
        raise UserError("round_layers names no layer. Write all, or names or numbers parted by commas.")
    return {name: parameter for name, parameter in trainable.items() if there[name] in chosen}


class Joint:
    """The tuning loss as a regulariser: `weight · J` of a few tuples in every label step."""

    def __init__(self, config: TrainConfig, demotion: Demotion, known: Known, label: Codes, confound: Codes) -> None:
        self.config, self.demotion, self.known, self.label, self.confound = config, demotion, known, label, confound

    def backward(self, number: int, scale: float) -> Tensor:
        """Add `scale · weight · ∇J` for the tuples of label step `number`; returns weight · J."""
        key = (self.config.lineage, number, _JOINT)
        groups = draw(self.config, self.known, self.label, self.confound, self.config.joint_probes, key)
        found = self.demotion.backward(groups, scale=scale * self.config.joint_weight)
        return torch.tensor(self.config.joint_weight * found.loss, device=self.demotion.device)

    def halve(self) -> bool:
        """Memory ran out: hold half as much at once."""
        return self.demotion.halve()


_JOINT = 1
