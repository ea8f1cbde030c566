"""The paper's tables again, ours beside the paper's.

    python -m benchmarks.reproduce textlen|msgs|access-rate [--encoder minilm] [--seeds 5 or 2021,2022] [--methods a,b]
        [--search] [--save FILE] …

Every run is a process of its own with a folder below --home; what is there is not repeated, and an interrupted call
goes on where it was. Progress goes to stderr, the table to stdout; `--save x.json` writes every figure, and the table
beside it as `.md`.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.reproduce.planner import Planner
from benchmarks.reproduce.plans import EXPERIMENTS, Column, Experiment, chosen_columns
from benchmarks.reproduce.pool import Pool, say
from benchmarks.reproduce.report import report
from benchmarks.reproduce.search import Choices, search, stored
from benchmarks.reproduce.slots import slots
from benchmarks.reproduce.spec import write_json
from benchmarks.reproduce.table import table
from core.encoders.catalogue import EncoderSpec, resolve
from core.errors import UserError
from core.settings import Settings

FIRST_SEED = 2021


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print the table. Exit code 1: a run is missing from it; 2: not usable; 130: interrupted."""
    options = _parser().parse_args(arguments)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return reproduce(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)


def reproduce(options: argparse.Namespace) -> int:
    """Search if asked to, run, report."""
    encoder = resolve(options.encoder, options.revision, allowed_roots=Settings().local_models)
    experiment = EXPERIMENTS[options.experiment](encoder)
    columns, seeds = _columns(experiment, options.methods), _seeds(options.seeds)
    planner = Planner(
        options.data, options.encoder, options.revision, _overrides(options.set), options.device, options.keep_models
    )
    pool = Pool(
        options.home, slots(options.device, options.parallel, options.threads), retry_failed=options.retry_failed
    )
    choices = _choices(options, experiment, encoder, columns, seeds, planner, pool)
    specs = {column.key: [planner.spec(column, seed, choices.settings(column)) for seed in seeds] for column in columns}
    by_seed = [spec for of_seed in zip(*specs.values(), strict=True) for spec in of_seed]
    outcomes = pool.run(by_seed)
    found = report(experiment, specs, outcomes, planner, choices)
    text = table(found)
    if options.save:
        options.save.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.save, found)
        options.save.with_suffix(".md").write_text(text, "utf-8")
    print(text)
    return int(any(column["missing"] for column in found["columns"]))


def _choices(
    options: argparse.Namespace,
    experiment: Experiment,
    encoder: EncoderSpec,
    columns: Sequence[Column],
    seeds: Sequence[int],
    planner: Planner,
    pool: Pool,
) -> Choices:
    if not options.search:
        return stored(pool.home, experiment, options.encoder)
    say(f"Selecting settings on dev of {experiment.searched_in}.")
    return search(
        EXPERIMENTS[experiment.searched_in](encoder), columns, planner, pool, seeds, _overrides(options.search_set)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproduce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiment", choices=[*EXPERIMENTS])
    parser.add_argument("--encoder", default="minilm")
    parser.add_argument("--revision", help="commit of a hub encoder that is not in the catalogue")
    parser.add_argument("--seeds", default="5", help=f"how many, from {FIRST_SEED} on, or a list with commas")
    parser.add_argument("--methods", default="", help="columns, with commas; all when not given")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with the paper's CSV files")
    parser.add_argument("--home", type=Path, default=Path("data/store/reproduce"), help="where runs are kept")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--parallel", type=_number, help="runs at a time; one a GPU, or cores // threads on a CPU")
    parser.add_argument("--threads", type=_number, help="CPU threads of a run; 1 on a CPU")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for all runs")
    parser.add_argument("--search", action="store_true", help="select settings on dev first, as many for each method")
    parser.add_argument(
        "--search-set", action="append", default=[], metavar="KEY=VALUE", help="a setting for the search's runs alone"
    )
    parser.add_argument("--retry-failed", action="store_true", help="repeat runs that failed, from nothing")
    parser.add_argument("--keep-models", action="store_true", help="keep the weights of finished runs")
    parser.add_argument("--save", type=Path, help="write every figure as JSON, and the table beside it as .md")
    return parser


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _seeds(text: str) -> list[int]:
    """`5`: five from 2021 on; `2021,2023`: these; `2021`: this one."""
    try:
        given = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--seeds {text} is neither a number nor numbers with commas.") from None
    if "," not in text and 0 < given[0] <= 100:
        return list(range(FIRST_SEED, FIRST_SEED + given[0]))
    return list(dict.fromkeys(given))


def _columns(experiment: Experiment, text: str) -> tuple[Column, ...]:
    try:
        return chosen_columns(experiment, [part.strip() for part in text.split(",") if part.strip()])
    except KeyError as error:
        known = ", ".join(one.key for one in experiment.columns)
        raise UserError(f"{experiment.key} has no column {error}. It has {known}.") from None


def _overrides(pairs: Sequence[str]) -> dict[str, Any]:
    for pair in pairs:
        key, parted, _ = pair.partition("=")
        if not parted or key in ("seed", "method", "encoder", "revision", "device"):
            raise UserError(
                f"--set {pair} is not usable: write KEY=VALUE; {key or 'it'} may have an option of its own."
            )
    return dict(pair.split("=", 1) for pair in pairs)


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
