"""The whole state of an interrupted run: what it takes to go on as if nothing had happened.

Tensors are safetensors, the rest is JSON; nothing is pickled. Only the newest state of a run is kept. Of several ranks
the first writes it, with the random states of all of them; the rest of it is the same on each.
"""

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import UserError
from core.training.batching import Encoded
from core.training.checkpoints import whole_folder
from core.training.config import TrainConfig
from core.training.rounds import Rounds
from core.training.steps import LabelSteps

FORMAT = 2


@dataclass(frozen=True)
class Position:
    """How far a run has got.

    step: label steps done; tuning_step: tuning steps done, in all rounds; finished: whether what follows the label step
    (its round, checkpoint, points of the curves) is done too; seconds: time used; window: (right, n) of the latest
    label steps; round: what the unfinished round has reported so far (`RoundLog`).
    """

    step: int = 0
    tuning_step: int = 0
    finished: bool = False
    seconds: float = 0.0
    window: tuple[tuple[int, int], ...] = ()
    round: dict[str, Any] | None = None


def fingerprint(config: TrainConfig, data: Encoded) -> str:
    """What a state belongs to: these settings and these training examples."""
    digest = sha256(config.model_dump_json().encode())
    for array in (data.ids, data.offsets, data.labels):
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_state(run: Path, belongs_to: str, position: Position, steps: LabelSteps, rounds: Rounds | None) -> None:
    """Save weights, the moments of both optimisers, loss scale, random states and position; then drop the older state."""
    states = steps.ranks.gather(RandomState.now(steps))
    steps.ranks.first(_write, run, belongs_to, position, steps, rounds, states)


def _write(
    run: Path,
    belongs_to: str,
    position: Position,
    steps: LabelSteps,
    rounds: Rounds | None,
    states: Sequence["RandomState"],
) -> None:
    target = _folder(run) / f"step-{position.step:08d}-{position.tuning_step:08d}-{int(position.finished)}"
    with whole_folder(target) as scratch:
        save_file(_tensors(steps, rounds, states), scratch / "tensors.safetensors")
        values = {
            "format": FORMAT,
            "belongs_to": belongs_to,
            "position": asdict(position),
            "micro_batch": steps.micro_batch,
            "threads": torch.get_num_threads(),
            "scaler": steps.scaler.state_dict(),
            "python": states[0].python,
            "numpy": states[0].numpy,
            "others": [{"python": state.python, "numpy": state.numpy} for state in states[1:]],
            "tensors_sha256": _sha256(scratch / "tensors.safetensors"),
        }
        (scratch / "state.json").write_text(json.dumps(values, default=np.ndarray.tolist), "utf-8")
    for other in _folder(run).iterdir():
        if other != target:
            shutil.rmtree(other, ignore_errors=True)


def restore_state(run: Path, belongs_to: str, steps: LabelSteps, rounds: Rounds | None) -> Position:
    """Put the newest whole state back; without one, leave everything as it is and start at step 0.

    A half-written or damaged state is skipped. On a CPU the number of threads is restored too, since it decides the
    order of additions. A state of another number of ranks serves as well, but what follows is then another run's: the
    sums are formed in other parts, and ranks that were not there begin random numbers of their own.

    Raises:
        UserError: the state was made with other settings or other data.
    """
    for folder in sorted(_folder(run).glob("step-*"), reverse=True):
        values = _read(folder)
        if values is None:
            continue
        if values["belongs_to"] != belongs_to:
            raise UserError(
                "This run was interrupted with other settings or other data and cannot go on with these. "
                "Start a new run."
            )
        _put_back(load_file(folder / "tensors.safetensors"), values, steps, rounds)
        found = values["position"]
        position = Position(**{**found, "window": tuple((right, n) for right, n in found["window"])})
        if rounds is not None:
            rounds.tuning_step = position.tuning_step
        return position
    return Position()


def drop_state(run: Path) -> None:
    """Remove the state of a run that is complete."""
    shutil.rmtree(_folder(run), ignore_errors=True)


