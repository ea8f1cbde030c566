"""What a worker may compute on, found without loading torch."""

import os
import shutil
import subprocess
from dataclasses import dataclass


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
    """The NVIDIA GPUs of this machine, or its CPU where there is none."""
    return _gpus() or [Device(kind="cpu", name=f"CPU, {os.cpu_count()} cores")]


def _gpus() -> list[Device]:
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
