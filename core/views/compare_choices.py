"""What can be compared: seed groups and single runs, what is chosen where nobody has chosen, and what state they are in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import func, select

from core.store.engine import Store
from core.store.queries import THERE
from core.store.tables import Dataset, Diagnosis, Evaluation, Run

SPLITS = ("dev", "test", "train")
MOST_USUAL = 8
"""Groups that are chosen for a visitor who has chosen nothing; more can be added."""

MOST = 12
"""More at once are neither told apart in a figure nor resampled in a moment."""


@dataclass(frozen=True)
class Choice:
    """A seed group, or a run as a group of one; home: its data set, or the one that its data set is the control of."""

    name: str
    single: bool
    methods: tuple[str, ...]
    dataset: str
    home: str
    on_control: bool
    run_ids: tuple[str, ...]
    statuses: tuple[str, ...]
    demo: bool

    @property
    def done(self) -> int:
        """How many runs have finished."""
        return self.statuses.count("done")

    @property
    def at_work(self) -> int:
        """How many runs wait or train."""
        return sum(status in ("queued", "running") for status in self.statuses)


def choices(store: Store) -> tuple[list[Choice], list[Choice]]:
    """Seed groups and single runs, newest first. A run that has the name of a group cannot be named, and is left out."""
    columns = (Run.id, Run.name, Run.group, Run.method, Run.status, Run.demo, Run.dataset_id)
    statement = (
        select(*columns, Dataset.name.label("dataset"), func.coalesce(Dataset.control_of, Dataset.id).label("home"))
        .join(Dataset, Dataset.id == Run.dataset_id)
        .where(THERE)
        .order_by(Run.created_at.desc(), Run.id)
    )
    with store.reading() as session:
        rows = session.execute(statement).all()
    members: dict[str, list[Any]] = {}
    for row in rows:
        if row.group is not None:
            members.setdefault(row.group, []).append(row)
    groups = [_choice(name, of_group, single=False) for name, of_group in members.items()]
    return groups, [_choice(row.name, [row], single=True) for row in rows if row.name not in members]


def _choice(name: str, rows: Sequence[Any], *, single: bool) -> Choice:
    return Choice(
        name=name,
        single=single,
        methods=tuple(dict.fromkeys(row.method for row in rows)),
        dataset=", ".join(dict.fromkeys(row.dataset for row in rows)),
        home=rows[0].home,
        on_control=all(row.home != row.dataset_id for row in rows),
        run_ids=tuple(row.id for row in rows),
        statuses=tuple(row.status for row in rows),
        demo=all(row.demo for row in rows),
    )


def usual(groups: Sequence[Choice], runs: Sequence[Choice], about: Choice | None = None) -> list[Choice]:
    """Finished groups of the newest data set and its control, or its single runs where no group has finished.

    about: what they are wanted for; it is among them, and its data set is meant. Plain finetuning, which the others are
    measured against, comes first, the control last.
    """
    beside = [
        one for one in (*groups, *runs) if about is None or (one.home == about.home and one.single == about.single)
    ]
    ready = [one for one in beside if one.done]
    if not ready:
        return [about] if about is not None else []
    first = about or next((one for one in ready if not one.single), ready[0])
    same = [one for one in ready if one.home == first.home and one.single == first.single and one != first]
    newest: dict[tuple[object, ...], Choice] = {}
    for one in [first, *same]:
        newest.setdefault((one.on_control, one.methods), one)
    again = [one for one in same if one not in newest.values()]  # of a method that is there already
    there = [first, *(one for one in newest.values() if one != first), *again]
    return sorted(there[:MOST_USUAL], key=lambda one: (one.on_control, one.methods != ("finetune",)))


def splits_of(store: Store, chosen: Sequence[Choice]) -> dict[str, tuple[str, ...]]:
    """Split → names of the choices that have a finished run with an evaluation on it; dev before test before train."""
    owner = {run_id: one.name for one in chosen for run_id in one.run_ids}
    statement = (
        select(Evaluation.split, Evaluation.run_id)
        .join(Run, Run.id == Evaluation.run_id)
        .where(Evaluation.run_id.in_(owner), Evaluation.split.in_(SPLITS), Run.status == "done")
        .distinct()
    )
    with store.reading() as session:
        rows = sorted(session.execute(statement).all(), key=lambda row: (SPLITS.index(row.split), row.run_id))
    found = {split: {owner[row.run_id] for row in of} for split, of in groupby(rows, key=lambda row: row.split)}
    return {split: tuple(one.name for one in chosen if one.name in there) for split, there in found.items()}


def state_of(store: Store, chosen: Sequence[Choice]) -> tuple[Any, ...]:
    """What a comparison of these depends on: when it is the same again, so is the comparison.

    Their runs, what was measured of the finished ones, and how many runs there are of their data sets (of which
    configurations are counted).
    """
    ids = [run_id for one in chosen for run_id in one.run_ids]
    of_runs = (Run.id, Run.name, Run.status, Run.failed_to_fit, Run.seconds, Run.error)
    homes = select(Run.dataset_id).where(Run.id.in_(ids))
    with store.reading() as session:
        runs = session.execute(select(*of_runs).where(Run.id.in_(ids)).order_by(Run.id)).all()
        there = session.scalar(select(func.count()).select_from(Run).where(Run.dataset_id.in_(homes), THERE))
        done = [row.id for row in runs if row.status == "done"]
        measured = [
            session.execute(
                select(table.run_id, func.count(), func.max(table.created_at))
                .where(table.run_id.in_(done))
                .group_by(table.run_id)
                .order_by(table.run_id)
            ).all()
            for table in (Evaluation, Diagnosis)
        ]
    return (tuple(map(tuple, runs)), there, *(tuple(map(tuple, rows)) for rows in measured))
