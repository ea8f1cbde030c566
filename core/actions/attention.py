"""What a person should look at, worked out once: Overview draws it, `python -m core status` prints it.

Seeds of one group are told together. Every line names what it is about in its key, so that it can be put away, and so
that something new (another diagnosis, another failure) is told again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import psutil
from sqlalchemy import case, delete, select

from core.actions.deleting import list_deleted
from core.jobs import queue
from core.settings import MEBI, Settings
from core.store import queries
from core.store.engine import Store, take_turn
from core.store.queries import RunRow
from core.store.tables import Dismissal, Job

Kind = Literal[
    "no_worker", "paused", "disk", "hung", "interrupted", "job_failed", "confounded", "unfit", "failed", "undiagnosed"
]
LONGEST_KEY = 160
LOOKED_AT = 300
"""Ended jobs that are looked at for failures, the newest."""
_TITLES = {"train": "training", "diagnose": "diagnosis", "evaluate": "evaluation"}


@dataclass(frozen=True)
class Notice:
    """One thing to look at.

    about: the name of the run or group that the sentence goes on from; "" where it stands alone.
    sentence, detail: plain text. cure: a command that does something about it.
    runs: (id, name) of the runs meant, the newest first. dismissible: whether it can be put away; not what stops work.
    """

    key: str
    kind: Kind
    about: str
    sentence: str
    detail: str = ""
    cure: str = ""
    runs: tuple[tuple[str, str], ...] = ()
    job: str | None = None
    dismissible: bool = True

    @property
    def text(self) -> str:
        """The whole sentence."""
        return f"{self.about} {self.sentence}" if self.about else self.sentence

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "runs": [name for _, name in self.runs], "text": self.text}


@dataclass(frozen=True)
class Attention:
    """What needs attention, what stops work first; and what was put away."""

    notices: tuple[Notice, ...]
    away: tuple[Notice, ...]


def attention(store: Store, settings: Settings, runs: Sequence[RunRow] | None = None) -> Attention:
    """Look at everything. The demo's runs are left out.

    Args:
        runs: every run, where the caller has read them already.
    """
    own = [run for run in (queries.list_runs(store) if runs is None else runs) if not run.demo]
    found = [
        *_stopped(store, settings),
        *_jobs(store, settings),
        *_grouped(own, "confounded", lambda run: run.verdict == "confounded"),
        *_grouped(own, "unfit", lambda run: run.failed_to_fit),
        *_grouped(own, "failed", lambda run: run.status == "failed"),
        *_undiagnosed(store, own),
    ]
    with store.reading() as session:
        keys = set(session.scalars(select(Dismissal.key)))
    away = tuple(one for one in found if one.dismissible and one.key in keys)
    return Attention(tuple(one for one in found if one not in away), away)


def dismiss(store: Store, key: str) -> None:
    """Put a line away until what it is about changes."""
    with store.writing() as session:
        take_turn(session)
        if session.get(Dismissal, key[:LONGEST_KEY]) is None:
            session.add(Dismissal(key=key[:LONGEST_KEY]))


def show_again(store: Store) -> int:
    """Tell everything again that was put away. Returns how many lines were."""
    with store.writing() as session:
        keys = session.scalars(select(Dismissal.key)).all()
        session.execute(delete(Dismissal))
    return len(keys)


# --- what stops work ---


def _stopped(store: Store, settings: Settings) -> list[Notice]:
    found = []
    waiting = queue.is_waiting(store)
    pause = queue.paused(store)
    if pause is not None:
        by = f" by {pause.who}" if pause.who else ""
        found.append(
            Notice(
                "paused",
                "paused",
                "",
                f"The queue is paused since {pause.since:%Y-%m-%d %H:%M} UTC{by}: no job is started.",
                detail=pause.why or "",
                cure="python -m core jobs resume",
                dismissible=False,
            )
        )
    if waiting and not queries.live_workers(store):
        found.append(
            Notice(
                "no_worker",
                "no_worker",
                "",
                "Jobs wait, but no worker is alive.",
                cure="python -m core worker",
                dismissible=False,
            )
        )
    return [*found, *_disk(store, settings, waiting)]


def _disk(store: Store, settings: Settings, waiting: bool) -> list[Notice]:
    free = int(psutil.disk_usage(str(settings.home)).free) // MEBI
    if free >= 2 * settings.min_free_mb:
        return []
    freed = sum(one.bytes for one in list_deleted(store, settings))
    could = f" Deleted runs hold {freed / 1e6:,.0f} MB that can be freed at once." if freed else ""
    cure = "python -m core run list --deleted, then run delete --now" if freed else ""
    needed = f"{settings.min_free_mb:,} MiB are needed to start a job."
    if free >= settings.min_free_mb:
        sentence = f"The disk is nearly full: {free:,} MiB are free, {needed}"
    elif waiting:
        sentence = f"Jobs wait for disk space: {free:,} MiB are free, {needed}"
    else:
        sentence = f"The disk is full: {free:,} MiB are free, {needed}"
    return [
        Notice(
            "disk", "disk", "", sentence, f"Delete runs or data sets that nobody needs.{could}", cure, dismissible=False
        )
    ]


# --- jobs ---


def _jobs(store: Store, settings: Settings) -> list[Notice]:
    found = []
    names = {job.id: job for job in queries.list_jobs(store, active=True)}
    for job_id, minutes in queue.hung(store, settings.hung_minutes).items():
        job = names.get(job_id)
        if job is None:
            continue
        found.append(
            Notice(
                f"hung:{job_id}",
                "hung",
                _what(job.kind, job.run),
                f"has made no progress for {minutes:.0f} minutes and seems to hang.",
                f"It is ended and tried again after {settings.hung_end_minutes:.0f} minutes; its log may tell what it waits for.",
                f"python -m core jobs logs {job_id}",
                job=job_id,
                dismissible=False,
            )
        )
    with store.reading() as session:
        again = session.execute(
            select(Job.id, Job.attempts, Job.max_attempts).where(
                Job.status.not_in(queries.ENDED), Job.attempts > case((Job.status == "running", 1), else_=0)
            )
        ).all()
    for job_id, attempts, most in again:
        job = names.get(job_id)
        times = attempts - (1 if job is not None and job.status == "running" else 0)
        if job is None or times < 1:
            continue
        found.append(
            Notice(
                f"interrupted:{job_id}:{times}",
                "interrupted",
                _what(job.kind, job.run),
                f"was interrupted {_times(times)} and {'is being tried' if job.status == 'running' else 'waits to be tried'} again.",
                f"It is given up after {most} attempts; its log may tell what happened.",
                f"python -m core jobs logs {job_id}",
                job=job_id,
            )
        )
    return [*found, *_failed_jobs(store)]


def _failed_jobs(store: Store) -> list[Notice]:
    """Diagnoses and evaluations whose last attempt failed; a failed training is its run's own line."""
    by_work: dict[tuple[str, str | None], list[queries.JobRow]] = {}
    for job in queries.list_jobs(store, limit=LOOKED_AT):
        if job.kind != "train":
            by_work.setdefault((job.kind, job.run_id), []).append(job)
    found = []
    for jobs in by_work.values():
        last = jobs[0]
        if last.status != "failed":
            continue
        row = next((place for place, job in enumerate(jobs) if job.status != "failed"), len(jobs))
        found.append(
            Notice(
                f"job:{last.id}",
                "job_failed",
                _what(last.kind, last.run),
                "failed." if row == 1 else f"failed {_times(row)} in a row.",
                last.error or "",
                f"python -m core jobs logs {last.id}",
                job=last.id,
            )
        )
    return found


