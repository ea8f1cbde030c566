"""From tables and a column mapping to the examples that everything else works on.

prepared = prepare({"train": table}, mapping)
prepared.frame      # id, text, text_b, label, confound, split
prepared.notes      # what was done, in sentences
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from core.datasets.check import check_examples, check_rows, rows_in_words
from core.datasets.errors import DataError
from core.datasets.mapping import LEAVE_OUT, SPLIT_ALIASES, SPLITS, ColumnMapping, values_of
from core.datasets.rules import apply_rule
from core.datasets.splits import cut_dev

COLUMNS = ("id", "text", "text_b", "label", "confound", "split")


@dataclass(frozen=True)
class Prepared:
    """`frame` has the columns `COLUMNS` and a RangeIndex, train rows first; `notes` say what was done to get there."""

    frame: pd.DataFrame
    notes: list[str]


def prepare(
    tables: Mapping[str, pd.DataFrame], mapping: ColumnMapping, *, dev_fraction: float = 0.2, seed: int = 2021
) -> Prepared:
    """Map, clean, split and check. Nothing is stored.

    `tables` has the keys "train" and, where they are separate files, "dev" and "test"; with a split column only
    "train". Without a dev split, `dev_fraction` of each label × confound cell of train becomes it, by `seed`; without
    a test split there is none. Raises `DataError` for anything that could not be trained on or diagnosed.
    """
    mapping.check()
    _check_tables(tables, mapping)
    notes: list[str] = []
    parts = [_examples(name, tables[name], mapping, len(tables) > 1, notes) for name in SPLITS if name in tables]
    frame = pd.concat(parts, ignore_index=True)
    _number(frame, mapping.id is not None, notes)
    if not (frame["split"] == "train").any():
        raise DataError("No training row is left. Check the split column and the values that leave rows out.")
    check_examples(frame)
    if not (frame["split"] == "dev").any():
        frame["split"] = cut_dev(frame, dev_fraction=dev_fraction, seed=seed)
        n, of = int((frame["split"] == "dev").sum()), int(frame["split"].isin(["train", "dev"]).sum())
        notes.append(
            f"There was no dev split: {n:,} of {of:,} training rows were cut off as one,"
            f" {dev_fraction:.0%} of every label × confound cell, by seed {seed}."
        )
    if not (frame["split"] == "test").any():
        notes.append("There is no test split; results are on dev.")
    order = frame["split"].map({split: i for i, split in enumerate(SPLITS)})
    frame = frame.loc[order.sort_values(kind="stable").index, list(COLUMNS)].reset_index(drop=True)
    return Prepared(frame, notes)


def prepare_held_out(table: pd.DataFrame, mapping: ColumnMapping, *, labels: Sequence[str], name: str) -> Prepared:
    """One more labelled file with the columns of a data set, as split "test": for trying a model on it.

    `labels` are those that the model knows; `name` is what people call the file. A split or id column of the mapping
    need not be there: every row counts. Raises `DataError` for a missing column, empty values or an unknown label.
    """
    mapping = replace(mapping, split=None, id=mapping.id if mapping.id in table.columns else None)
    mapping.check()
    _check_columns(f"The file {name}", table, mapping)
    notes: list[str] = []
    frame = _examples("test", table, mapping, False, notes)
    _number(frame, mapping.id is not None, notes)
    strange = sorted(set(frame["label"]) - set(labels))
    if strange:
        raise DataError(
            f"The file {name} has the label “{strange[0][:40]}”, which the model was not trained on."
            f" It knows {', '.join(labels)}. Merge or leave out the others."
        )
    if frame.empty:
        raise DataError(f"No row of the file {name} is left to evaluate.")
    return Prepared(frame[list(COLUMNS)].reset_index(drop=True), notes)


def _check_tables(tables: Mapping[str, pd.DataFrame], mapping: ColumnMapping) -> None:
    unknown = sorted(set(tables) - {*SPLITS})
    if unknown or "train" not in tables:
        raise DataError("Give a training file, and dev and test files if there are any.")
    if mapping.split is not None and len(tables) > 1:
        raise DataError("A split column is chosen and separate files are given. Keep one of the two ways.")
    for name, table in tables.items():
        _check_columns(f"The {name} file", table, mapping)


def _check_columns(what: str, table: pd.DataFrame, mapping: ColumnMapping) -> None:
    if not len(table):
        raise DataError(f"{what} has no rows. Upload one that has.")
    for role, column in mapping.columns().items():
        if column not in table.columns:
            there = ", ".join(f"“{c}”" for c in list(table.columns)[:12])
            raise DataError(
                f"{what} has no column “{column}”, which is chosen as the {role}. It has {there}."
                " Choose one of these, or correct the header."
            )


def _examples(name: str, table: pd.DataFrame, mapping: ColumnMapping, several: bool, notes: list[str]) -> pd.DataFrame:
    """One file's examples; columns `COLUMNS` and `row` (1 = the first row below the header)."""
    rows = pd.RangeIndex(1, len(table) + 1)
    where = f"the {name} file" if several else "the file"
    made = pd.DataFrame({"row": rows, "text": table[mapping.text].to_numpy(dtype=object)})
    second = table[mapping.text_b].to_numpy(dtype=object) if mapping.text_b else None
    made["text_b"] = pd.Series(second, index=made.index, dtype=object)
    made["label"] = values_of(table, mapping.label).to_numpy(dtype=object)
    made["split"] = _splits(table, mapping) if mapping.split else name
    made["file"] = name
    made["id"] = values_of(table, mapping.id).to_numpy(dtype=object) if mapping.id else ""
    if mapping.confound:
        made["confound"] = values_of(table, mapping.confound).to_numpy(dtype=object)
    elif mapping.confound_rule is not None:
        looked_at = table[mapping.confound_rule.column or mapping.text].fillna("").astype(str).tolist()
        made["confound"], several_groups = apply_rule(mapping.confound_rule, looked_at)
        if several_groups:
            notes.append(
                f"Rows of {where} with keywords of more than one group: {several_groups:,}. The first group counts."
            )
    for role, dropped in (("label", mapping.label_drop), ("confound", mapping.confound_drop)):
        made = _leave_out(made, role, {value.strip() for value in dropped}, where, notes)
    made = _leave_out(made, "split", {LEAVE_OUT}, where, notes)
    check_rows(made, mapping, where)
    made["text"] = made["text"].astype(str)
    made["text_b"] = made["text_b"].astype(str).astype(object) if mapping.text_b else None
    made["label"] = _named(made, "label", mapping.label_threshold, mapping.label_merge, where)
    made["confound"] = _named(made, "confound", mapping.confound_threshold, mapping.confound_merge, where)
    return made


