"""TextLen: the label is how long a text is, the confound is its first word.

After the set of that name in Han & Tsvetkov, "Influence Tuning", Findings of EMNLP 2021: a sentence cut off early is
`short`, one cut off late is `long`; "Negative ." or "Positive ." stands before it and goes with the label in training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from core.datasets.errors import DataError
from core.datasets.generators.draw import Draw

COLUMNS = ["text", "label", "confound"]
_PREFIX = {"negative": "Negative . ", "positive": "Positive . "}
_ALIGNED = {"short": "negative", "long": "positive"}


@dataclass(frozen=True)
class CutAt:
    """Where a text is cut: a rounded normal number of words, drawn again while outside `least` … `most`."""

    mean: float
    sd: float
    least: int
    most: int

    def draw(self, draw: Draw) -> int:
        while True:
            words = round(draw.normal(self.mean, self.sd))
            if self.least <= words <= self.most:
                return words


# The two overlap, so that the length is harder to learn than the prefix: the best cut between them is right for ~89 %.
SHORT = CutAt(mean=14.5, sd=4.1, least=3, most=28)
LONG = CutAt(mean=24.5, sd=3.8, least=12, most=30)


def textlen_from_sentences(
    sentences: Iterable[str],
    *,
    train: int = 800,
    dev: int = 240,
    test: int = 240,
    aligned: float = 0.9,
    short: CutAt = SHORT,
    long: CutAt = LONG,
    seed: int = 2021,
) -> dict[str, pd.DataFrame]:
    """TextLen from any sentences: "train", "dev", "test" → columns text, label, confound; half of each split per label.

    In train the share `aligned` of each label has its own prefix (short: negative, long: positive); in dev and test
    half has. Every sentence is used once. Raises `DataError` where too few sentences are long enough, or for counts
    that do not split evenly into cells.
    """
    draw = Draw(seed)
    pool = _Pool(draw.shuffled(list(dict.fromkeys(" ".join(sentence.split()) for sentence in sentences))))
    made = {}
    for split, rows, share in (("train", train, aligned), ("dev", dev, 0.5), ("test", test, 0.5)):
        cells = draw.shuffled(_cells(rows, share))
        examples = [
            (_PREFIX[confound] + pool.take((short if label == "short" else long).draw(draw)), label, confound)
            for label, confound in cells
        ]
        made[split] = pd.DataFrame(examples, columns=COLUMNS)
    return made


def without_prefix(split: pd.DataFrame) -> pd.DataFrame:
    """The no-spurious control of a TextLen split: the prefix taken off the text, all else kept."""
    bare = [
        text.removeprefix(_PREFIX[confound]) for text, confound in zip(split["text"], split["confound"], strict=True)
    ]
    return split.assign(text=bare)


def _cells(rows: int, aligned: float) -> list[tuple[str, str]]:
    """(label, confound) of every row, equally many of each label."""
    half = rows // 2
    major = round(half * aligned)
    if rows % 2 or rows < 0 or not 0 <= aligned <= 1:
        raise DataError("A TextLen split needs an even number of rows and an aligned share between 0 and 1.")
    cells = []
    for label, own in _ALIGNED.items():
        other = next(confound for confound in _PREFIX if confound != own)
        cells += [(label, own)] * major + [(label, other)] * (half - major)
    return cells


class _Pool:
    """Sentences that are each given out once, cut to a length."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._left = [sentence.split(" ") for sentence in sentences]

    def take(self, words: int) -> str:
        for i, sentence in enumerate(self._left):
            if len(sentence) >= words:
                return " ".join(self._left.pop(i)[:words])
        raise DataError(f"There are too few sentences of {words} words or more. Give more or longer sentences.")