def _what(kind: str, run: str | None) -> str:
    title = _TITLES.get(kind, kind)
    return f"The {title} of {run}" if run else f"A {title}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


# --- runs ---

_SAYS: dict[str, tuple[str, str, str]] = {
    "confounded": ("leans on the confound.", "lean on the confound.", "python -m core run show"),
    "unfit": (
        "has not learned its training set; its other numbers say nothing.",
        "have not learned their training set; their other numbers say nothing.",
        "python -m core run show",
    ),
    "failed": ("failed; its log says why.", "failed; their logs say why.", "python -m core jobs list"),
}


def _grouped(runs: Sequence[RunRow], kind: Kind, chosen: Any) -> Iterable[Notice]:
    """One line a run, or one for all the seeds of a group that have it in common."""
    together: dict[str, list[RunRow]] = {}
    for run in runs:
        if chosen(run):
            together.setdefault(f"group {run.group}" if run.group else run.id, []).append(run)
    one_says, many_say, cure = _SAYS[kind]
    for there in together.values():
        mark = max(one.diagnosis or one.id for one in there) if kind == "confounded" else there[0].id
        key = f"{kind}:{len(there)}:{mark}"
        pairs = tuple((one.id, one.name) for one in there)
        group = there[0].group
        if len(there) == 1 or group is None:
            first = there[0]
            detail = (first.sentence or "") if kind == "confounded" else ""
            yield Notice(
                key, kind, first.name, one_says, detail, f"{cure} {first.name}" if "show" in cure else cure, pairs
            )
            continue
        all_seeds = [run for run in runs if run.group == group]
        of = f"All {len(there)} seeds of" if len(there) == len(all_seeds) else f"{_words(len(there))} seeds of"
        cids = [one.cid for one in there if one.cid is not None]
        seeds = [str(seed) for seed in sorted(one.seed for one in there)]
        detail = f"Seeds {', '.join(seeds[:12])}{' …' if len(seeds) > 12 else ''}."
        if kind == "confounded" and cids:
            detail += f" CID {min(cids):.2f} to {max(cids):.2f}."
        yield Notice(key, kind, f"{of} {group}", many_say, detail, f"python -m core compare {group}", pairs)


def _words(number: int) -> str:
    names = ("Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return names[number - 2] if 2 <= number <= len(names) + 1 else f"{number:,}"


def _undiagnosed(store: Store, runs: Sequence[RunRow]) -> list[Notice]:
    """Finished runs of which nobody knows whether they lean on the confound, on one line."""
    open_ = [run for run in runs if run.status == "done" and run.verdict is None and not run.failed_to_fit]
    if not open_:
        return []
    busy = {job.run_id for job in queries.list_jobs(store, active=True) if job.kind == "diagnose"}
    open_ = [run for run in open_ if run.id not in busy]
    if not open_:
        return []
    pairs = tuple((one.id, one.name) for one in open_)
    key = f"undiagnosed:{len(open_)}:{open_[0].id}"
    cure = f"python -m core diagnose {open_[0].name}"
    if len(open_) == 1:
        sentence = "has finished, but nobody has asked it what it learned from."
        return [Notice(key, "undiagnosed", open_[0].name, sentence, "", cure, pairs)]
    sentence = f"{len(open_):,} runs have finished, but nobody has asked them what they learned from."
    names = ", ".join(one.name for one in open_[:3])
    detail = f"{names}{f' and {len(open_) - 3:,} more' if len(open_) > 3 else ''}."
    return [Notice(key, "undiagnosed", "", sentence, detail, cure, pairs)]
