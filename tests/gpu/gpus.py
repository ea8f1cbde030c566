"""What the tests on a real NVIDIA GPU share: `UNCONFOUND_TEST_GPU=1 pytest tests/gpu`. Without it, or where there is no
GPU, they are skipped, and say so."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from core.jobs.devices import devices

needs_gpu = pytest.mark.skipif(devices()[0].kind != "cuda", reason="needs an NVIDIA GPU, and UNCONFOUND_TEST_GPU=1")


@contextmanager
def only(mebibytes: int) -> Iterator[None]:
    """Within, this process gets no more of the GPU's memory than that, beside what it has: torch really runs out of it."""
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + mebibytes * 2**20) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
