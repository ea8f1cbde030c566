"""Where a run computes, how exactly, and with the same numbers every time."""

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import torch

from core.errors import UserError
from core.training.config import TrainConfig

CPU_MICRO_BATCH = 16
"""Examples at once on a CPU. Sorted by length within the batch, small groups pad little and stay in the cache:
MiniLM on one core took 1.26 s for a TextLen batch of 64 in groups of 16, and 1.68 s in one piece."""

_FILL = "fill_uninitialized_memory"


@dataclass(frozen=True)
class Machine:
    """The device of a run and the number format of its label steps (autocast where it is not float32)."""

    device: torch.device
    precision: torch.dtype

    @property
    def title(self) -> str:
        """Name of the device and the precision, for people and for the run's record."""
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        else:
            threads = torch.get_num_threads()
            name = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
        return f"{name}, {str(self.precision).removeprefix('torch.')}"

    def micro_batch(self, config: TrainConfig) -> int:
        """Examples on the device at once."""
        usual = CPU_MICRO_BATCH if self.device.type == "cpu" else config.batch_size
        return min(config.micro_batch or usual, config.batch_size)


def choose_machine(config: TrainConfig) -> Machine:
    """The device and precision that the settings ask for; `auto` takes the best that is there.

    Raises:
        UserError: a GPU was asked for and there is none, or fp16 on a CPU.
    """
    gpu = torch.cuda.is_available()
    if config.device == "cuda" and not gpu:
        raise UserError("device=cuda was asked for, but this machine has no usable GPU. Use device=auto or device=cpu.")
    device = torch.device("cuda" if gpu and config.device != "cpu" else "cpu")
    if config.precision == "fp16" and device.type == "cpu":
        raise UserError("precision=fp16 needs a GPU. On a CPU use float32, or bf16 where the processor has it.")
    if device.type == "cuda":  # said once a process by the thread of the backward pass, which then makes the context
        warnings.filterwarnings("ignore", message="Attempting to run cuBLAS, but there was no current CUDA context")
    named = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if config.precision != "auto":
        return Machine(device, named[config.precision])
    if device.type == "cpu":
        return Machine(device, torch.float32)
    return Machine(device, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)


def versions() -> dict[str, str]:
    """Versions that a run's numbers depend on."""
    packages = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "pandas", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


@contextmanager
def deterministic() -> Iterator[None]:
    """Same seed, same machine, same numbers: only algorithms that add in a fixed order, where torch has one.

    Fresh memory is not filled in advance (torch would do so in this mode): nothing here reads it unwritten.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filling = getattr(torch.utils.deterministic, _FILL)
    torch.use_deterministic_algorithms(True, warn_only=True)
    setattr(torch.utils.deterministic, _FILL, False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        setattr(torch.utils.deterministic, _FILL, filling)
