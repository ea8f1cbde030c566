"""Patterns against texts, in the limited process because a pattern can take for ever."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.datasets.errors import DataError


def match(request: dict[str, Any]) -> Iterable[Any]:
    """Answer for `{"patterns": [[value | null, pattern], …], "ignore_case", "texts": path}`.

    `texts` is a file of JSON lists of texts. Each text gets a list of the values of the patterns that it matches, in
    the patterns' order; a null value stands for what the pattern's group `value` caught (no text caught: no match).
    Raises `DataError` for an invalid pattern.
    """
    flags = re.IGNORECASE if request["ignore_case"] else 0
    patterns = [(value, _compiled(pattern, flags)) for value, pattern in request["patterns"]]
    with Path(request["texts"]).open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield [
                [value for value in (_value(given, pattern, text) for given, pattern in patterns) if value]
                for text in json.loads(line)
            ]


def spans(request: dict[str, Any]) -> Iterable[Any]:
    """Answer for `{"pattern", "ignore_case", "text"}`: where the pattern is found, as [start, end, start and end of the
    group `value`] (−1 where there is no such group, or it caught nothing).

    Raises `DataError` for an invalid pattern.
    """
    pattern = _compiled(request["pattern"], re.IGNORECASE if request["ignore_case"] else 0)
    group = "value" if "value" in pattern.groupindex else None
    for found in pattern.finditer(request["text"]):
        yield [*found.span(), *(found.span(group) if group else (-1, -1))]


def _value(given: str | None, pattern: "re.Pattern[str]", text: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        return None
    return given if given is not None else found.group("value")


def _compiled(pattern: str, flags: int) -> "re.Pattern[str]":
    try:
        return re.compile(pattern, flags)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise DataError(f"the regular expression is not valid{where}: {error.msg}. Correct it.") from None
    except (RecursionError, OverflowError):
        raise DataError("the regular expression is nested too deeply or repeats too often. Make it simpler.") from None
