"""Carrying out runs, each in a process of its own, some of them at the same time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reproduce.clock import Clock
from benchmarks.reproduce.slots import Slot
from benchmarks.reproduce.spec import LOG, PROGRESS, RunSpec, forget, result_of
from core.settings import PROJECT

POLL_SECONDS = 0.2
TELL_SECONDS = 60.0
GRACE_SECONDS = 120.0

Outcomes = dict[str, dict[str, Any]]
"""Name of a run → its result; a run that ended without one has only `status` and `error`."""


@dataclass
class Running:
    """A process that is at a run."""

    spec: RunSpec
    process: "subprocess.Popen[bytes]"
    began: float


def command(spec_file: Path) -> list[str]:
    """What carries out a run."""
    return [sys.executable, "-m", "benchmarks.reproduce.one", str(spec_file)]


class Pool:
    """Carries out what is missing and keeps telling how far it is.

    Attributes:
        home: where runs are kept.
        slots: how many at a time, and on what.
        retry_failed: whether a run that failed is done again, from nothing.
        make: the command for a specification's file.
    """

    def __init__(
        self,
        home: Path,
        slots: Sequence[Slot],
        *,
        retry_failed: bool = False,
        make: Callable[[Path], list[str]] = command,
    ) -> None:
        self.home, self.slots, self.retry_failed, self.make = home.resolve(), list(slots), retry_failed, make
        self.clock = Clock()
        self.told = 0.0

    def run(self, specs: Sequence[RunSpec]) -> Outcomes:
        """The results of all runs, in the order in which they were given. A run that fails does not stop the others.

        Raises:
            KeyboardInterrupt: passed on when the processes have saved their state and ended.
        """
        wanted = list({spec.name: spec for spec in specs}.values())
        outcomes: Outcomes = {}
        waiting = deque(spec for spec in wanted if not self._there(spec, outcomes))
        if outcomes:
            say(f"{len(outcomes)} of {len(wanted)} runs are there already.")
        running: dict[int, Running] = {}
        try:
            while waiting or running:
                for number, slot in enumerate(self.slots):
                    if number not in running and waiting:
                        running[number] = self._start(waiting.popleft(), slot)
                time.sleep(POLL_SECONDS)
                for number in [at for at, one in running.items() if one.process.poll() is not None]:
                    ended = running.pop(number)
                    outcomes[ended.spec.name] = self._outcome(ended)
                    self._tell(waiting, running)
                if time.monotonic() - self.told >= TELL_SECONDS:
                    self._tell(waiting, running)
        finally:
            stop([one.process for one in running.values()])
        return {spec.name: outcomes[spec.name] for spec in wanted}

    def _there(self, spec: RunSpec, outcomes: Outcomes) -> bool:
        result = result_of(spec, self.home)
        if result is not None and result["status"] == "failed" and self.retry_failed:
            forget(spec, self.home)
            return False
        if result is not None:
            self.clock.learn(spec, result)
            outcomes[spec.name] = result
        return result is not None

    def _start(self, spec: RunSpec, slot: Slot) -> Running:
        file = spec.write(self.home)
        (file.parent / PROGRESS).unlink(missing_ok=True)
        say(f"{spec.title}: begun ({spec.name})")
        with (file.parent / LOG).open("ab") as log:
            process = subprocess.Popen(
                self.make(file),
                cwd=PROJECT,
                env={**os.environ, **slot.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to this process, which asks the others to save their state
            )
        return Running(spec, process, time.monotonic())

    def _outcome(self, ended: Running) -> dict[str, Any]:
        result = result_of(ended.spec, self.home)
        if result is None:
            lines = (ended.spec.folder(self.home) / LOG).read_text("utf-8", "replace").strip().splitlines()
            last = lines[-1][:300] if lines else "no message"
            result = {"status": "unfinished", "error": f"ended with code {ended.process.returncode}: {last}"}
        self.clock.learn(ended.spec, result)
        say(f"{ended.spec.title}: {_ending(result)}")
        return result

    def _tell(self, waiting: "deque[RunSpec]", running: dict[int, Running]) -> None:
        self.told = time.monotonic()
        for one in running.values():
            say(f"{one.spec.title}: {self._place(one.spec)}")
        if waiting or running:
            elapsed = [(one.spec, self.told - one.began) for one in running.values()]
            left = self.clock.left(waiting, elapsed, len(self.slots))
            say(f"{len(running)} running, {len(waiting)} waiting; {left}")

    def _place(self, spec: RunSpec) -> str:
        try:
            told = json.loads((spec.folder(self.home) / PROGRESS).read_text("utf-8"))
        except (OSError, ValueError):
            return "starting"
        return f"{told['step']} of {told['total']}, {told['message']}"


def stop(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Ask processes to save their state and leave; end those that do not."""
    if processes:
        say("Stopping; the same call goes on from here.")
    with suppress(KeyboardInterrupt):  # a second Ctrl-C: at once
        for one in processes:
            one.send_signal(signal.SIGTERM)
        until = time.monotonic() + GRACE_SECONDS
        for one in processes:
            with suppress(subprocess.TimeoutExpired):
                one.wait(max(0.0, until - time.monotonic()))
    for one in processes:
        if one.poll() is None:
            one.kill()
            one.wait()


def say(line: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _ending(result: dict[str, Any]) -> str:
    if result["status"] != "done":
        return f"{result['status']}: {result['error']}"
    accuracies = (f"{split} {100 * report['accuracy']:.1f} %" for split, report in result["evaluations"].items())
    cid = result["diagnosis"]["cid"]
    told = [*accuracies, "CID undefined" if cid is None else f"CID {cid:.3f}"]
    failed = ", failed to fit" if result["failed_to_fit"] else ""
    return f"done in {result['seconds']['training']:.0f} s, {', '.join(told)}{failed}"
