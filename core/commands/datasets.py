"""`dataset add|list|show|delete`."""

import argparse
from pathlib import Path
from typing import Any

from core.actions.datasets import add_files
from core.actions.deleting import delete_dataset
from core.actions.summaries import dataset_summary
from core.commands.console import Console, number, percent, table
from core.datasets.mapping import ColumnMapping
from core.datasets.rules import ConfoundRule, KeywordRule, RegexRule
from core.errors import UserError
from core.store import queries
from core.store.tables import Dataset


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    group = commands.add_parser("dataset", help="labelled text with a confound column").add_subparsers(
        required=True, metavar="ACTION"
    )
    add = group.add_parser("add", parents=[common], help="check files and keep them as a data set")
    add.add_argument("--name", required=True, help="name of the data set")
    add.add_argument(
        "--train", required=True, type=Path, metavar="FILE", help="CSV, TSV, JSON lines, JSON array or Parquet"
    )
    add.add_argument("--dev", type=Path, metavar="FILE", help="without it a dev split is cut off, stratified by cell")
    add.add_argument("--test", type=Path, metavar="FILE", help="looked at one time, at the end")
    for column in ("text", "label", "confound"):
        add.add_argument(f"--{column}", help=f"name of the {column} column (default: {column})")
    add.add_argument("--text-b", help="column of a second text")
    add.add_argument("--split", help="column that names the split, where one file holds them all")
    add.add_argument("--id", help="column of unique ids")
    add.add_argument("--label-threshold", type=float, help="make two labels of a number: below, and at least, this")
    for column in ("label", "confound"):
        add.add_argument(
            f"--drop-{column}",
            action="append",
            default=[],
            metavar="VALUE",
            help=f"leave out the rows with this {column}; may be given several times",
        )
        add.add_argument(
            f"--merge-{column}",
            action="append",
            default=[],
            metavar="FROM=TO",
            help=f"call the {column} FROM by the name TO; may be given several times",
        )
    add.add_argument("--confound-threshold", type=float, help="make two confound values of a number")
    add.add_argument(
        "--confound-keywords",
        action="append",
        default=[],
        metavar="VALUE=WORD,WORD",
        help="build the confound: VALUE where the text holds one of the words; may be given several times",
    )
    add.add_argument(
        "--confound-pattern",
        metavar="REGEX",
        help="build the confound: whether the text matches, or what its group (?P<value>…) caught",
    )
    add.add_argument(
        "--confound-from", metavar="COLUMN", help="where keywords or pattern are looked for (default: the text)"
    )
    add.add_argument("--dev-fraction", type=float, default=0.2, help="share of the rows that a dev split cut off has")
    add.add_argument("--seed", type=int, default=2021, help="of the dev split that is cut off")
    add.add_argument("--control-of", metavar="DATASET", help="the data set of which this is the no-spurious control")
    add.set_defaults(command=_add)
    group.add_parser("list", parents=[common], help="every data set").set_defaults(command=_list)
    for name, function, text in (
        ("show", _show, "one data set"),
        ("delete", _delete, "remove a data set without runs"),
    ):
        action = group.add_parser(name, parents=[common], help=text)
        action.add_argument("name", help="name or id")
        action.set_defaults(command=function)


def _add(options: argparse.Namespace, console: Console) -> None:
    control_of = queries.get_dataset(console.store, options.control_of).id if options.control_of else None
    rule = _rule(options)
    given = {"train": options.train, "dev": options.dev, "test": options.test}
    dataset = add_files(
        console.store,
        console.settings,
        name=options.name,
        files={split: path for split, path in given.items() if path is not None},
        mapping=ColumnMapping(
            text=options.text or "text",
            text_b=options.text_b,
            label=options.label or "label",
            confound=options.confound or (None if rule else "confound"),
            confound_rule=rule,
            confound_threshold=options.confound_threshold,
            split=options.split,
            id=options.id,
            label_threshold=options.label_threshold,
            label_merge=_merges(options.merge_label),
            label_drop=options.drop_label,
            confound_merge=_merges(options.merge_confound),
            confound_drop=options.drop_confound,
        ),
        dev_fraction=options.dev_fraction,
        seed=options.seed,
        control_of=control_of,
    )
    console.answer(dataset_summary(dataset), *_lines(dataset))


def _list(options: argparse.Namespace, console: Console) -> None:
    there = queries.list_datasets(console.store)
    rows = [
        [
            one.name,
            " / ".join(str(one.profile["splits"][split]["n"]) for split in one.profile["splits"]),
            ", ".join(one.labels),
            ", ".join(one.confounds),
            number(one.profile["splits"]["train"]["cramers_v"], 2),
        ]
        for one in there
    ]
    console.answer(
        {"datasets": [dataset_summary(one) for one in there]},
        *table(rows, ["name", "rows by split", "labels", "confounds", "alignment (V)"]),
    )


def _show(options: argparse.Namespace, console: Console) -> None:
    dataset = queries.get_dataset(console.store, options.name)
    console.answer(dataset_summary(dataset), *_lines(dataset))


def _delete(options: argparse.Namespace, console: Console) -> None:
    dataset = queries.get_dataset(console.store, options.name)
    delete_dataset(console.store, dataset)
    console.answer({"dataset": dataset.name, "deleted": True}, f"deleted: {dataset.name}")


def _lines(dataset: Dataset) -> list[str]:
    lines = [f"{dataset.name} ({dataset.id})"]
    for split, part in dataset.profile["splits"].items():
        lines.append(
            f"{split}: {part['n']} rows, alignment (Cramér's V) {number(part['cramers_v'], 2)}, "
            f"the confound alone reaches {percent(part['confound_only_floor'])}"
        )
        lines += [f"  {cell['label']} × {cell['confound']}: {cell['n']}" for cell in part["cells"]]
    return [
        *lines,
        *dataset.sources.get("notes", []),
        *(f"warning: {one['sentence']}" for one in dataset.profile["warnings"]),
    ]


def _rule(options: argparse.Namespace) -> ConfoundRule | None:
    if options.confound_keywords and options.confound_pattern:
        raise UserError("The confound is built from keywords or from a pattern, not from both. Leave one out.")
    if options.confound_pattern:
        return RegexRule(pattern=options.confound_pattern, column=options.confound_from)
    if not options.confound_keywords:
        return None
    groups = []
    for text in options.confound_keywords:
        value, equals, words = text.partition("=")
        if not equals or not value.strip():
            raise UserError(f"Keywords are written VALUE=WORD,WORD, for example female=she,her; got {text!r}.")
        groups.append((value.strip(), tuple(words.split(","))))
    return KeywordRule(groups=tuple(groups), column=options.confound_from)


def _merges(pairs: list[str]) -> dict[str, str]:
    merges = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not equals or not old or not new:
            raise UserError(f"A merge is written FROM=TO, for example neutral=positive; got {pair!r}.")
        merges[old] = new
    return merges
