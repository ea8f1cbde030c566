"""Sentences from a context-free grammar that is written down as plain text."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.datasets.generators.draw import Draw

_SLOT = re.compile(r"\{(\w+)\}")


class Grammar:
    """Rules such as {"clause": ["{person} won the {prize}"], "prize": ["cup", "title"]}; a slot is filled anew each time.

    The slots `{d}` (a digit from 1 to 9) and `{dd}` (10 to 99) need no rule. Raises `KeyError` for any other slot
    without one.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = rules

    @staticmethod
    def slots(text: str) -> list[str]:
        """The names of the slots in `text`."""
        return _SLOT.findall(text)

    def expand(self, text: str, draw: Draw) -> str:
        """`text` with every slot replaced, and those within the replacements."""

        def fill(slot: "re.Match[str]") -> str:
            name = slot.group(1)
            if name == "d":
                return str(1 + draw.number(9))
            if name == "dd":
                return str(10 + draw.number(90))
            return self.expand(draw.one_of(self._rules[name]), draw)

        return _SLOT.sub(fill, text)


def read_rules(name: str) -> dict[str, list[str]]:
    """The rules of `name`.grammar beside this file: "slot:" and below it, indented, its texts between "|"."""
    rules: dict[str, str] = {}
    slot = ""
    for line in Path(__file__).with_name(f"{name}.grammar").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            rules[slot] += line
        elif line and not line.startswith("#"):
            slot = line.rstrip(":")
            rules[slot] = ""
    return {slot: [text.strip() for text in texts.split("|")] for slot, texts in rules.items()}
