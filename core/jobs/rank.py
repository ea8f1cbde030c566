"""`python -m core.jobs.rank RANK SIZE MEETING PARENT`: one of the processes that help a job's own; see `core.jobs.ranks`."""

import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.jobs.processes import STOPPED, when_orphaned
from core.system.imports import importing
from core.system.processes import leave

if TYPE_CHECKING:
    from core.training.ranks import Ranks

LINGER_SECONDS = 30.0
"""What breaks one rank off most often breaks all; the first one then tells of it, undisturbed by the end of the others."""


def main(rank: int, size: int, meeting: Path, parent: int) -> int:
    """Do what the first rank asks for until it has no more wishes, or is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the first rank has got it too, and says when all are to stop
    when_orphaned(parent, lambda: None, grace=0.0, code=STOPPED)
    with importing():
        from core.training.joined import Joined

    try:
        ranks = Joined(rank, size, meeting)
        while (wish := ranks.first(_nothing)) is not None:
            task, arguments = wish
            _TASKS[task](ranks, **arguments)
        ranks.leave()
    except Exception as error:
        if not isinstance(error, UserError):
            traceback.print_exc()
        time.sleep(LINGER_SECONDS)
        return 1
    return 0


def _nothing() -> tuple[str, dict[str, Any]] | None:
    """What is wished for next is the first rank's to say."""
    return None


def _train(ranks: "Ranks", **arguments: Any) -> None:
    with importing():
        from core.training.recorder import Silent
        from core.training.trainer import train

    train(recorder=Silent(), ranks=ranks, **arguments)


def _influence(ranks: "Ranks", *, model: Path, settings: Any, **arguments: Any) -> None:
    with importing():
        from core.encoders.loading import load_saved
        from core.training.device import choose_machine
        from core.training.diagnosis import influence

    loaded, tokenizer = load_saved(model)
    loaded.to(choose_machine(settings).device)
    influence(loaded, tokenizer, ranks=ranks, max_length=settings.max_length, **arguments)


_TASKS: dict[str, Callable[..., None]] = {"train": _train, "influence": _influence}

if __name__ == "__main__":
    leave(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
