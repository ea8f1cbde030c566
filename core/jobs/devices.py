"""What a worker may compute on, found without loading torch."""

import os
import shutil
import subprocess
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Device:
    """A slot for one job: a GPU by its UUID, or the CPU."""

    kind: str
    name: str
    uuid: str | None = None
    memory_mb: int | None = None

    @property
    def title(self) -> str:
        """A name for people."""
        return self.name if self.memory_mb is None else f"{self.name} ({self.memory_mb / 1024:.0f} GB)"


def devices() -> list[Device]:
    """The NVIDIA GPUs that this process may use, or the CPU where there is none.

    `CUDA_VISIBLE_DEVICES` restricts them as it does for CUDA: numbers (as `nvidia-smi` counts) or beginnings of UUIDs;
    what stands behind a name that fits no GPU, or several, is not used; an empty one leaves the CPU. A share of a GPU
    (`MIG-…`) is taken as it is named.
    """
    return _allowed(gpus()) or [Device(kind="cpu", name=f"CPU, {os.cpu_count()} cores")]


def _allowed(there: list[Device]) -> list[Device]:
    named = os.environ.get(VISIBLE)
    if named is None:
        return there
    chosen: list[Device] = []
    for one in (part.strip() for part in named.split(",")):
        if there and one.startswith("MIG-"):
            chosen.append(Device(kind="cuda", name="a share of an NVIDIA GPU", uuid=one))
            continue
        fitting = [
            gpu for place, gpu in enumerate(there) if one == str(place) or (one and str(gpu.uuid).startswith(one))
        ]
        if len(fitting) != 1 or fitting[0] in chosen:
            break
        chosen += fitting
    return chosen


def gpus() -> list[Device]:
    """The NVIDIA GPUs of this machine, in `nvidia-smi`'s order."""
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        listing = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,uuid,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            encoding="utf-8",
            timeout=20,
            check=True,
        ).stdout
    except (subprocess.SubprocessError, OSError):
        return []
    found = []
    for line in listing.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and parts[2].isdigit():
            found.append(Device(kind="cuda", name=parts[0], uuid=parts[1], memory_mb=int(parts[2])))
    return found
