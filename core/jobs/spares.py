"""A process that stands ready for the next job of a device: it has imported what jobs need, which takes longer than many a job.

It is fresh, as every job's is, and does one job. It is started in the very environment of a job, with a token that becomes the
job's. Until it is told which job it holds no device, knows no store and has not touched the GPU. When the worker goes, however
it does, its end of the pipe closes, and the process ends.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.jobs.locks import named
from core.settings import PROJECT
from core.system.processes import apart, kill_tree


@dataclass
class Spare:
    """One such process, from the worker's side. token: in the environment of the process."""

    token: str
    child: subprocess.Popen[bytes]

    @classmethod
    def start(cls, token: str, environment: Mapping[str, str], log: Path) -> "Spare":
        """Start one. log: where it prints to while it has no job.

        Raises:
            OSError: no process can be started.
        """
        with log.open("ab") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.spare"],
                cwd=PROJECT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                **apart(),
            )
        return cls(token, child)

    def take(self, job_id: str, log: Path, locks: Sequence[Path]) -> "subprocess.Popen[bytes] | None":
        """Have it carry out a job, for which it locks the devices itself. None where it has ended by itself before."""
        told = {"job": job_id, "log": str(log), "environment": named(locks, always=True)}
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(json.dumps(told).encode() + b"\n")
            self.child.stdin.close()
        except OSError:  # a pipe that nobody reads any more
            self.end()
        return self.child if self.child.poll() is None else None

    def end(self) -> None:
        """It is not needed any more."""
        kill_tree(self.child.pid)
        self.child.wait()
        if self.child.stdin is not None:
            with suppress(OSError):  # what could not be told
                self.child.stdin.close()
