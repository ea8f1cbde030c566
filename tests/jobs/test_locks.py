"""Locks live as long as the process that holds them, and no longer."""

import os
import subprocess
import sys
import time
from pathlib import Path

from core.jobs.locks import let_go, lock_all, named, supervisor_lock, try_lock, watch, watched

HOLD = """
import sys, time
from pathlib import Path
from core.jobs.locks import supervisor_lock, try_lock, watch
home = Path(sys.argv[1])
lock = supervisor_lock(home)
assert try_lock(lock)
mark = watch(home)
print("held", flush=True)
time.sleep(60)
"""


NAMED = """
import os, subprocess, sys
from core.jobs.locks import lock_named
assert lock_named(os.environ, 0.2)
other = subprocess.Popen([sys.executable, "-c", "input()"], close_fds=False)
print("held", flush=True)
os._exit(0)
"""
"""A job that locks what it was told to, starts another rank and is gone."""


def holder(home: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    return child


def test_a_lock_is_held_by_one_process_and_freed_by_its_death(tmp_path: Path) -> None:
    child = holder(tmp_path)
    assert not try_lock(supervisor_lock(tmp_path))
    assert watched(tmp_path)
    child.kill()
    child.wait()
    deadline = time.monotonic() + 5
    while watched(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not watched(tmp_path)
    assert try_lock(supervisor_lock(tmp_path))


def test_a_released_mark_counts_no_more(tmp_path: Path) -> None:
    mark = watch(tmp_path)
    mark.release()
    assert not watched(tmp_path)


def test_what_a_job_locks_itself_is_held_by_its_ranks_too(tmp_path: Path) -> None:
    devices = [tmp_path / "devices" / "one.lock", tmp_path / "devices" / "two.lock"]
    job = subprocess.Popen(
        [sys.executable, "-c", NAMED],
        env={**os.environ, **named(devices, always=True)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout.readline() == "held\n"
    assert job.wait() == 0
    assert all(lock_all([one]) is None for one in devices)
    job.stdin.close()  # the rank ends
    deadline = time.monotonic() + 5
    while (held := lock_all(devices)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert held is not None
    let_go(held)
