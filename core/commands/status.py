"""`status`: what needs attention, and how much there is of everything."""

import argparse
from typing import Any

from core.actions.attention import attention, dismiss, show_again
from core.commands.console import Console
from core.store import queries


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    status = commands.add_parser("status", parents=[common], help="what needs attention, and what to do about it")
    which = status.add_mutually_exclusive_group()
    which.add_argument("--dismiss", metavar="KEY", help="put a line away until what it is about changes")
    which.add_argument("--all", action="store_true", help="tell everything again that was put away")
    status.set_defaults(command=_status)


def _status(options: argparse.Namespace, console: Console) -> None:
    if options.dismiss is not None:
        dismiss(console.store, options.dismiss)
    if options.all:
        show_again(console.store)
    looked = attention(console.store, console.settings)
    found = looked.notices
    counts = queries.counts(console.store)
    jobs = counts["jobs"]
    lines = [
        f"{counts['datasets']} data sets, {counts['runs']} runs, {counts['diagnoses']} diagnoses; "
        f"{jobs.get('running', 0)} jobs run, {jobs.get('queued', 0)} wait",
    ]
    for one in found:
        lines += ["", f"! {one.text}"]
        lines += [f"  {one.detail}"] if one.detail else []
        lines += [f"  → {one.cure}"] if one.cure else []
        lines += [f"  put it away: python -m core status --dismiss {one.key}"] if one.dismissible else []
    if not found:
        lines.append("nothing needs attention")
    if looked.away:
        lines += ["", f"put away: {len(looked.away)}; tell them again with: python -m core status --all"]
    console.answer(
        {"counts": counts, "attention": [one.to_dict() for one in found], "put_away": len(looked.away)}, *lines
    )
