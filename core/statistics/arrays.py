"""How labels, confound values and scores enter this room: checked once, as plain arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.statistics.errors import StatisticsError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]
Values = Sequence[Any] | npt.NDArray[Any]


def text_array(values: Values, name: str) -> Texts:
    """`values` as a one-dimensional array of str; `name` says in an error which column was meant.

    Raises StatisticsError for a missing value (None or NaN), naming the first row that has one.
    """
    raw = np.asarray(values, dtype=object)
    if raw.ndim != 1:
        raise StatisticsError(f"{name} must be one column of values, not an array of {raw.ndim} dimensions.")
    missing = [row for row, value in enumerate(raw) if value is None or value != value]
    if missing:
        raise StatisticsError(f"{name} is missing in row {missing[0]}. Fill in the value or drop the row.")
    return raw.astype(np.str_)


def same_length(**columns: npt.NDArray[Any]) -> int:
    """The common length of the named columns; StatisticsError where they differ or are empty."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise StatisticsError(f"These columns must be equally long: {listed}.")
    length = next(iter(lengths.values()))
    if length == 0:
        raise StatisticsError(f"There are no examples: {', '.join(lengths)} are empty.")
    return length


def number(value: float | np.floating[Any] | None) -> float | None:
    """A float that JSON can hold, or None for what is undefined (NaN or infinite)."""
    return float(value) if value is not None and np.isfinite(value) else None
