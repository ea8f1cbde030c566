"""Cells of a CSV file that no spreadsheet takes for a formula (CWE-1236)."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front; all else stays as it is."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
