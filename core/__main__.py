"""The command line: everything the pages do, scriptable.

With `--json` exactly one JSON object goes to standard output and nothing else does; progress and errors go to standard
error. Exit code 0: done. 1: a run or job failed. 2: the call or the input is not usable.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from core.commands import backups, compare, datasets, doctor, jobs, runs, status, taking_home, trying, tuning
from core.commands.console import Console, JobFailedError
from core.errors import UserError
from core.settings import get_settings
from core.store.engine import open_store

Command = Callable[[argparse.Namespace, Console], None]


def build_parser() -> argparse.ArgumentParser:
    """Every command with its options; each sets `command` to the function that carries it out."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output and nothing else there"
    )
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description="Find out whether a text classifier leans on a confound. UNCONFOUND_HOME names the store.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    datasets.add_commands(commands, common)
    runs.add_commands(commands, common)
    tuning.add_commands(commands, common)
    trying.add_commands(commands, common)
    compare.add_commands(commands, common)
    taking_home.add_commands(commands, common)
    jobs.add_commands(commands, common)
    status.add_commands(commands, common)
    backups.add_commands(commands, common)
    doctor.add_commands(commands, common)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    _print_what_can_be_printed(as_json=options.json)
    command: Command = options.command
    try:
        settings = get_settings()
        store = open_store(settings)
        if getattr(options, "migrate", True):
            store.migrate()
        command(options, Console(store, settings, as_json=options.json))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except JobFailedError as error:
        if options.json and error.report is not None:
            print(json.dumps(error.report))
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; whatever is queued goes on in the background", file=sys.stderr)
        return 130
    return 0


def _print_what_can_be_printed(*, as_json: bool) -> None:
    """Where few letters can be printed (Windows into a pipe, by default), a question mark stands for the others.

    JSON is UTF-8 wherever it goes.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            if as_json and stream is sys.stdout:
                stream.reconfigure(encoding="utf-8")
            else:
                stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
