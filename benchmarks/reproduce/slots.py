"""On what runs are carried out at the same time: one slot a GPU, or as many on the CPU as its cores allow."""

import os
from dataclasses import dataclass

from core.errors import UserError
from core.jobs.allocator import allocator
from core.jobs.devices import devices


@dataclass(frozen=True)
class Slot:
    """Room for one run: what its process's environment has beside the usual."""

    environment: dict[str, str]


def slots(device: str, parallel: int | None, threads: int | None) -> list[Slot]:
    """`parallel` slots; without a number one a GPU, on a CPU cores // threads.

    threads: of a run; without a number 1 on a CPU (more runs at once beat more threads for one, and the numbers do not
    depend on the machine's cores), and on GPUs an equal share of the cores.

    Raises:
        UserError: a GPU was asked for and there is none.
    """
    gpus = [str(one.uuid) for one in devices() if one.kind == "cuda"] if device != "cpu" else []
    if device == "cuda" and not gpus:
        raise UserError("--device cuda was asked for, but this machine has no usable GPU. Leave it out.")
    cores = os.cpu_count() or 1
    if gpus:
        number = parallel or len(gpus)
        each = threads or max(1, cores // number)
        return [Slot(_environment(each) | {"CUDA_VISIBLE_DEVICES": gpus[at % len(gpus)]}) for at in range(number)]
    number = parallel or max(1, cores // (threads or 1))
    return [Slot(_environment(threads or 1)) for _ in range(number)]


def _environment(threads: int) -> dict[str, str]:
    """As a job of the dashboard has it."""
    return {
        **allocator(),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
