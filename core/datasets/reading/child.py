"""The limited process: sets its own limits, does one task, writes one answer."""

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.datasets.errors import DataError
from core.datasets.reading.matching import match, spans
from core.datasets.reading.table import read

# The exit status of a process that ran out of memory: there may be too little left to write a sentence with.
OUT_OF_MEMORY = 77

TASKS: dict[str, Callable[[dict[str, Any]], Iterable[Any]]] = {"read": read, "match": match, "spans": spans}


def main(folder: str) -> None:
    """Answer `folder/request.json` in `folder/answer.jsonl`: a head line, then one JSON value a line.

    Leaves with `OUT_OF_MEMORY` when the limit on memory is passed.
    """
    request = json.loads(Path(folder, "request.json").read_text(encoding="utf-8"))
    _limit(request["memory"], request["seconds"])
    answer = Path(folder, "answer.jsonl")
    try:
        values = TASKS[request["task"]](request)
        with answer.open("w", encoding="utf-8", newline="\n") as out:
            out.write("{}\n")
            for value in values:
                out.write(json.dumps(value, ensure_ascii=False) + "\n")
    except DataError as error:
        answer.write_text(json.dumps({"error": str(error)}) + "\n", encoding="utf-8")
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _limit(memory: int, seconds: float) -> None:
    """Bind this process where the system can (the parent watches the clock everywhere, and memory off Linux)."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        if sys.platform.startswith("linux"):
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
