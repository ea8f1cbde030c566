"""`backup` and `restore`."""

import argparse
import time
from pathlib import Path
from typing import Any

from core.actions.backup import make_backup
from core.actions.restore import restore_backup
from core.commands.console import Console


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    backup = commands.add_parser("backup", parents=[common], help="copy rows and files, consistent while jobs run")
    backup.add_argument("place", type=Path, metavar="FILE_OR_FOLDER", help="one file if it ends in .tar, else a folder")
    backup.add_argument(
        "--without-checkpoints",
        action="store_true",
        help="leave out weights, by far the largest part; what was measured stays readable",
    )
    backup.set_defaults(command=_backup, migrate=False)
    restore = commands.add_parser("restore", parents=[common], help="make an empty store the one of a backup")
    restore.add_argument("place", type=Path, metavar="FILE_OR_FOLDER", help="what `backup` has written")
    restore.add_argument(
        "--force",
        action="store_true",
        help="remove for good everything that is in the store, and take the backup instead",
    )
    restore.set_defaults(command=_restore, migrate=False)


def _backup(options: argparse.Namespace, console: Console) -> None:
    manifest = make_backup(
        console.store, options.place, checkpoints=not options.without_checkpoints, tell=_seldom(console)
    )
    size = sum(entry.bytes for entry in manifest.files.values())
    lines = [f"backup: {options.place} ({len(manifest.files):,} files, {size / 1e6:,.1f} MB)", *_rows(manifest.rows)]
    if manifest.missing:
        lines.append(f"{len(manifest.missing)} files that rows name were not there, for example {manifest.missing[0]}")
    report = manifest.model_dump(exclude={"files"})
    console.answer({"backup": str(options.place), "files": len(manifest.files), "bytes": size, **report}, *lines)


def _restore(options: argparse.Namespace, console: Console) -> None:
    restored = restore_backup(
        console.store, console.settings, options.place, force=options.force, tell=_seldom(console)
    )
    manifest = restored.manifest
    lines = [f"restored: {options.place}, made {manifest.made_at}", *_rows(manifest.rows)]
    if restored.requeued:
        lines.append(f"{restored.requeued} jobs that ran then wait to go on; a dashboard or a worker starts them")
    if restored.removed:
        lines.append("removed: " + ", ".join(f"{number} {name}" for name, number in restored.removed.items()))
    if manifest.missing:
        lines.append(f"{len(manifest.missing)} files that rows name are not in the backup; see: python -m core doctor")
    report: dict[str, Any] = {"restored": str(options.place), "made_at": manifest.made_at, "rows": manifest.rows}
    report |= {"requeued": restored.requeued, "removed": restored.removed, "missing": manifest.missing}
    console.answer(report, *lines)


def _rows(rows: dict[str, int]) -> list[str]:
    return [", ".join(f"{number:,} {name}" for name, number in rows.items() if number)]


def _seldom(console: Console) -> Any:
    """Progress, at most once a second: a store has many small files."""
    told = 0.0

    def tell(share: float, what: str) -> None:
        nonlocal told
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            console.tell(share, what)

    return tell
