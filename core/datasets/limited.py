"""Run one piece of work on untrusted input in a process with a time limit and a memory limit.

The child (`core.datasets.reading.child`) starts in a few hundredths of a second: it imports the standard library, and
pyarrow only for a parquet file. Questions and answers are JSON files in a private folder, never pickles.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.datasets.errors import DataError
from core.datasets.reading.child import OUT_OF_MEMORY
from core.system import on_windows
from core.system.processes import kill_tree, tree_memory

_ROOT = str(Path(__file__).resolve().parents[2])
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from core.datasets.reading.child import main; main(sys.argv[2])"
)
_KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# Linux holds a process to RLIMIT_AS, which the child sets itself; macOS and Windows do not, so there we look ourselves.
_WATCHED = not sys.platform.startswith("linux")

_log = logging.getLogger(__name__)


def run_limited(task: str, request: Mapping[str, Any], *, seconds: float, memory: int) -> list[Any]:
    """The child's answer to `request`: the JSON values that it wrote, one a line.

    `seconds` is wall-clock time, `memory` is in bytes. Raises `DataError` with the child's own sentence, or one that
    names the limit that was passed.
    """
    with tempfile.TemporaryDirectory(prefix="unconfound-", ignore_cleanup_errors=on_windows()) as name:
        folder = Path(name)
        question = {"task": task, "memory": memory, "seconds": seconds, **request}
        (folder / "request.json").write_text(json.dumps(question), encoding="utf-8")
        with (folder / "stderr").open("wb") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOT, json.dumps(_import_path()), name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=name,
                env={key: os.environ[key] for key in _KEPT if key in os.environ}
                | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
            )
            try:
                _wait(child, seconds, memory)
            finally:
                if child.poll() is None:
                    kill_tree(child.pid)
                    child.wait()
        return _answer(folder, child.returncode, memory)


def _import_path() -> list[str]:
    """What this process can import, the project first, whatever the working directory or PYTHONPATH."""
    return [_ROOT, *(os.path.abspath(entry) for entry in sys.path if entry)]


def _wait(child: "subprocess.Popen[bytes]", seconds: float, memory: int) -> None:
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise DataError(f"reading it took longer than {seconds:g} seconds, so it was stopped. Try a smaller file.")
        try:
            child.wait(timeout=min(left, 0.1) if _WATCHED else left)
        except subprocess.TimeoutExpired:
            if _WATCHED and tree_memory(child.pid) > memory:
                raise DataError(_too_much(memory)) from None
        else:
            return


def _answer(folder: Path, returncode: int, memory: int) -> list[Any]:
    answer = folder / "answer.jsonl"
    if returncode == 0 and answer.exists():
        with answer.open(encoding="utf-8", newline="\n") as lines:
            head = json.loads(next(lines))
            if "error" in head:
                raise DataError(head["error"])
            return [json.loads(line) for line in lines]
    _log.error("the reader left with %s: %s", returncode, (folder / "stderr").read_text("utf-8", "replace")[-2000:])
    if returncode == OUT_OF_MEMORY or returncode < 0:  # ended by a signal: with these limits, memory
        raise DataError(_too_much(memory))
    raise DataError("it could not be read: the reader stopped. Check that the file opens elsewhere, and save it anew.")


def _too_much(memory: int) -> str:
    return f"reading it needs more memory than the {memory // 2**20:,} MiB that one file may use. Try a smaller file."
