"""Where a worker may run jobs: one slot a device, or a group of GPUs that a job uses together, each with at most one job.

A device is held by a lock on a file whose descriptor the job inherits. The lock lives as long as any process of the job
does, so a job that outlives its worker keeps the next one off its devices.
"""

import re
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import UserError
from core.jobs.devices import Device
from core.jobs.locks import let_go, lock_all
from core.jobs.spares import Spare
from core.store.tables import Job
from core.system import on_windows


@dataclass
class Work:
    """A job's process and how far its end has got.

    asked_at: when a person's wish to cancel it was seen; silent_at: when it was seen to hang; ended_at: when it got SIGTERM, and `why`; lost: the job belongs
    to somebody else by now; noted: the database knows the process.
    """

    job: Job
    token: str
    child: subprocess.Popen[bytes]
    began_at: float = field(default_factory=time.monotonic)
    asked_at: float | None = None
    silent_at: float | None = None
    ended_at: float | None = None
    why: str = ""
    blameless: bool = False
    killed: bool = False
    lost: bool = False
    noted: bool = False


@dataclass
class Slot:
    """The devices of one job, what runs on them, the folder of their locks, and a process that is ready for the next job."""

    devices: tuple[Device, ...]
    folder: Path
    work: Work | None = None
    spare: Spare | None = None

    @property
    def title(self) -> str:
        """A name for people; devices of one kind are counted."""
        counted = Counter(one.title for one in self.devices)
        return ", ".join(f"{count} × {title}" if count > 1 else title for title, count in counted.items())

    @property
    def visible(self) -> str | None:
        """What CUDA may see, by UUID; None on a CPU."""
        return ",".join(one.uuid for one in self.devices if one.uuid is not None) or None

    @property
    def locks(self) -> list[Path]:
        """The lock file of each device."""
        names = (re.sub(r"[^A-Za-z0-9-]", "_", one.uuid or one.kind) for one in self.devices)
        return [self.folder / f"{name}.lock" for name in names]

    def hold(self) -> tuple[int, ...] | None:
        """Take all the devices; the descriptors that hold them, or None where another process has one of them still."""
        return lock_all(self.locks)

    def let_spare_go(self) -> None:
        """End the process that is ready, if there is one."""
        if self.spare is not None:
            self.spare.end()
            self.spare = None

    def is_free(self) -> bool:
        """Whether nothing runs here, not even the job of a worker that died."""
        if self.work is not None:
            return False
        held = self.hold()
        if held is None:
            return False
        let_go(held)
        return True


def slots(there: list[Device], home: Path, ranks: int = 1) -> list[Slot]:
    """A slot for each `ranks` GPUs, in their order; what is left over stays unused. The ranks share a CPU.

    Raises:
        UserError: there are fewer GPUs than a job is to have, or the system cannot use several together.
    """
    folder = home / "devices"
    if there[0].kind == "cpu":
        name = there[0].name + (f", {ranks} processes" if ranks > 1 else "")
        return [Slot((replace(there[0], name=name),), folder)]
    if len(there) < ranks:
        raise UserError(
            f"UNCONFOUND_RANKS={ranks} asks for {ranks} GPUs a job, but this machine has {len(there)}. "
            f"Set it to {len(there)} or less."
        )
    if ranks > 1 and on_windows():
        raise UserError(
            f"UNCONFOUND_RANKS={ranks} asks for {ranks} GPUs a job. They talk by NCCL, which there is for Linux only. "
            "Set it to 1: each GPU then runs a job of its own."
        )
    groups = (there[first : first + ranks] for first in range(0, len(there) - ranks + 1, ranks))
    return [Slot(tuple(group), folder) for group in groups]
