"""The list of runs as a person looks through it: which lines, in which order. Overview and `run list` ask the same."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.store import queries
from core.store.engine import Store
from core.store.queries import RunRow

STATES = ("queued", "running", "done", "unfit", "failed", "cancelled", "demo")


def state(run: RunRow) -> str:
    """One of `STATES`: the status, but for a demo and for a run that has not learned its training set."""
    return "demo" if run.demo else "unfit" if run.failed_to_fit else run.status


def _number(get: Callable[[RunRow], float | None], *, falling: bool) -> Callable[[RunRow], Any]:
    """Runs without the number come last."""

    def key(run: RunRow) -> tuple[bool, float]:
        value = get(run)
        return (value is None, 0.0 if value is None else -value if falling else value)

    return key


SORTS: dict[str, Callable[[RunRow], Any]] = {
    "newest": lambda run: -run.created_at.timestamp(),
    "oldest": lambda run: run.created_at.timestamp(),
    "name": lambda run: run.name.casefold(),
    "accuracy": _number(lambda run: run.accuracy, falling=True),
    "worst": _number(lambda run: run.worst_cell, falling=False),
    "cid": _number(lambda run: run.cid, falling=True),
}


def look_through(
    store: Store,
    runs: Sequence[RunRow],
    *,
    find: str = "",
    dataset: str | None = None,
    method: str | None = None,
    status: str | None = None,
    sort: str = "newest",
    titles: Mapping[str, str] | None = None,
) -> list[RunRow]:
    """The runs that have all that is asked for, sorted.

    Args:
        find: words that a run has in its name, id, data set, method, seed group or note, whatever their case.
        dataset: name or id. method: as it is stored. status: one of `STATES`. sort: one of `SORTS`.
        titles: what methods are called on pages, to be found by that too.
    """
    kept = [
        run
        for run in runs
        if (dataset is None or dataset in (run.dataset, run.dataset_id))
        and (method is None or run.method == method)
        and (status is None or state(run) == status)
    ]
    for word in find.casefold().split():
        noted = queries.runs_noting(store, word)
        kept = [run for run in kept if run.id in noted or word in _text(run, titles or {})]
    return sorted(kept, key=SORTS.get(sort, SORTS["newest"]))


def _text(run: RunRow, titles: Mapping[str, str]) -> str:
    parts = (run.name, run.id, run.dataset, run.method, titles.get(run.method, ""), run.group or "")
    return " ".join(parts).casefold()
