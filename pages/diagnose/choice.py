"""From the address to rows of the store: which run, checkpoint and diagnosis are meant, and what could not be found."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import UserError
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Run
from core.views.diagnoses import Point, RunChoice, points
from pages.diagnose.link import Link


@dataclass(frozen=True)
class Choice:
    """What the page shows. `point` is None where the checkpoint has no diagnosis yet."""

    run: Run
    checkpoints: Sequence[Checkpoint]
    points: Sequence[Point]
    step: int | None
    point: Point | None
    notice: str | None

    @property
    def steps(self) -> list[int]:
        """Steps that can be chosen: with a checkpoint or with a diagnosis."""
        return sorted({one.step for one in self.checkpoints} | {one.step for one in self.points})


def choose(store: Store, runs: Sequence[RunChoice], link: Link) -> Choice:
    """What the link means; where it names something that is not there, the nearest thing and a notice.

    `runs` is not empty.
    """
    run, notice = _run(store, runs, link)
    there, found = queries.checkpoints(store, run.id), points(store, run.id)
    if link.diagnosis is not None and notice is None:
        point = next((one for one in found if one.id == link.diagnosis), None)
        if point is not None:
            return Choice(run, there, found, point.step, point, None)
        notice = "The diagnosis that this link names is not in the store any more. This is the newest of the run."
    last = found[-1].step if found else there[-1].step if there else None
    step = last
    if link.step is not None and link.step != "final":
        known = {str(one.step): one.step for one in (*there, *found)}
        step = known.get(link.step, last)
        if link.step not in known and notice is None:
            notice = "The run has no checkpoint at the step that this link names. This is its last."
    here = [one for one in found if one.step == step]
    newest = max(here, key=lambda one: one.created_at, default=None)
    return Choice(run, there, found, step, newest, notice)


def _run(store: Store, runs: Sequence[RunChoice], link: Link) -> tuple[Run, str | None]:
    notice = None
    if link.diagnosis is not None:
        try:
            return queries.get_run(store, queries.get_diagnosis(store, link.diagnosis).run_id), None
        except UserError:
            notice = "The diagnosis that this link names is not in the store any more."
    if link.run is not None:
        named = next((one for one in runs if link.run in (one.id, one.name)), None)
        if named is not None:
            return queries.get_run(store, named.id), notice
        notice = "The run that this link names is not in the store. Choose another below."
    newest = next((one for one in runs if one.diagnoses), runs[0])
    return queries.get_run(store, newest.id), notice
