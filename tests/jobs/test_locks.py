"""Locks live as long as the process that holds them, and no longer."""

import subprocess
import sys
import time
from pathlib import Path

from core.jobs.locks import supervisor_lock, try_lock, watch, watched

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
