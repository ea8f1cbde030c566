"""Several ranks, joined by Accelerate: NCCL between GPUs, gloo between processes that share the CPU."""

import os
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object, reduce
from torch import Tensor, nn

from core.errors import UserError
from core.training.ranks import Number, Ranks, Shared, T, buckets
from core.training.state import seed_everything

BUCKET = 8 * 2**20
"""Elements of gradients that are summed at once: few calls, and little memory beside the gradients."""

PATIENCE = timedelta(days=30)
"""The first rank may wait for hours for a disk or a database. A rank that dies is noticed by whoever started it."""

_FAILED = "failed"


class Joined(Ranks):
    """This process as one of several. All of them call this with the same `size` and `meeting`, and wait here for the rest.

    Words and errors go from one to the other through the CPU, so that no GPU waits for them; gradients go directly.

    Args:
        meeting: a file in a folder that only these processes know; it must not be there yet.
    """

    def __init__(self, rank: int, size: int, meeting: Path) -> None:
        self.rank, self.size = rank, size
        os.environ.update(
            {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
        )
        if sys.platform != "win32":  # where interfaces have other names and gloo finds one itself
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")  # no other machine
        gpus = torch.cuda.is_available()
        self._state = PartialState(
            cpu=not gpus,
            backend="cpu:gloo,cuda:nccl" if gpus else "gloo",
            init_method=meeting.as_uri(),
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
        )
        if gpus:
            torch.cuda.set_device(self._state.device)

    def leave(self) -> None:
        """Part from the others. Another `Joined` may follow."""
        self._state.destroy_process_group()
        PartialState._reset_state()

    def share(self, all_of_it: Shared) -> Shared:
        """Every `size`-th of it from this rank's place."""
        return all_of_it[self.rank :: self.size]

    def first(self, work: Callable[..., T], *arguments: Any) -> T:
        """The first rank's result, or its error."""
        said: list[Any] = [_outcome(work, arguments) if self.rank == 0 else None]
        kind, value = broadcast_object_list(said)[0]
        if kind == _FAILED:
            raise value
        return value  # type: ignore[no-any-return]

    def together(self, work: Callable[..., T], *arguments: Any) -> T:
        """This rank's result, or the error of the first of those that have failed."""
        kind, value = _outcome(work, arguments)
        if kind == _FAILED and self.rank and not isinstance(value, (UserError, torch.OutOfMemoryError)):
            value.add_note(f"On rank {self.rank}: {''.join(traceback.format_exception(value))}")
        failures = reduce(torch.tensor(float(kind == _FAILED)), "sum")
        if failures == 0:
            return value  # type: ignore[no-any-return]
        raise next(error for error in self.gather(value if kind == _FAILED else None) if error is not None)

    def gather(self, value: T) -> list[T]:
        """Every rank's value, by way of pickle."""
        return list(gather_object([value]))

    def sum(self, *values: Number) -> tuple[Number, ...]:
        """In float64, and in the values' own kind again."""
        total = reduce(torch.stack([torch.as_tensor(value).double() for value in values]), "sum")
        return tuple(
            one.to(value.dtype) if isinstance(value, Tensor) else float(one)
            for one, value in zip(total, values, strict=True)
        )

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """A parameter without a gradient on any rank keeps none, so that no optimiser moves it."""
        given = list(parameters)
        there = torch.tensor([float(one.grad is not None) for one in given])
        used = [one for one, ranks in zip(given, reduce(there, "sum"), strict=True) if ranks > 0]
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in buckets([one.grad for one in used if one.grad is not None], BUCKET):
            total = reduce(torch.cat([gradient.flatten() for gradient in bucket]), "sum")
            for gradient, part in zip(bucket, total.split([one.numel() for one in bucket]), strict=True):
                gradient.copy_(part.view_as(gradient))

    def part_random_numbers(self, seed: int) -> None:
        """Each rank but the first starts random numbers of its own, from the seed and its place."""
        if self.rank:
            seed_everything(int(np.random.SeedSequence([seed, self.rank]).generate_state(1)[0]))


def _outcome(work: Callable[..., T], arguments: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", work(*arguments)
    except Exception as error:  # noqa: BLE001 - it is raised again, by all ranks
        return _FAILED, error
