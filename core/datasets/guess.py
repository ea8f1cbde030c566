"""A first guess of the column mapping, for a person to change."""

import re
from collections.abc import Sequence

import pandas as pd

from core.datasets.mapping import SPLIT_ALIASES, ColumnMapping, numbers_of, values_of

# Names that people give to such columns, the likeliest first; compared in lower case, without "_", "-" and blanks.
_NAMES: dict[str, tuple[str, ...]] = {
    "split": ("split", "partition", "subset", "fold", "set"),
    "id": ("id", "idx", "index", "uid", "guid", "uuid", "exampleid", "pairid", "rowid"),
    "text": (
        *(
            "text",
            "sentence",
            "sentence1",
            "text1",
            "texta",
            "premise",
            "question",
            "question1",
            "review",
            "reviewtext",
        ),
        *("comment", "commenttext", "content", "body", "document", "tweet", "post", "message", "title", "input"),
    ),
    "text_b": ("textb", "text2", "sentence2", "hypothesis", "question2", "answer", "response", "secondtext", "passage"),
    "label": (
        *("label", "labels", "goldlabel", "target", "class", "category", "y", "gold", "output", "sentiment", "stars"),
        *("toxicity", "toxic", "rating", "score", "stance", "intent", "topic", "hate", "offensive"),
    ),
    "confound": (
        *(
            "confound",
            "confounder",
            "spurious",
            "spuriousattribute",
            "attribute",
            "bias",
            "shortcut",
            "group",
            "prefix",
        ),
        *("protected", "sensitive", "identity", "gender", "sex", "race", "dialect", "age", "genre", "domain", "source"),
        *("author", "annotator", "platform", "hospital", "language", "country"),
    ),
}
_PLACEHOLDERS = {"", "-", "--", "?", "n/a", "none", "no majority", "no_majority", "no gold", "unknown"}
_FEW = 20


def guess(table: pd.DataFrame | Sequence[str]) -> ColumnMapping:
    """By the columns' names first, by their contents where the names say nothing; "" where nothing fits.

    A list of names in place of a table is guessed by name alone.
    """
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(columns=list(table))
    head = frame.head(2000)
    left = [str(column) for column in frame.columns]
    found: dict[str, str] = {}
    for role, names in _NAMES.items():
        known = {re.sub(r"[\s_\-]", "", column.lower()): column for column in reversed(left)}
        column = next((known[name] for name in names if name in known), None)
        if column is not None and (role != "split" or _is_split(head, column)):
            found[role] = column
            left.remove(column)
    if len(head):
        _by_content(head, left, found)
    label = found.get("label", "")
    dropped = _placeholders(frame, label) if label else ()
    confound = found.get("confound")
    return ColumnMapping(
        text=found.get("text", ""),
        text_b=found.get("text_b"),
        label=label,
        confound=confound,
        split=found.get("split"),
        id=found.get("id"),
        label_threshold=suggest_threshold(frame, label, dropped=dropped) if label else None,
        label_drop=dropped,
        confound_threshold=suggest_threshold(frame, confound) if confound else None,
    )


def suggest_threshold(table: pd.DataFrame, column: str, *, dropped: Sequence[str] = ()) -> float | None:
    """0.5 for a column of many numbers within 0 … 1, their median for other numbers, None for few values or texts."""
    numbers = numbers_of(table, column, dropped=dropped)
    if numbers is None or numbers.nunique() <= _FEW:
        return None
    return 0.5 if 0 <= numbers.min() < 0.5 < numbers.max() <= 1 else float(numbers.median())


def _by_content(head: pd.DataFrame, left: list[str], found: dict[str, str]) -> None:
    """Fill the roles that no name gave: split and id by their values, text by length, label and confound by few."""
    distinct = {column: int(values_of(head, column).nunique()) for column in left}
    length = {column: float(values_of(head, column).str.len().mean()) for column in left}
    if "split" not in found:
        _take("split", [c for c in left if distinct[c] > 1 and _is_split(head, c)], left, found)
    if "text" not in found:
        _take("text", sorted((c for c in left if distinct[c] > 1), key=lambda c: -length[c]), left, found)
    few = sorted((c for c in left if 2 <= distinct[c] <= _FEW), key=lambda c: distinct[c])
    if "label" not in found:
        numeric = [c for c in left if numbers_of(head, c) is not None and distinct[c] < len(head)]
        _take("label", few or numeric, left, found)
    if "confound" not in found:
        _take("confound", [c for c in few if c in left], left, found)


def _take(role: str, candidates: list[str], left: list[str], found: dict[str, str]) -> None:
    if candidates:
        found[role] = candidates[0]
        left.remove(candidates[0])


def _is_split(head: pd.DataFrame, column: str) -> bool:
    return not len(head) or set(values_of(head, column).str.lower()) <= {*SPLIT_ALIASES}


def _placeholders(table: pd.DataFrame, column: str) -> tuple[str, ...]:
    """Values that stand for "no label", offered as rows to leave out; "" only if a person chooses it."""
    values = values_of(table, column).unique()
    return tuple(sorted(v for v in values if v and v.lower() in _PLACEHOLDERS))
