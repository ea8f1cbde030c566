"""What a data set must have before anything can be trained on it or said about it."""

import pandas as pd

from core.datasets.errors import DataError
from core.datasets.mapping import ColumnMapping

MOST_VALUES = 50
LONGEST_VALUE = 200


def rows_in_words(rows: "pd.Series[int]", *, verb: str = "have") -> str:
    """Such as "row 3 has", "rows 3, 8 and 12 have", "rows 1, 2, 3, 4, 5 and 40 more have"; `verb=""` leaves it out."""
    numbers = [f"{row:,}" for row in rows.head(5)]
    if len(rows) == 1:
        return f"row {numbers[0]}" + (" has" if verb else "")
    last = f"{len(rows) - 5:,} more" if len(rows) > 5 else numbers.pop()
    return f"rows {', '.join(numbers)} and {last}" + (f" {verb}" if verb else "")


def check_rows(made: pd.DataFrame, mapping: ColumnMapping, where: str) -> None:
    """No empty text, label, confound or id. `made` has these columns and `row`. Raises `DataError` with the rows."""
    roles = [("text", "text"), ("label", "label"), ("confound", "confound")]
    roles += [("text_b", "second text")] if mapping.text_b else []
    roles += [("id", "id")] if mapping.id else []
    for column, role in roles:
        empty = made[column].isna() | (made[column].astype(str).str.strip() == "")
        if empty.any():
            droppable = column in ("label", "confound")
            cure = "leave the empty value out" if droppable else "remove those rows from the file"
            raise DataError(f"In {where}, {rows_in_words(made.loc[empty, 'row'])} no {role}. Fill it in, or {cure}.")


def check_examples(frame: pd.DataFrame) -> None:
    """Labels, confounds and the cells of train. Raises `DataError`.

    CID compares, for one label, training examples of the same confound with those of another; where every training
    example of a label has one confound value, it is undefined.
    """
    train = frame[frame["split"] == "train"]
    for role, cure in (
        ("label", "A classifier needs two: check the label column and what is merged or left out."),
        ("confound", "There is nothing to compare: choose another confound, or check what is merged or left out."),
    ):
        values = train[role].unique()
        if len(values) == 1:
            raise DataError(f"Every training row has the {role} “{values[0][:60]}”. {cure}")
        everywhere = frame[role].unique()
        longest = max(map(len, everywhere))
        if longest > LONGEST_VALUE:
            raise DataError(
                f"A {role} has {longest:,} characters, and at most {LONGEST_VALUE} make sense. Is it the right column?"
            )
        if len(everywhere) > MOST_VALUES:
            raise DataError(
                f"The {role} has {len(everywhere):,} different values, and at most {MOST_VALUES} make sense."
                " Is it the right column? Set a threshold for numbers, or merge or leave out values."
            )
    for split in ("dev", "test"):
        unseen = sorted(set(frame.loc[frame["split"] == split, "label"]) - set(train["label"]))
        if unseen:
            shown = ", ".join(f"“{value[:60]}”" for value in unseen[:5])
            raise DataError(
                f"The {split} split has the label {shown}, which no training row has."
                " Correct it, merge it into another label, or leave it out."
            )
    cells = pd.crosstab(train["label"], train["confound"])
    for label, counts in cells.iterrows():
        there = counts.index[counts > 0]
        if len(there) == 1:
            missing = [f"“{label}” × “{confound}”" for confound in counts.index[counts == 0]]
            empty = f"the cell {missing[0]} is" if len(missing) == 1 else f"the cells {', '.join(missing[:5])} are"
            raise DataError(
                f"In training, {empty} empty: every example with the label “{label}” has the confound “{there[0]}”,"
                " so its influence cannot be compared with that of another confound and CID is undefined for this label."
                " Add examples of that cell (ten or more), or merge or leave out values."
            )
