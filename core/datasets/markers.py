"""Is the confound a word that can be swapped? Where it stands in a text, and the same text with each of its values.

Three kinds can be: keywords and patterns that the confound was built from, and a prefix that all texts of one confound
value begin with, as in TextLen ("Negative . ", "Positive . "). Everything else (an author, a dialect, a word order) is
in the text as a whole, and no edit of one place changes it and nothing else.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from core.datasets.mapping import ColumnMapping
from core.datasets.rules import KeywordRule, RegexRule, apply_rule, rule_spans

MOST_VALUES = 8
"""Confound values that a text is given in turn; of more, the most frequent ones."""

_MOST_TEXTS = 20_000
_LONGEST_PREFIX = 6
_NEARLY_ALL = 0.99
_LEAST_TEXTS = 5
_ENTANGLED = 0.9


@dataclass(frozen=True)
class Version:
    """A text with one confound value; value None: with none of them, or nobody knows which."""

    value: str | None
    text: str


@dataclass(frozen=True)
class NotEditable:
    """Why no edit of one place changes the confound alone."""

    reason: str


class Marker(Protocol):
    """What stands in a text for its confound value."""

    @property
    def column(self) -> str:
        """ "text" or "text_b": the field in which it stands."""

    @property
    def title(self) -> str:
        """What it is, to be read in a sentence."""

    def value_of(self, text: str) -> str | None:
        """The confound value that the text shows; None if it shows none of those that are known."""

    def versions(self, text: str) -> list[Version]:
        """The text with each other value, and with nothing in its place where that is no value by itself."""


@dataclass(frozen=True)
class Prefix:
    """Words at the beginning. `words` [value]: what its texts begin with; empty for a value that has nothing there."""

    words: Mapping[str, tuple[str, ...]]
    column: str = "text"

    @property
    def title(self) -> str:
        return "the words at the beginning of the text"

    def value_of(self, text: str) -> str | None:
        bare = next((value for value, words in self.words.items() if not words), None)
        for value, words in sorted(self.words.items(), key=lambda item: -len(item[1])):
            if words and _begins(words).match(text):
                return value
        return bare

    def versions(self, text: str) -> list[Version]:
        own = self.value_of(text)
        rest = _begins(self.words[own]).sub("", text, count=1) if own and self.words[own] else text
        made = [
            Version(value, f"{' '.join(words)} {rest}".strip() if words else rest)
            for value, words in self.words.items()
            if value != own
        ]
        if own is not None and all(self.words.values()):
            made.append(Version(None, rest))
        return made


@dataclass(frozen=True)
class Keywords:
    """The keywords of a rule. `names`: the rule's values → those that the data set has (merged ones have one name)."""

    rule: KeywordRule
    names: Mapping[str, str]
    column: str = "text"

    @property
    def title(self) -> str:
        return "the keywords that the confound was built from"

    def value_of(self, text: str) -> str | None:
        return self.names.get(_ruled(self.rule, [text])[0])

    def versions(self, text: str) -> list[Version]:
        own = self.value_of(text)
        found = self._places(text)
        wished = [(value, words[0].strip()) for value, words in self.rule.groups] + [(self.rule.otherwise, "")]
        made: dict[str, str] = {}
        for value, word in wished[-MOST_VALUES:]:
            name = self.names.get(value)
            if name is not None and name != own and name not in made:
                made[name] = _swapped(text, found, word) if found or not word else f"{word} {text}"
        return _checked(self.rule, self.names, made)

    def _places(self, text: str) -> list[tuple[int, int]]:
        flags = 0 if self.rule.match_case else re.IGNORECASE
        every = sorted(
            found.span() for _, pattern in self.rule.patterns() for found in re.finditer(pattern, text, flags)
        )
        apart: list[tuple[int, int]] = []
        for start, end in every:
            if not apart or start >= apart[-1][1]:
                apart.append((start, end))
        return apart


@dataclass(frozen=True)
class Pattern:
    """A regular expression. With a group `value` each value can take the place of another; else its match can be cut out."""

    rule: RegexRule
    names: Mapping[str, str]
    column: str = "text"

    @property
    def title(self) -> str:
        return "what the regular expression of the confound finds"

    def value_of(self, text: str) -> str | None:
        return self.names.get(_ruled(self.rule, [text])[0])

    def versions(self, text: str) -> list[Version]:
        own = self.value_of(text)
        found = rule_spans(self.rule, text)
        made: dict[str, str] = {}
        for raw, name in list(self.names.items())[:MOST_VALUES]:
            if name == own or name in made:
                continue
            if raw == self.rule.otherwise:
                made[name] = _swapped(text, [(start, end) for start, end, _, _ in found], "")
            elif found and found[0][2] >= 0:
                made[name] = text[: found[0][2]] + raw + text[found[0][3] :]
        return _checked(self.rule, self.names, made)