def _leave_out(made: pd.DataFrame, role: str, dropped: set[str], where: str, notes: list[str]) -> pd.DataFrame:
    out = made[role].isin(dropped)
    if not out.any():
        return made
    values = sorted(made.loc[out, role].unique())
    shown = ", ".join(f"“{value}”" if value else "(empty)" for value in values)
    notes.append(f"Rows of {where} left out for their {role} {shown}: {int(out.sum()):,}.")
    return made[~out]


def _named(
    made: pd.DataFrame, role: str, threshold: float | None, merge: Mapping[str, str], where: str
) -> "pd.Series[str]":
    """The role's values after thresholding and merging."""
    values = made[role].astype(str)
    if threshold is not None and len(made):
        numbers = pd.to_numeric(values, errors="coerce")
        faulty = numbers.isna() | numbers.isin([float("inf"), float("-inf")])
        if faulty.any():
            raise DataError(
                f"The {role} is to be thresholded, but in {where} {rows_in_words(made.loc[faulty, 'row'])}"
                f" no number (“{values[faulty].iloc[0][:40]}”). Leave that value out, or remove the threshold.",
            )
        values = pd.Series("", index=made.index).mask(numbers < threshold, f"below {threshold:g}")
        values = values.mask(numbers >= threshold, f"at least {threshold:g}")
    renamed = {old.strip(): new.strip() for old, new in merge.items()}
    if not all(renamed.values()):
        raise DataError(f"A {role} value is merged into one without a name. Give the merged value a name.")
    return values.map(lambda value: renamed.get(value, value))


def _splits(table: pd.DataFrame, mapping: ColumnMapping) -> "pd.Series[str]":
    known = SPLIT_ALIASES | {value.strip().lower(): split for value, split in mapping.split_names.items()}
    values = values_of(table, str(mapping.split))
    unknown = sorted(set(values.str.lower()) - set(known))
    if unknown:
        shown = ", ".join(f"“{value[:40]}”" if value else "(empty)" for value in unknown[:8])
        more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
        raise DataError(
            f"The split column “{mapping.split}” holds {shown}{more}. Say for each whether it is train, dev, test or to"
            " be left out, or choose another column."
        )
    return pd.Series(values.str.lower().map(known).to_numpy(), index=pd.RangeIndex(len(table)))


def _number(frame: pd.DataFrame, own: bool, notes: list[str]) -> None:
    """Fill `id`: the id column where there is one, else file and row."""
    several = frame["file"].nunique() > 1
    if not own:
        rows = frame["row"].astype(str)
        frame["id"] = frame["file"] + "-" + rows if several else rows
        return
    for (file, value), rows in frame[frame.duplicated(["file", "id"], keep=False)].groupby(["file", "id"], sort=False):
        where = f"of the {file} file" if several else "of the file"
        raise DataError(
            f"The id “{str(value)[:60]}” is not unique: it stands in {rows_in_words(rows['row'], verb='')} {where}."
            " Choose another id column, or none."
        )
    if frame["id"].duplicated().any():
        frame["id"] = frame["file"] + "-" + frame["id"]
        notes.append("The files share ids, so each id got its file's name in front (such as “dev-17”).")
