"""`python -m core.jobs.spare`: stand ready for a job, and carry it out when told which; see `core.jobs.spares`.

What is told is one line of JSON on standard input. The end of the input without one means that no job will come.
"""

import json
import os
import sys
from pathlib import Path

from core.jobs.logs import print_into
from core.system.processes import leave


def main() -> int:
    """Import everything, wait, and do what `python -m core.jobs.run` does. Returns its exit code, or 0 without a job."""
    from core.jobs import run

    for kind in run.TASKS:
        run.task_of(kind)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0
    told = json.loads(line)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    print_into(Path(told["log"]))
    os.environ.update(told["environment"])
    return run.main(told["job"])


if __name__ == "__main__":
    leave(main())
