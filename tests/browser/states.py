"""Stores in every state, and the addresses of every page over them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from core.actions.annotating import set_note
from core.jobs import queue
from core.settings import Settings
from core.store import queries
from core.store.engine import Store, open_store
from core.store.tables import Dataset, Job, Run, now
from tests.browser.server import Dashboard, serving
from tests.pages.synthetic import HOSTILE, STEPS, add_dataset, add_diagnosis, add_rounds, add_run, fill

NAME = "<script>alert(1)</script><img src=x onerror=alert(2)> **b** [a](javascript:alert(3)) :smile: $x$ ‮"
OTHER_NAME = "![p](https://example.invalid/pixel.png) www.example.invalid <b>b</b> هذا نص 👩‍👩‍👧‍👦 %{x}"


READS = {
    "overview": {"chosen", "find"},
    "data": {"dataset"},
    "train": {"run"},
    "diagnose": {"run", "diagnosis", "bin", "find"},
    "tune": {"run"},
    "compare": {"runs"},
    "try_it": {"run"},
    "jobs": {"job"},
}
"""Which of the states' parameters each page reads."""


@dataclass(frozen=True)
class State:
    """Something that a store can be in, and the query parameters that bring it up on whatever page."""

    name: str
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class House:
    """A dashboard over a store, and the states that can be seen in it."""

    dashboard: Dashboard
    states: tuple[State, ...]

    def addresses(self, page: str) -> Iterator[tuple[str, str]]:
        """A page alone, and for every state with the names of what there is to see; it reads those that it knows."""
        url = f"{self.dashboard.url}/{path_of(page)}"
        yield "alone", url
        seen: list[dict[str, str]] = [{}]
        for state in self.states:
            read = {name: value for name, value in state.named.items() if name in READS[page]}
            if read not in seen:  # a data set looks the same, whatever became of its runs
                seen.append(read)
                yield state.name, f"{url}?{urlencode(read)}"


def path_of(page: str) -> str:
    """The address of a page by the name of its folder."""
    return {"overview": "", "try_it": "try"}.get(page, page)


def named(run: Run, job: Job | None = None, **more: str) -> dict[str, str]:
    """The parameters that bring up a run, its data set and its job on whatever page."""
    found = {"run": run.id, "dataset": run.dataset_id, "chosen": run.id, "runs": run.id}
    return {**found, **({"job": job.id} if job else {}), **more}


@contextmanager
def empty_house(home: Path) -> Iterator[House]:
    """Nothing, not even the demo."""
    with serving(home, UNCONFOUND_DEMO="false") as dashboard:
        yield House(dashboard, (State("empty"),))


@contextmanager
def demo_house(home: Path) -> Iterator[House]:
    """What a newcomer has."""
    with serving(home) as dashboard:
        [*_, run] = sorted(queries.list_runs(dashboard.store), key=lambda one: one.cid or 0.0)
        there = queries.get_run(dashboard.store, run.id)
        yield House(dashboard, (State("demo", named(there)),))


@contextmanager
def full_house(home: Path) -> Iterator[House]:
    """Runs that are done, treated, at work, failed and hostile, side by side."""
    home.mkdir(parents=True, exist_ok=True)
    store = open_store(Settings(home=home))
    store.migrate()
    queue.pause(store)  # the worker looks on
    filled = fill(store)
    treated = add_run(
        store, filled.dataset, "treated-once", method="influence-tuning", parent=(filled.run, STEPS[-1]), accuracy=0.85
    )
    add_rounds(store, treated, after=(0,))
    add_diagnosis(store, treated, step=STEPS[-1], effect=0.02)
    states = (
        State("done", named(filled.run)),
        State("treated", named(treated, runs=filled.run.id)),
        _running(store, filled.dataset),
        _failed(store, filled.dataset),
        *(_hostile(store, name) for name in (NAME, OTHER_NAME)),
    )
    store.engine.dispose()
    with serving(home, UNCONFOUND_DEMO="false") as dashboard:
        yield House(dashboard, states)


HOUSES: dict[str, Callable[[Path], AbstractContextManager[House]]] = {
    "empty": empty_house,
    "demo": demo_house,
    "full": full_house,
}


def _running(store: Store, dataset: Dataset) -> State:
    run = add_run(store, dataset, "at-work", status="running", steps=STEPS[:2])
    job = _job(store, run, status="running", progress=0.3, message="Epoch 4 of 10", started_at=now())
    _job(store, run, kind="diagnose", message="")
    return State("running", named(run, job))


def _failed(store: Store, dataset: Dataset) -> State:
    error = "There was not enough memory, even with one example at a time. Choose a smaller encoder."
    run = add_run(store, dataset, "broken", status="failed", steps=(), error=error)
    job = _job(store, run, status="failed", error=error, finished_at=now())
    half = add_run(store, dataset, "half-diagnosed")
    _job(store, half, kind="diagnose", status="failed", error=error, finished_at=now())
    return State("failed", named(run, job, runs=half.id))


def _hostile(store: Store, name: str) -> State:
    dataset = add_dataset(store, name[:110], n_train=300, n_dev=80, hostile=True)
    run = add_run(store, dataset, name[:110], accuracy=0.8)
    diagnosis = add_diagnosis(store, run, step=STEPS[-1], effect=0.2, probes=16, source="dev")
    set_note(store, run, "\n\n".join(HOSTILE[:5]) + "\n\n# Loud")
    broken = add_run(store, dataset, f"{name[:100]} 2", status="failed", steps=(), error=name * 3)
    job = _job(store, broken, status="failed", error=name * 3, message=name, finished_at=now())
    return State("hostile", named(run, job, diagnosis=diagnosis.id, bin="2-30", find="word"))


def _job(store: Store, run: Run, kind: str = "train", **values: object) -> Job:
    job = Job(kind=kind, payload={}, run_id=run.id, created_at=now() - timedelta(minutes=3))
    for name, value in values.items():
        setattr(job, name, value)
    with store.writing() as session:
        session.add(job)
    return job
