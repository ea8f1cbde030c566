"""Where a worker may run jobs: one slot a device, each with at most one job's process.

A device is held by a lock on a file whose descriptor the job inherits. The lock lives as long as any process of the job
does, so a job that outlives its worker keeps the next one off its device.
"""

import fcntl
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

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
    """A device and what runs on it."""

    device: Device
    path: Path
    work: Work | None = None

    def hold(self) -> int | None:
        """Take the device; the descriptor that holds it, or None where another process has it still."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def is_free(self) -> bool:
        """Whether nothing runs here, not even the job of a worker that died."""
        if self.work is not None:
            return False
        descriptor = self.hold()
        if descriptor is None:
            return False
        os.close(descriptor)
        return True


def slots(devices: list[Device], home: Path) -> list[Slot]:
    """A slot for each device."""
    return [
        Slot(one, home / "devices" / f"{re.sub(r'[^A-Za-z0-9-]', '_', one.uuid or one.kind)}.lock") for one in devices
    ]
