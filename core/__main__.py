"""The command line: everything the pages do, scriptable.

With `--json` exactly one JSON object goes to standard output and nothing else does; progress and errors go to standard
error. Exit code 0: done. 1: a run or job failed. 2: the call or the input is not usable.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from core.commands.console import Console, JobFailedError
from core.errors import UserError
from core.settings import get_settings
from core.store.engine import open_store
from core.system.imports import importing

Command = Callable[[argparse.Namespace, Console], None]

MODULES = {
    "datasets": ("dataset",),
    "runs": ("train", "diagnose", "evaluate", "run"),
    "tuning": ("tune", "tree"),
    "trying": ("try",),
    "compare": ("compare",),
    "taking_home": ("report", "export"),
    "jobs": ("jobs", "worker"),
    "status": ("status",),
    "backups": ("backup", "restore"),
    "doctor": ("doctor",),
}
"""Each module of `core.commands` and the commands that it adds. Together they take seconds to import: a call loads what it needs."""


def build_parser(word: str | None = None) -> argparse.ArgumentParser:
    """Every command with its options; each sets `command` to the function that carries it out.

    word: the command that is called; only what goes with it is built. With None, and with no command's name, all are.
    """
    wanted = [module for module, words in MODULES.items() if word in words] or list(MODULES)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output and nothing else there"
    )
    parser = argparse.ArgumentParser(
        prog="python -m core",
        description="Find out whether a text classifier leans on a confound. UNCONFOUND_HOME names the store.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in wanted:
        importlib.import_module(f"core.commands.{module}").add_commands(commands, common)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    with importing():
        parser = build_parser(words[0] if words else None)
    options = parser.parse_args(words)
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
