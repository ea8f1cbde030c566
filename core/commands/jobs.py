"""`jobs list|show|logs|cancel|retry|delete` and `worker`."""

import argparse
import sys
from typing import Any

from core.actions.deleting import delete_job
from core.actions.summaries import job_summary
from core.commands.console import Console, percent, table
from core.jobs.devices import devices
from core.jobs.launch import ensure_worker
from core.jobs.queue import request_cancel, retry
from core.jobs.supervisor import Supervisor, log_path
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
    worker = commands.add_parser("worker", parents=[common], help="work off the queue in this process")
    worker.add_argument(
        "--idle-exit",
        type=float,
        metavar="SECONDS",
        help="leave after this long with nothing to do and no dashboard up",
    )
    worker.set_defaults(command=_worker)


def _list(options: argparse.Namespace, console: Console) -> None:
    rows = queries.list_jobs(console.store, active=options.active)
    lines = table(
        [
            [row.id, row.kind, row.run or "–", row.status, percent(row.progress), row.error or row.message]
            for row in rows
        ],
        ["id", "kind", "run", "status", "progress", "message"],
    )
    console.answer({"jobs": [job_summary(row) for row in rows]}, *lines)


def _show(options: argparse.Namespace, console: Console) -> None:
    report = job_summary(queries.get_job(console.store, options.id))
    console.answer(report, *(f"{key}: {value}" for key, value in report.items()))


def _logs(options: argparse.Namespace, console: Console) -> None:
    job = queries.get_job(console.store, options.id)
    path = log_path(console.store, job.id)
    text = path.read_text(errors="replace") if path.exists() else ""
    console.answer({"job": job.id, "log": text}, text or "(nothing was printed yet)")


def _cancel(options: argparse.Namespace, console: Console) -> None:
    status = request_cancel(console.store, options.id)
    console.answer({"job": options.id, "status": status}, "cancelled" if status == "cancelled" else "asked to stop")


def _retry(options: argparse.Namespace, console: Console) -> None:
    retry(console.store, options.id)
    ensure_worker(console.settings)
    console.answer({"job": options.id, "status": "queued"}, "queued again")


def _delete(options: argparse.Namespace, console: Console) -> None:
    delete_job(console.store, options.id)
    console.answer({"job": options.id, "deleted": True}, "deleted")


def _worker(options: argparse.Namespace, console: Console) -> None:
    print(f"worker on {devices()[0].title}, store {console.settings.home.resolve()}", file=sys.stderr)
    ran = Supervisor(console.settings, idle_seconds=options.idle_exit).run()
    console.answer({"worker": ran}, "stopped" if ran else "another worker looks after this store already")
