"""`try`."""

import argparse
from typing import Any

from core.actions.trying import in_words, start_try, try_of
from core.commands.console import Console, percent, table
from core.errors import UserError
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the command of this file under the top parser."""
    found = commands.add_parser(
        "try",
        parents=[common],
        help="one text: decision, the same with other confound values, and the training examples it rests on",
    )
    found.add_argument("run", help="name or id of a run")
    what = found.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="the text to try")
    what.add_argument("--example", metavar="ID", help="an example of the run's data set in place of a text")
    found.add_argument("--text-b", help="its second text, where the data set has them")
    found.add_argument("--checkpoint", default="final", help="final, or a label step")
    found.add_argument("--label", help="the label that influence is measured for; the predicted one when not given")
    found.add_argument(
        "--confound", metavar="VALUE", help="the text's confound value, where it does not show by itself"
    )
    found.add_argument("--all-rows", action="store_true", help="score every training example, not a sample of them")
    found.add_argument("--wait", action="store_true", help="return when it has ended")
    found.set_defaults(command=_try)


def _try(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    text, text_b = options.text, options.text_b
    if options.example is not None:
        text, text_b = _example(console.store, queries.get_dataset(console.store, run.dataset_id), options.example)
    job = start_try(
        console.store,
        console.settings,
        run,
        text,
        text_b=text_b,
        checkpoint=options.checkpoint,
        label=options.label,
        confound=options.confound,
        rows="all" if options.all_rows else "sample",
        example=options.example,
    )
    if not options.wait:
        console.answer({"run": run.name, "job": job.id, "status": "queued"}, f"queued: job {job.id}")
        return
    found = try_of(console.wait(job, f"The try on {run.name}")) or {}
    console.answer({"job": job.id, **found}, *_lines(found))


def _example(store: Store, dataset: Dataset, wanted: str) -> tuple[str, str | None]:
    frame = queries.examples(store, dataset, columns=["id", "text", "text_b"])
    there = frame[frame["id"].astype(str) == wanted]
    if there.empty:
        raise UserError(f"The data set {dataset.name!r} has no example with the id {wanted!r}.")
    one = there.iloc[0]
    return str(one["text"]), one["text_b"] if isinstance(one["text_b"], str) else None


def _lines(found: dict[str, Any]) -> list[str]:
    influence = found["influence"]
    lines = [*in_words(found), found["calibrated_on"], ""]
    lines += table(
        [
            [one["value"] or "(none)", one["predicted"], *(percent(one["probabilities"][y]) for y in found["labels"])]
            for one in found["versions"]
        ],
        ["confound", "decision", *found["labels"]],
    )
    if not influence["problem"]:
        for title in ("helpful", "harmful"):
            rows = [
                [f"{one['influence']:.3f}", one["group"], one["label"], one["confound"], one["id"], one["text"][:80]]
                for one in influence[title]
            ]
            lines += ["", f"most {title}:", *table(rows, ["influence", "group", "label", "confound", "id", "text"])]
    return lines