def find_marker(mapping: ColumnMapping, frame: pd.DataFrame) -> Marker | NotEditable:
    """What stands for the confound in the texts of a data set.

    Args:
        frame: canonical examples (text, text_b, label, confound) of every split, training rows first.
    """
    rule = mapping.confound_rule
    if rule is None:
        return _prefix(frame.head(_MOST_TEXTS))
    column = {None: "text", mapping.text: "text", mapping.text_b or "": "text_b"}.get(rule.column)
    if column is None:
        return NotEditable(
            f"The confound was built from the column {rule.column!r}, which the model does not read. What of it shows in the "
            "text cannot be told apart."
        )
    if mapping.confound_threshold is not None:
        return NotEditable("The confound is a number that was cut in two at a threshold, not a word.")
    counts = frame["confound"].value_counts()
    renamed = {old.strip(): new.strip() for old, new in mapping.confound_merge.items()}
    if isinstance(rule, KeywordRule):
        raw = [value.strip() for value, _ in rule.groups] + [rule.otherwise]
        return Keywords(rule, _named(raw, renamed, counts.index), column)
    raw = [*counts.index, *renamed, rule.match, rule.otherwise]
    return Pattern(rule, _named([str(value) for value in raw], renamed, counts.index), column)


def _named(raw: Sequence[str], renamed: Mapping[str, str], known: Sequence[str]) -> dict[str, str]:
    """The rule's values that the data set has, each with the name that it has there."""
    names = {value: renamed.get(value, value) for value in raw}
    return {value: name for value, name in names.items() if name in set(known)}


def _ruled(rule: KeywordRule | RegexRule, texts: Sequence[str]) -> list[str]:
    return apply_rule(rule, texts)[0]


def _checked(rule: KeywordRule | RegexRule, names: Mapping[str, str], made: Mapping[str, str]) -> list[Version]:
    """Only the versions that the rule itself takes for what they are meant to be."""
    if not made:
        return []
    values = _ruled(rule, list(made.values()))
    return [
        Version(name, text)
        for (name, text), value in zip(made.items(), values, strict=True)
        if names.get(value) == name
    ]


def _swapped(text: str, places: Sequence[tuple[int, int]], word: str) -> str:
    """The text with `word` in the first of the places and nothing in the others; capitals as before."""
    parts, last = [], 0
    for number, (start, end) in enumerate(places):
        new = word if number == 0 else ""
        if new and text[start : start + 1].isupper():
            new = new[:1].upper() + new[1:]
        before = text[last:start]
        parts.append((before if new else before.rstrip(" ")) + new)
        last = end
    joined = "".join(parts) + text[last:]
    return joined if word else joined.strip()


# --- a prefix that nobody has described ---


def _prefix(frame: pd.DataFrame) -> Prefix | NotEditable:
    counts = frame["confound"].astype(str).value_counts()
    values = [str(value) for value, n in counts.items() if n >= _LEAST_TEXTS][:MOST_VALUES]
    tokens = {
        value: [str(text).split(maxsplit=_LONGEST_PREFIX) for text in frame.loc[frame["confound"] == value, "text"]]
        for value in values
    }
    starts = {value: _common_start(texts) for value, texts in tokens.items()}
    bare = [value for value in values if not starts[value]]
    said = [starts[value] for value in values if starts[value]]
    if len(values) < 2 or len(bare) > 1 or len(set(said)) < len(said) or not said:
        return NotEditable(
            "No words were found that the texts of one confound value begin with and the others don't: the confound lies in "
            "the text as a whole, or outside it."
        )
    if any(_share_beginning(tokens[value], starts[other]) > 1 - _NEARLY_ALL for value in values for other in values if other != value and starts[other]):  # fmt: skip
        return NotEditable(
            "Texts of several confound values begin with the same words, so swapping these changes no confound."
        )
    marker = Prefix({value: starts[value] for value in values})
    word = _gives_away(frame, marker)
    if word is not None:
        return NotEditable(
            f"Texts of one confound value all begin alike, but the confound shows further on as well (in the word {word!r}, "
            "for one), so swapping the beginning would not change it."
        )
    return marker


def _common_start(texts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The words that nearly all of the texts begin with; something is left of each of them."""
    start: list[str] = []
    while len(start) < _LONGEST_PREFIX - 1:
        place = len(start)
        following = Counter(text[place] for text in texts if len(text) > place + 1 and list(text[:place]) == start)
        word, n = next(iter(following.most_common(1)), ("", 0))
        if n < _NEARLY_ALL * len(texts):
            break
        start.append(word)
    return tuple(start)


def _share_beginning(texts: Sequence[Sequence[str]], start: tuple[str, ...]) -> float:
    return sum(tuple(text[: len(start)]) == start for text in texts) / max(len(texts), 1)


def _gives_away(frame: pd.DataFrame, marker: Prefix) -> str | None:
    """A word after the prefix that, among texts of one label, nearly all of one confound value have and nearly none of another."""
    part = frame.head(4000)
    patterns = {value: _begins(words) for value, words in marker.words.items() if words}
    holding: dict[tuple[str, str], Counter[str]] = {}
    sizes: Counter[tuple[str, str]] = Counter()
    for text, label, confound in zip(part["text"], part["label"], part["confound"], strict=True):
        if confound not in marker.words:
            continue
        rest = patterns[confound].sub("", str(text), count=1) if confound in patterns else str(text)
        cell = (str(label), str(confound))
        holding.setdefault(cell, Counter()).update(set(re.findall(r"\w+", rest.lower())))
        sizes[cell] += 1
    for one in holding:
        for other in holding:
            if one[0] != other[0] or one == other or min(sizes[one], sizes[other]) < _LEAST_TEXTS:
                continue
            for word, n in holding[one].most_common(200):
                if n / sizes[one] - holding[other][word] / sizes[other] >= _ENTANGLED:
                    return word
    return None


def _begins(words: Sequence[str]) -> "re.Pattern[str]":
    return re.compile(r"\s*" + r"\s+".join(map(re.escape, words)) + r"(?:\s+|$)")
