"""`tune` and `run tree`."""

import argparse
from typing import Any

from core.actions.summaries import run_summary, started_summary, tree_summary
from core.actions.tuning import KINDS, Treatment, start_tuning, treatment_of, tree
from core.commands.console import Console, JobFailedError
from core.commands.runs import print_run, settings_from
from core.store import queries


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    tune = commands.add_parser("tune", parents=[common], help="a tuning round from any checkpoint of a run")
    tune.add_argument("run", help="name or id of a run")
    tune.add_argument("--checkpoint", default="final", help="final, or a label step")
    what = tune.add_mutually_exclusive_group(required=True)
    what.add_argument("--kind", choices=KINDS, help="of the round; label: label steps alone")
    what.add_argument("--again", action="store_true", help="what made this run, once more from where it ended")
    tune.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, e.g. round_epochs=5 round_lr=1e-4"
    )
    tune.add_argument("--then-label-steps", type=int, metavar="N", help="label steps after the round (an epoch)")
    tune.add_argument("--then-diagnose", action="store_true", help="diagnose the final model afterwards")
    tune.add_argument("--name", help="name of the new run")
    tune.add_argument("--wait", action="store_true", help="return when it has ended")
    tune.set_defaults(command=_tune)

    lineage = commands.add_parser("tree", parents=[common], help="the tree of rounds that a run belongs to")
    lineage.add_argument("run", help="name or id of a run")
    lineage.set_defaults(command=_tree)


def _tune(options: argparse.Namespace, console: Console) -> None:
    parent = queries.get_run(console.store, options.run)
    asked = treatment_of(parent) if options.again else Treatment(options.kind)
    steps = options.then_label_steps
    if steps is None and options.again:
        steps = asked.then_label_steps
    begun = start_tuning(
        console.store,
        console.settings,
        parent,
        kind=asked.kind,
        checkpoint=options.checkpoint,
        options={**asked.options, **settings_from(options.set)},
        then_label_steps=steps,
        name=options.name,
        then_diagnose=options.then_diagnose,
    )
    if not options.wait:
        console.answer(
            {**started_summary(begun), "parent": parent.name}, f"queued: run {begun.run.name}, job {begun.job.id}"
        )
        return
    try:
        console.wait(begun.job, f"The round of {begun.run.name}")
        if begun.diagnosis is not None:
            console.wait(begun.diagnosis, f"The diagnosis of {begun.run.name}")
    except JobFailedError as error:
        found = run_summary(console.store, queries.get_run(console.store, begun.run.id))
        raise JobFailedError(str(error), found) from error
    print_run(console, begun.run.id)


def _tree(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    branches = tree(console.store, run)
    lines: list[str] = []
    for branch in branches:
        one = branch.run
        after = "" if one.parent_step is None else f" from step {one.parent_step}"
        lines.append(f"{'  ' * branch.depth}{one.name} ({one.method}{after}, {one.status})")
        lines += [f"{'  ' * branch.depth}  round {found['number']}: {_round(found)}" for found in branch.rounds]
    console.answer({"tree": tree_summary(branches)}, *lines)


def _round(found: dict[str, Any]) -> str:
    text = f"{found['kind']}, J {found['loss'][0]:.4f} → {found['loss'][-1]:.4f}"
    cids = [cid for cid in found["cid"] if cid is not None]
    return text + (f", CID {cids[0]:.3f} → {cids[-1]:.3f}" if cids else "")