def seed_everything(seed: int) -> None:
    """Start Python's, numpy's and torch's random numbers (on every device) from one seed."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@dataclass(frozen=True)
class RandomState:
    """Where the random numbers of one rank are: Python's, numpy's, torch's on the CPU and on its GPU."""

    python: Any
    numpy: Any
    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls, steps: LabelSteps) -> "RandomState":
        """Those of this process."""
        device = steps.machine.device
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state(), cuda)

    @classmethod
    def saved(cls, tensors: Mapping[str, Tensor], values: Mapping[str, Any], rank: int) -> "RandomState":
        """Those of a rank in a state."""
        of_rank = values["others"][rank - 1] if rank else values
        prefix = _prefix(rank)
        return cls(of_rank["python"], of_rank["numpy"], tensors[f"{prefix}cpu"], tensors.get(f"{prefix}cuda"))

    def tensors(self, rank: int) -> dict[str, Tensor]:
        """What of it is kept as tensors, by name."""
        found = {"cpu": self.cpu} if self.cuda is None else {"cpu": self.cpu, "cuda": self.cuda}
        return {f"{_prefix(rank)}{name}": tensor for name, tensor in found.items()}

    def go_on(self, steps: LabelSteps) -> None:
        """Let this process's random numbers go on from here."""
        random.setstate((self.python[0], tuple(self.python[1]), self.python[2]))
        self.numpy["state"]["key"] = np.array(self.numpy["state"]["key"], dtype=np.uint32)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        if self.cuda is not None and steps.machine.device.type == "cuda":
            torch.cuda.set_rng_state(self.cuda, steps.machine.device)


def _prefix(rank: int) -> str:
    return f"rng.{rank}." if rank else "rng."


def _folder(run: Path) -> Path:
    return run / "resume"


def _tensors(steps: LabelSteps, rounds: Rounds | None, states: Sequence[RandomState]) -> dict[str, Tensor]:
    found = {name: tensor for rank, state in enumerate(states) for name, tensor in state.tensors(rank).items()}
    for name, parameter in steps.named_parameters().items():
        found[name] = parameter.detach()
        for key, moment in steps.optimizer.state.get(parameter, {}).items():
            found[f"adam.{key}.{name}"] = moment
    if rounds:
        for name, parameter in rounds.parameters.items():
            for key, moment in rounds.optimizer.state.get(parameter, {}).items():
                found[f"round.{key}.{name}"] = moment
    return found


def _put_back(tensors: dict[str, Tensor], values: dict[str, Any], steps: LabelSteps, rounds: Rounds | None) -> None:
    with torch.no_grad():
        for name, parameter in steps.named_parameters().items():
            parameter.copy_(tensors[name])
    _put_moments_back(tensors, "adam", steps.optimizer, steps.named_parameters())
    if rounds:
        _put_moments_back(tensors, "round", rounds.optimizer, rounds.parameters)
    steps.micro_batch = values["micro_batch"]
    steps.scaler.load_state_dict(values["scaler"])
    ranks, before = steps.ranks, 1 + len(values.get("others", []))
    if before != ranks.size:
        steps.note(
            f"This run was interrupted on {before} device{'s' if before > 1 else ''} and goes on with {ranks.size}. It "
            "ends with other numbers than if the number had stayed, as if with another seed."
        )
    elif steps.machine.device.type == "cpu":
        torch.set_num_threads(values["threads"])
    if ranks.rank < before:
        RandomState.saved(tensors, values, ranks.rank).go_on(steps)


def _put_moments_back(
    tensors: dict[str, Tensor], kind: str, optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> None:
    for name, parameter in parameters.items():
        moments = {
            key.removeprefix(f"{kind}.").removesuffix(f".{name}"): tensor.to(parameter.device)
            for key, tensor in tensors.items()
            if key.startswith(f"{kind}.") and key.endswith(f".{name}") and key.count(".") == name.count(".") + 2
        }
        if moments:
            optimizer.state[parameter] = moments


def _read(folder: Path) -> dict[str, Any] | None:
    """The JSON part of a state, or None when the folder is incomplete, damaged or of another format."""
    try:
        values: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
        whole = values["format"] == FORMAT and values["tensors_sha256"] == _sha256(folder / "tensors.safetensors")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return values if whole else None


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return file_digest(handle, "sha256").hexdigest()
