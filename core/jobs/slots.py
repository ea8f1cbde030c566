"""Where a worker may run jobs: one slot a device, or a group of GPUs that a job uses together, each with at most one job.

A device is held by a lock on a file whose descriptor the job inherits. The lock lives as long as any process of the job
does, so a job that outlives its worker keeps the next one off its devices.
"""

import fcntl
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import UserError
from core.jobs.devices import Device
from core.store.tables import Job


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
    """The devices of one job, what runs on them, and the folder of their locks."""

    devices: tuple[Device, ...]
    folder: Path
    work: Work | None = None

    @property
    def title(self) -> str:
        """A name for people; devices of one kind are counted."""
        counted = Counter(one.title for one in self.devices)
        return ", ".join(f"{count} × {title}" if count > 1 else title for title, count in counted.items())

    @property
    def visible(self) -> str | None:
        """What CUDA may see, by UUID; None on a CPU."""
        return ",".join(one.uuid for one in self.devices if one.uuid is not None) or None

    def hold(self) -> tuple[int, ...] | None:
        """Take all the devices; the descriptors that hold them, or None where another process has one of them still."""
        self.folder.mkdir(parents=True, exist_ok=True)
        held: list[int] = []
        for one in self.devices:
            path = self.folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', one.uuid or one.kind)}.lock"
            held.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            try:
                fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                let_go(held)
                return None
        return tuple(held)

    def is_free(self) -> bool:
        """Whether nothing runs here, not even the job of a worker that died."""
        if self.work is not None:
            return False
        held = self.hold()
        if held is None:
            return False
        let_go(held)
        return True


def let_go(held: Iterable[int]) -> None:
    """Close the descriptors that hold devices; whoever has inherited them holds on."""
    for descriptor in held:
        os.close(descriptor)


def slots(there: list[Device], home: Path, ranks: int = 1) -> list[Slot]:
    """A slot for each `ranks` GPUs, in their order; what is left over stays unused. The ranks share a CPU.

    Raises:
        UserError: there are fewer GPUs than a job is to have.
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
    groups = (there[first : first + ranks] for first in range(0, len(there) - ranks + 1, ranks))
    return [Slot(tuple(group), folder) for group in groups]
