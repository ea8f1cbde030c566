"""How a command speaks: one JSON object or plain lines, and progress where it cannot be mistaken for a result."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from core.actions.waiting import wait_for
from core.settings import Settings
from core.store.engine import Store
from core.store.tables import Job


class JobFailedError(Exception):
    """The work was accepted but did not succeed; `report` is what is known of it."""

    def __init__(self, message: str, report: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True)
class Console:
    """Where a command reads its state and prints its answer."""

    store: Store
    settings: Settings
    as_json: bool

    def answer(self, report: dict[str, Any], *lines: str) -> None:
        """Print the result: the object with `--json`, else the lines."""
        if self.as_json:
            print(json.dumps(report, ensure_ascii=False))
        else:
            print("\n".join(lines))

    def tell(self, progress: float, message: str) -> None:
        """A line of progress, on standard error."""
        print(f"{100 * progress:5.1f} %  {message}", file=sys.stderr)

    def wait(self, job: Job, what: str) -> Job:
        """Wait for a job to be done.

        Raises:
            JobFailedError: it failed or was cancelled.
        """
        ended = wait_for(self.store, self.settings, job.id, tell=self.tell)
        if ended.status != "done":
            reason = ended.error or ended.message or "no reason was recorded"
            raise JobFailedError(
                f"{what} {ended.status}: {reason} (log: python -m core jobs logs {ended.id})",
                {"job": ended.id, "status": ended.status, "error": ended.error},
            )
        return ended


def table(rows: list[list[str]], header: list[str]) -> list[str]:
    """Rows as aligned lines under a header."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def percent(value: float | None) -> str:
    """0.785 as `78.5 %`; nothing as a dash."""
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 3) -> str:
    """A number with a fixed count of decimals; nothing as a dash."""
    return "–" if value is None else f"{value:.{digits}f}"
