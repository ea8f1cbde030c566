"""A grammar set after MSGS: the label is a syntactic category, the confound the relative position of two determiners.

MSGS (Warstadt et al., "Learning Which Features Matter", EMNLP 2020) asks whether a model prefers a syntactic or a surface
generalisation. Every text here has a main clause and a relative clause, one with a verb in -ing and one with a verb in the
past; the label says which of the two the main verb is. The confound says whether "the" comes before or after "a"; both
words occur once in every text, and the text begins with one of them.
"""

import pandas as pd

from core.datasets.errors import DataError
from core.datasets.generators.draw import Draw
from core.datasets.generators.grammar import Grammar, read_rules

LABELS = ("progressive", "past")
CONFOUNDS = ("the first", "a first")
_ALIGNED = dict(zip(LABELS, CONFOUNDS, strict=True))


def msgs_like(
    *, train: int = 2000, dev: int = 600, test: int = 600, counterexamples: int = 12, seed: int = 2021
) -> dict[str, pd.DataFrame]:
    """Splits "train", "dev", "test" → columns text, label, confound; no text occurs twice.

    Half of each split has each label. In train, `counterexamples` of each label have the other label's confound; in dev
    and test half of each label have. Raises `DataError` for counts that do not split evenly into cells.
    """
    draw = Draw(seed)
    seen: set[str] = set()
    return {
        "train": _split(draw, seen, train, counterexamples),
        "dev": _split(draw, seen, dev, dev // 4),
        "test": _split(draw, seen, test, test // 4),
    }


def _split(draw: Draw, seen: set[str], rows: int, counterexamples: int) -> pd.DataFrame:
    if rows % 2 or not 0 <= counterexamples <= rows // 2:
        raise DataError("A split needs an even number of rows, and at most half of them as counterexamples.")
    cells = []
    for label in LABELS:
        other = next(confound for confound in CONFOUNDS if confound != _ALIGNED[label])
        cells += [(label, _ALIGNED[label])] * (rows // 2 - counterexamples) + [(label, other)] * counterexamples
    examples = []
    for label, confound in draw.shuffled(cells):
        text = _text(draw, label, confound)
        while text in seen:
            text = _text(draw, label, confound)
        seen.add(text)
        examples.append((text, label, confound))
    return pd.DataFrame(examples, columns=["text", "label", "confound"])


def _grammar(one: str, two: str) -> Grammar:
    return Grammar({**read_rules("msgs"), "one": [one], "two": [two]})


_GRAMMARS = {"the first": _grammar("the", "a"), "a first": _grammar("a", "the")}


def _text(draw: Draw, label: str, confound: str) -> str:
    start = "{progressive}" if label == "progressive" else "{past_tense}"
    text = _GRAMMARS[confound].expand(start, draw)
    return text[0].upper() + text[1:] + "."
