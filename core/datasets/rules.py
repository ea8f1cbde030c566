"""A confound built from the text: which keywords it holds, or whether it matches a regular expression."""

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from core.datasets.caps import Caps
from core.datasets.errors import DataError
from core.datasets.limited import run_limited

SECONDS = 20.0
_PATTERN_CAP = 1_000
_KEYWORD_CAP = 500
_CHUNK = 5_000


@dataclass(frozen=True)
class KeywordRule:
    """One confound value for each group of keywords; `otherwise` for a text that holds none of them.

    `groups` is ((value, (keyword, …)), …). A text that holds keywords of several groups gets the first of these groups.
    `whole_word`: "art" is not found in "party". `column` is the column to look at; None is the text column.
    """

    kind: ClassVar[str] = "keywords"
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    otherwise: str = "none"
    whole_word: bool = True
    match_case: bool = False
    column: str | None = None

    def patterns(self) -> list[tuple[str | None, str]]:
        """(confound value, regular expression) pairs. Raises `DataError` for a rule without keywords."""
        if not self.groups:
            raise DataError("the keyword rule has no group. Give a confound value and at least one keyword for it.")
        if sum(len(keywords) for _, keywords in self.groups) > _KEYWORD_CAP:
            raise DataError(f"the keyword rule has more than {_KEYWORD_CAP} keywords. Give fewer.")
        return [(_value_name(value), self._pattern(value, keywords)) for value, keywords in self.groups]

    def _pattern(self, value: str, keywords: Sequence[str]) -> str:
        words = sorted({keyword.strip() for keyword in keywords if keyword.strip()}, key=lambda w: (-len(w), w))
        if not words:
            raise DataError(f"the confound value “{value}” has no keyword. Give it at least one.")
        if any(len(word) > 200 for word in words):
            raise DataError(f"a keyword of “{value}” has more than 200 characters. Shorten it.")
        either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
        return rf"(?<!\w)(?:{either})(?!\w)" if self.whole_word else f"(?:{either})"


@dataclass(frozen=True)
class RegexRule:
    """Two confound values, `match` and `otherwise`, by a Python regular expression that is searched in the text.

    Where the expression has a group called `value`, as in `^(?P<value>Positive|Negative) `, the text that this group
    caught is the confound value in place of `match`.
    """

    kind: ClassVar[str] = "regex"
    pattern: str
    match: str = "match"
    otherwise: str = "no match"
    match_case: bool = False
    column: str | None = None

    def patterns(self) -> list[tuple[str | None, str]]:
        """(confound value or None for the group `value`, regular expression). Raises `DataError` if it is empty."""
        if not self.pattern:
            raise DataError("the regular expression is empty. Write one, or choose a confound column.")
        if len(self.pattern) > _PATTERN_CAP:
            raise DataError(f"the regular expression has more than {_PATTERN_CAP:,} characters. Make it shorter.")
        return [(None if "(?P<value>" in self.pattern else _value_name(self.match), self.pattern)]


ConfoundRule = KeywordRule | RegexRule


def apply_rule(
    rule: ConfoundRule, texts: Sequence[str], *, seconds: float = SECONDS, memory: int = Caps.memory
) -> tuple[list[str], int]:
    """Each text's confound value, and how many texts held keywords of more than one group.

    Runs in the limited process, for at most `seconds`. Raises `DataError` for an invalid or too slow expression.
    """
    values: list[str] = []
    several = 0
    with tempfile.TemporaryDirectory(prefix="unconfound-") as folder:
        path = Path(folder, "texts.jsonl")
        with path.open("w", encoding="utf-8", newline="\n") as out:
            for start in range(0, len(texts), _CHUNK):
                out.write(json.dumps(list(texts[start : start + _CHUNK])) + "\n")
        request = {"patterns": rule.patterns(), "ignore_case": not rule.match_case, "texts": str(path)}
        try:
            answer = run_limited("match", request, seconds=seconds, memory=memory)
        except DataError as error:
            slow = "took longer than" in str(error)
            raise DataError(_too_slow(seconds) if slow else f"The confound rule: {error}") from None
    for chunk in answer:
        for found in chunk:
            values.append(found[0].strip() if found and found[0].strip() else rule.otherwise)
            several += len(found) > 1
    return values, several


def rule_spans(rule: RegexRule, text: str, *, seconds: float = SECONDS) -> list[tuple[int, int, int, int]]:
    """Where a regular expression is found in a text: start and end, and those of its group `value` (−1: none).

    Runs in the limited process. Raises `DataError` for an invalid or too slow expression.
    """
    request = {"pattern": rule.pattern, "ignore_case": not rule.match_case, "text": text}
    try:
        found = run_limited("spans", request, seconds=seconds, memory=Caps.memory)
    except DataError as error:
        slow = "took longer than" in str(error)
        raise DataError(_too_slow(seconds) if slow else f"The confound rule: {error}") from None
    return [(int(start), int(end), int(first), int(last)) for start, end, first, last in found]


def _too_slow(seconds: float) -> str:
    return (
        f"The confound rule took longer than {seconds:g} seconds, so it was stopped. A regular expression with nested"
        " repeats such as (a+)+ can take for ever: make it simpler."
    )


def _value_name(value: str) -> str:
    if not value.strip():
        raise DataError("A confound value of the rule has no name. Give every value a name.")
    return value.strip()


def rule_to_dict(rule: ConfoundRule) -> dict[str, Any]:
    """JSON-able; `rule_from_dict` is its inverse."""
    if isinstance(rule, RegexRule):
        return {"kind": rule.kind, **rule.__dict__}
    return {"kind": rule.kind, **rule.__dict__, "groups": {value: list(words) for value, words in rule.groups}}


def rule_from_dict(values: dict[str, Any]) -> ConfoundRule:
    """A rule from `{"kind": "keywords", "groups": {value: [keyword, …]}, …}` or `{"kind": "regex", "pattern": …}`."""
    given = dict(values)
    kind = given.pop("kind", None)
    try:
        if kind == KeywordRule.kind:
            groups = tuple((value, tuple(words)) for value, words in given.pop("groups").items())
            return KeywordRule(groups=groups, **given)
        if kind == RegexRule.kind:
            return RegexRule(**given)
    except (TypeError, KeyError, AttributeError):
        raise DataError(f"The confound rule has unknown or missing entries: {sorted(values)}.") from None
    raise DataError(f"The confound rule's kind “{kind}” is not known. Use “keywords” or “regex”.")
