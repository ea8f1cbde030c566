"""`doctor`: is the store whole, and set up so that it works?"""

import argparse
from typing import Any

from core.actions.doctor.check import check_store
from core.commands.console import Console, JobFailedError

_SIGNS = {"ok": "  ok", "note": "note", "problem": "  !!"}


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    doctor = commands.add_parser(
        "doctor",
        parents=[common],
        help="check database, files, devices, encoders, disk and settings; exit code 1: a problem",
    )
    doctor.add_argument(
        "--mend", action="store_true", help="put files that no row names aside, and remove half-written ones"
    )
    doctor.set_defaults(command=_doctor, migrate=False)


def _doctor(options: argparse.Namespace, console: Console) -> None:
    found = check_store(console.store, console.settings, mend=options.mend)
    problems = [one for one in found if one.level == "problem"]
    report = {"healthy": not problems, "findings": [one.to_dict() for one in found]}
    lines = []
    for one in found:
        lines.append(f"{_SIGNS[one.level]}  {one.check}: {one.sentence}")
        lines += [f"      → {one.cure}"] if one.cure else []
        lines += [f"        {thing}" for thing in one.things]
    if not problems or not console.as_json:
        console.answer(report, *lines)
    if problems:
        raise JobFailedError(f"{len(problems)} of {len(found)} findings are problems", report)
