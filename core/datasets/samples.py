"""The data sets that come with the project (`python -m core.datasets.generators` makes them anew)."""

from dataclasses import dataclass
from pathlib import Path

SAMPLE_FOLDER = Path(__file__).resolve().parents[2] / "data" / "samples"


@dataclass(frozen=True)
class Sample:
    """A bundled set with the columns text, label, confound.

    `name` is what it is called once stored, `files` maps each split to its file. `control_of` names the sample of which
    this one is the no-spurious control (the confound taken out of the text), `control` the control of this one.
    """

    key: str
    name: str
    title: str
    description: str
    files: dict[str, Path]
    control_of: str | None = None
    control: str | None = None


def _files(key: str) -> dict[str, Path]:
    return {split: SAMPLE_FOLDER / f"{key}_{split}.csv" for split in ("train", "dev", "test")}


SAMPLES: dict[str, Sample] = {
    sample.key: sample
    for sample in (
        Sample(
            key="textlen",
            name="textlen-sample",
            title="TextLen: length against a prefix",
            description=(
                "Is the text short or long? Before each invented news text stands “Negative .” or “Positive .”, which"
                " goes with the length in 9 of 10 training rows and in half of the others: a tempting shortcut."
            ),
            files=_files("textlen"),
            control="textlen_nospurious",
        ),
        Sample(
            key="textlen_nospurious",
            name="textlen-sample-control",
            title="TextLen without the prefix (control)",
            description="The same texts with the prefix removed: what a model reaches when there is no shortcut to take.",
            files=_files("textlen_nospurious"),
            control_of="textlen",
        ),
        Sample(
            key="grammar",
            name="grammar-sample",
            title="Grammar: the main verb against the first word",
            description=(
                "Is the main verb in -ing or in the past? Each sentence holds both kinds. In training, all but 12 of"
                " 1,000 with a main verb in -ing have “the” before “a”, the others “a” before “the”; in dev and test"
                " half have."
            ),
            files=_files("grammar"),
        ),
    )
}
