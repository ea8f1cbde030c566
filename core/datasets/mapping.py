"""Which column of a table is what, and how its values become labels and confounds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core.datasets.errors import DataError
from core.datasets.rules import ConfoundRule, rule_from_dict, rule_to_dict

SPLITS = ("train", "dev", "test")
LEAVE_OUT = "drop"
SPLIT_ALIASES: dict[str, str] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation", "eval"), "dev"),
    **dict.fromkeys(("test", "testing", "tst", "heldout", "held-out"), "test"),
}


@dataclass(frozen=True)
class ColumnMapping:
    """Columns by name ("" = not chosen yet, None = there is none) and what happens to their values.

    Order: values in `label_drop` / `confound_drop` leave their rows out ("" stands for an empty cell); then a threshold
    turns numbers into "below T" and "at least T"; then `label_merge` / `confound_merge` rename (old → new), which merges
    where two get one name. The confound is a column or is built by `confound_rule`, never both. `split_names` maps
    values of the split column to "train", "dev", "test" or "drop", beside the usual names.
    """

    text: str = "text"
    text_b: str | None = None
    label: str = "label"
    confound: str | None = None
    confound_rule: ConfoundRule | None = None
    split: str | None = None
    id: str | None = None
    label_threshold: float | None = None
    label_merge: Mapping[str, str] = field(default_factory=dict)
    label_drop: Sequence[str] = ()
    confound_threshold: float | None = None
    confound_merge: Mapping[str, str] = field(default_factory=dict)
    confound_drop: Sequence[str] = ()
    split_names: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, str]:
        """role → column, for every role that reads a column of the file."""
        roles: dict[str, str | None] = {"text": self.text, "second text": self.text_b, "label": self.label}
        roles |= {"confound": self.confound, "split": self.split, "id": self.id}
        if self.confound_rule is not None:
            roles["confound rule's text"] = self.confound_rule.column
        return {role: column for role, column in roles.items() if column is not None}

    def check(self) -> None:
        """Raises `DataError` where the mapping contradicts itself, whatever the table."""
        for role, column in (("text", self.text), ("label", self.label)):
            if not column:
                raise DataError(f"No {role} column is chosen. Choose the column that holds the {role}.")
        if not self.confound and self.confound_rule is None:
            raise DataError(
                "No confound is chosen. Choose the column that holds it, or build one from keywords or a regular"
                " expression."
            )
        if self.confound and self.confound_rule is not None:
            raise DataError("Both a confound column and a confound rule are given. Keep one of them.")
        used: dict[str, str] = {}
        for role in ("text", "second text", "label", "confound", "split", "id"):
            chosen = self.columns().get(role)
            if chosen in used:
                raise DataError(f"Column “{chosen}” is both {used[chosen]} and {role}. Choose another for one of them.")
            if chosen:
                used[chosen] = role
        for threshold in (self.label_threshold, self.confound_threshold):
            if threshold is not None and not math.isfinite(threshold):
                raise DataError("A threshold must be a finite number. Choose one within the values of the column.")
        for value, split in self.split_names.items():
            if split not in (*SPLITS, LEAVE_OUT):
                raise DataError(f"Split value “{value}” is mapped to “{split}”. Use train, dev, test or {LEAVE_OUT}.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` is its inverse."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in ("label_merge", "confound_merge", "split_names"):
            values[name] = dict(values[name])
        for name in ("label_drop", "confound_drop"):
            values[name] = list(values[name])
        if self.confound_rule is not None:
            values["confound_rule"] = rule_to_dict(self.confound_rule)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ColumnMapping":
        """Raises `DataError` for an unknown entry or one of the wrong kind."""
        given = dict(values)
        unknown = sorted(given.keys() - {f.name for f in dataclasses.fields(cls)})
        if unknown:
            raise DataError(f"The column mapping has unknown entries: {', '.join(map(str, unknown))}. Remove them.")
        if isinstance(given.get("confound_rule"), Mapping):
            given["confound_rule"] = rule_from_dict(dict(given["confound_rule"]))
        try:
            for name in ("label_drop", "confound_drop"):
                given[name] = tuple(str(value) for value in given.get(name, ()))
            for name in ("label_merge", "confound_merge", "split_names"):
                given[name] = {str(old): str(new) for old, new in dict(given.get(name, {})).items()}
            for name in ("label_threshold", "confound_threshold"):
                given[name] = None if given.get(name) is None else float(given[name])
        except (TypeError, ValueError):
            raise DataError(f"The column mapping's entry “{name}” has the wrong form.") from None
        return cls(**given)


def values_of(table: pd.DataFrame, column: str) -> pd.Series:
    """The column's values as labels are read: text without outer blanks, "" for an empty or missing cell."""
    return table[column].fillna("").astype(str).str.strip()


def count_values(table: pd.DataFrame, column: str, *, limit: int = 200) -> list[tuple[str, int]]:
    """(value, rows), most frequent first, at most `limit` of them: what a person can merge or drop."""
    counts = values_of(table, column).value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    return [(str(value), int(n)) for value, n in ordered[:limit]]


def numbers_of(table: pd.DataFrame, column: str, *, dropped: Sequence[str] = ()) -> pd.Series | None:
    """The column as floats without its dropped values, or None where one of the rest is no finite number."""
    values = values_of(table, column)
    numbers = pd.to_numeric(values[~values.isin([*dropped])], errors="coerce").astype(float)
    return numbers if len(numbers) and bool(numbers.map(math.isfinite).all()) else None
