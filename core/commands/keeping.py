"""`run delete|restore|rename|note`"""

import argparse
import sys
from typing import Any

from core.actions.annotating import LONGEST_NOTE, rename_run, set_note
from core.actions.deleting import delete_run, find_deleted, list_deleted, remove_run, restore_run
from core.commands.console import Console, table
from core.store import queries


def add_actions(group: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under `run`."""
    delete = group.add_parser("delete", parents=[common], help="take a run out of every list; it can be brought back")
    delete.add_argument("run", help="name or id of a run; with --now also of a deleted one")
    how = delete.add_mutually_exclusive_group()
    how.add_argument("--cancel", action="store_true", help="cancel the jobs that work on it first")
    how.add_argument("--now", action="store_true", help="remove it for good, with its files; there is no way back")
    delete.set_defaults(command=_delete)
    restore = group.add_parser("restore", parents=[common], help="bring a deleted run back")
    restore.add_argument("run", help="the name it had, or its id; see run list --deleted")
    restore.set_defaults(command=_restore)
    rename = group.add_parser("rename", parents=[common], help="give a run another name")
    rename.add_argument("run", help="name or id of a run")
    rename.add_argument("name", help="the new name")
    rename.set_defaults(command=_rename)
    note = group.add_parser("note", parents=[common], help="keep a note in Markdown on a run, in place of the old one")
    note.add_argument("run", help="name or id of a run")
    note.add_argument(
        "text", help=f"at most {LONGEST_NOTE:,} characters; - reads standard input, an empty text clears it"
    )
    note.set_defaults(command=_note)


def print_deleted(console: Console) -> None:
    """Answer with the runs that can still be brought back."""
    there = list_deleted(console.store, console.settings)
    lines = table(
        [
            [one.name, one.id, f"{one.deleted_at:%Y-%m-%d %H:%M} UTC", f"{one.until:%Y-%m-%d %H:%M} UTC"]
            for one in there
        ],
        ["run", "id", "deleted", "kept until"],
    )
    console.answer({"deleted": [one.to_dict() for one in there]}, *lines)


def _delete(options: argparse.Namespace, console: Console) -> None:
    if options.now:
        _remove(options, console)
        return
    run = queries.get_run(console.store, options.run)
    name = run.name
    delete_run(console.store, run, cancel=options.cancel)
    back = f"python -m core run restore {run.id}"
    report = {"run": name, "id": run.id, "deleted": True, "removed": False}
    console.answer(report, f"deleted: {name}", f"bring it back within {console.settings.deleted_days:g} days: {back}")


def _remove(options: argparse.Namespace, console: Console) -> None:
    run = queries.find_run(console.store, options.run) or next(
        (one for one in queries.deleted_runs(console.store) if options.run in (one.deleted_name, one.id)), None
    )
    run = run or queries.get_run(console.store, options.run)
    name = run.deleted_name or run.name
    remove_run(console.store, run.id)
    console.answer({"run": name, "id": run.id, "deleted": True, "removed": True}, f"removed for good: {name}")


def _restore(options: argparse.Namespace, console: Console) -> None:
    run = find_deleted(console.store, options.run)
    was = run.deleted_name
    back = restore_run(console.store, run)
    told = "" if back.name == was else f" (its name {was} is taken by now)"
    console.answer({"run": back.name, "id": back.id, "restored": True}, f"brought back: {back.name}{told}")


def _rename(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    was = run.name
    renamed = rename_run(console.store, run, options.name)
    console.answer({"run": renamed.name, "id": renamed.id, "was": was}, f"renamed: {was} → {renamed.name}")


def _note(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    kept = set_note(console.store, run, sys.stdin.read() if options.text == "-" else options.text)
    console.answer(
        {"run": kept.name, "id": kept.id, "note": kept.note}, "noted" if kept.note else "the note is cleared"
    )
