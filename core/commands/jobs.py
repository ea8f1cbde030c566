"""`jobs list|show|logs|cancel|retry|priority|delete|pause|resume` and `worker`."""

import argparse
import getpass
import os
import sys
from typing import Any

from core.actions.deleting import delete_job
from core.actions.summaries import job_detail, job_summary
from core.commands.console import Console, percent, table
from core.jobs import queue
from core.jobs.devices import devices
from core.jobs.launch import ensure_worker
from core.jobs.logs import read_log
from core.jobs.ray_executor import RayExecutor
from core.jobs.supervisor import Supervisor
from core.settings import PROJECT, get_settings
from core.store import queries


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    group = commands.add_parser("jobs", help="what waits, runs and has ended").add_subparsers(
        required=True, metavar="ACTION"
    )
    listing = group.add_parser("list", parents=[common], help="every job, newest first")
    listing.add_argument("--active", action="store_true", help="only those that wait or run")
    listing.set_defaults(command=_list)
    for name, function, text in (
        ("show", _show, "one job"),
        ("logs", _logs, "what a job printed"),
        ("cancel", _cancel, "stop a job, or take it out of the queue"),
        ("retry", _retry, "queue a failed or cancelled job again"),
        ("delete", _delete, "remove an ended job and its log"),
    ):
        action = group.add_parser(name, parents=[common], help=text)
        action.add_argument("id", help="the job's id")
        action.set_defaults(command=function)
    priority = group.add_parser("priority", parents=[common], help="let a waiting job start sooner or later")
    priority.add_argument("id", help="the job's id")
    priority.add_argument("priority", type=int, help="higher starts first; a new job has 0")
    priority.set_defaults(command=_priority)
    pause = group.add_parser("pause", parents=[common], help="start no more jobs; what runs goes on")
    pause.add_argument("--why", metavar="TEXT", help="for whoever wonders later")
    pause.set_defaults(command=_pause)
    group.add_parser("resume", parents=[common], help="start jobs again").set_defaults(command=_resume)
    worker = commands.add_parser("worker", parents=[common], help="work off the queue in this process")
    worker.add_argument(
        "--idle-exit",
        type=float,
        metavar="SECONDS",
        help="leave after this long with nothing to do and no dashboard up",
    )
    worker.add_argument(
        "--ray",
        metavar="URL",
        help="run jobs on the Ray cluster with this dashboard, such as http://head:8265, not on this machine",
    )
    worker.set_defaults(command=_worker)


def _list(options: argparse.Namespace, console: Console) -> None:
    rows = queries.list_jobs(console.store, active=options.active)
    since = queue.paused_since(console.store)
    silent = queue.hung(console.store, console.settings.hung_minutes)
    lines = table(
        [
            [row.id, row.kind, row.run or "–", row.status, percent(row.progress), row.error or _message(row, silent)]
            for row in rows
        ],
        ["id", "kind", "run", "status", "progress", "message"],
    )
    if since is not None:
        lines.insert(0, f"The queue is paused since {since:%Y-%m-%d %H:%M} UTC; go on with: python -m core jobs resume")
    report = {
        "jobs": [job_summary(row) for row in rows],
        "paused_since": since.isoformat() if since else None,
        "hung": {job_id: round(minutes, 1) for job_id, minutes in silent.items()},
    }
    console.answer(report, *lines)


def _message(row: queries.JobRow, silent: dict[str, float]) -> str:
    if row.id not in silent:
        return row.message
    return f"hung? no progress for {silent[row.id]:.0f} min ({row.message})"


def _pause(options: argparse.Namespace, console: Console) -> None:
    queue.pause(console.store, who=f"{_user()}, by the command line", why=options.why)
    console.answer({"paused": True}, "paused: no more jobs are started; what runs goes on")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return "somebody"


def _resume(_options: argparse.Namespace, console: Console) -> None:
    queue.resume(console.store)
    ensure_worker(console.settings)
    console.answer({"paused": False}, "jobs are started again")


def _priority(options: argparse.Namespace, console: Console) -> None:
    queue.set_priority(console.store, options.id, options.priority)
    console.answer({"job": options.id, "priority": options.priority}, f"priority {options.priority}")


def _show(options: argparse.Namespace, console: Console) -> None:
    report = job_detail(console.store, options.id)
    console.answer(report, *(f"{key}: {value}" for key, value in report.items()))


def _logs(options: argparse.Namespace, console: Console) -> None:
    job = queries.get_job(console.store, options.id)
    text, _bytes = read_log(console.store, job.id)
    console.answer({"job": job.id, "log": text}, text or "(nothing was printed yet)")


def _cancel(options: argparse.Namespace, console: Console) -> None:
    status = queue.request_cancel(console.store, options.id)
    console.answer({"job": options.id, "status": status}, "cancelled" if status == "cancelled" else "asked to stop")


def _retry(options: argparse.Namespace, console: Console) -> None:
    queue.retry(console.store, options.id)
    ensure_worker(console.settings)
    console.answer({"job": options.id, "status": "queued"}, "queued again")


def _delete(options: argparse.Namespace, console: Console) -> None:
    delete_job(console.store, options.id)
    console.answer({"job": options.id, "deleted": True}, "deleted")


def _worker(options: argparse.Namespace, console: Console) -> None:
    if options.ray is not None:
        os.environ["UNCONFOUND_RAY_ADDRESS"] = options.ray
        get_settings.cache_clear()
    settings = get_settings()
    titles = ", ".join(device.title for device in devices())
    place = f"the Ray cluster at {settings.ray_address}" if settings.ray_address else titles
    print(f"worker on {place}, store {settings.home.resolve()}", file=sys.stderr)
    kind = RayExecutor if settings.ray_address else Supervisor
    worker = kind(settings, idle_seconds=options.idle_exit)
    ran = worker.run()
    if worker.outdated and not worker.stopping:
        # The same process, so that whoever watches over it (Docker, systemd, a parent) keeps watching over the new one.
        print("the code has changed; the worker begins anew with it", file=sys.stderr, flush=True)
        os.chdir(PROJECT)
        os.execv(sys.executable, [sys.executable, "-m", "core", *sys.argv[1:]])  # noqa: S606 - this very program
    console.answer({"worker": ran}, "stopped" if ran else "another worker looks after this store already")
