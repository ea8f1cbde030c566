"""How a number, a moment or a name is written for people: on pages, in sentences, reports and on the command line."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

NOTHING = "–"
UNKNOWN = "unknown"
"""What a number that is not there is called within a sentence."""

SHOWN_CHARACTERS = 400
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&\"'=^@])")
_JOINER = "\u2060"  # invisible and without width


def plain(text: str) -> str:
    """Somebody's text for a place that reads Markdown (labels, captions, messages): it appears as it was written.

    A backslash takes the meaning from every sign. Streamlit looks for `:emoji:`, addresses and mail once more after
    that, in the finished text; an invisible joiner keeps it from finding them.
    """
    return unmarked_lines(" ".join(text.split()))


def unmarked_lines(text: str) -> str:
    """As `plain`, but with the text's own spaces and line breaks."""
    escaped = _PUNCTUATION.sub(r"\\\1", text)
    escaped = escaped.replace(r"\:", rf"\:{_JOINER}").replace(r"\@", rf"{_JOINER}\@")
    return re.sub(r"(www)(\\\.)", rf"\1{_JOINER}\2", escaped, flags=re.IGNORECASE)


def shortened(text: object, most: int = SHOWN_CHARACTERS) -> str | None:
    """A text on one line; of a long one the first `most` characters and how many the whole has. None for no text."""
    if not isinstance(text, str):
        return None
    line = " ".join(text[: most * 2].split())
    whole = len(text) <= most * 2 and len(line) <= most
    return line if whole else f"{line[:most]} … ({len(text):,} characters)"


def count(value: int | None) -> str:
    """1500 → 1,500."""
    return NOTHING if value is None else f"{value:,}"


def counted(value: int, one: str, many: str | None = None) -> str:
    """1, "row" → 1 row; 1500, "row" → 1,500 rows."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def percent(value: float | None, digits: int = 1, *, missing: str = NOTHING) -> str:
    """0.785 → 78.5 %, with the sign that a person writes."""
    return missing if value is None else f"{signed(100 * value, digits)} %"


def signed(value: float | None, digits: int = 2, *, missing: str = NOTHING) -> str:
    """A decimal number with a true minus and no −0.00."""
    if value is None:
        return missing
    text = f"{value:.{digits}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "−")


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """0.11, 0.19 → 0.11 to 0.19."""
    return NOTHING if low is None or high is None else f"{signed(low, digits)} to {signed(high, digits)}"


def percent_interval(low: float | None, high: float | None, digits: int = 1) -> str:
    """0.52, 0.58 → 52.0 to 58.0 %."""
    return NOTHING if low is None or high is None else f"{signed(100 * low, digits)} to {signed(100 * high, digits)} %"


def duration(seconds: float | None) -> str:
    """How long, in at most two units: 8 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return NOTHING
    if 0 < seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    for size, name, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            first, rest = divmod(whole, size)
            return f"{first} {name} {rest // below} {small}" if rest // below else f"{first} {name}"
    return f"{whole} s"


def roughly(seconds: float) -> str:
    """A forecast, no more precise than it is: 40 s, 7 min, 2 h 10 min."""
    if seconds < 90:
        return duration(max(10, round(seconds, -1)))
    return duration(round(seconds / 60) * 60 if seconds < 5400 else round(seconds / 600) * 600)


def age(moment: datetime | None) -> str:
    """How long ago: just now, 5 min ago, 3 days ago."""
    if moment is None:
        return NOTHING
    seconds = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    if seconds < 10:
        return "just now"
    for size, one, many in ((86400, "day", "days"), (3600, "h", "h"), (60, "min", "min")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {one if number == 1 else many} ago"
    return f"{int(seconds)} s ago"


def megabytes(size: float | None) -> str:
    """Bytes as MB or GB (powers of ten)."""
    if size is None:
        return NOTHING
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def listed(words: Sequence[str], most: int = 5) -> str:
    """a, b and c; a, b and 7 more."""
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
