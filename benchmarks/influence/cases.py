"""What is measured: one row of the table each, varied one at a time around P = 40, T = 40, N = 1,500."""

from dataclasses import dataclass

OURS = "unconfound"
PEERS = ("reference", "dattri", "captum", "kronfluence")


@dataclass(frozen=True)
class Case:
    """One measurement, in a process of its own.

    Attributes:
        tool: who scores.
        probes: P.
        tokens: T of every text; None for TextLen's own lengths (6 to 52, mean 27), sorted as the diagnosis does.
        examples: N, the training examples.
        scored: the training examples that are timed; slow peers do a subsample.
        scored_probes: the probes that are timed; time is scaled to P where they are fewer.
        encoder: `minilm`, or `bert-base-shape` for a random model of that size.
        kind: `scores` or `tuning`.
    """

    tool: str
    probes: int = 40
    tokens: int | None = 40
    examples: int = 1500
    scored: int = 1500
    scored_probes: int = 40
    encoder: str = "minilm"
    kind: str = "scores"


def peer(tool: str, probes: int, tokens: int | None, encoder: str, *, gpu: bool) -> Case:
    """A peer on a subsample that takes it about a minute: its cost an example does not depend on how many there are.

    On a GPU there are more of them, or what a tool does once would be most of it.
    """
    scored = {"reference": 4, "dattri": 16, "captum": 4, "kronfluence": 64}[tool]
    if gpu and tool != "reference":
        scored *= 16
    scored_probes = 2 if tool == "reference" else probes
    return Case(tool, probes, tokens, 1500, scored, min(scored_probes, probes), encoder)


def cases(*, quick: bool, gpu: bool) -> list[Case]:
    """All rows; `quick` leaves one of each kind with few examples."""
    if quick:
        return [
            Case(OURS, tokens=None, examples=96, scored=96),
            *(peer(tool, 4, None, "minilm", gpu=False) for tool in PEERS),
        ]
    base = [Case(OURS, tokens=None), *(peer(tool, 40, None, "minilm", gpu=gpu) for tool in PEERS)]
    varied = [
        *(Case(OURS, probes=p, scored_probes=p) for p in (1, 10, 40, 160)),
        *(Case(OURS, tokens=t) for t in (16, 128)),
        *(Case(OURS, examples=n, scored=n) for n in (256, 10_000)),
    ]
    large = [Case(OURS, tokens=64, encoder="bert-base-shape")] if gpu else []
    return base + varied + large


def tuning_cases(*, quick: bool) -> list[Case]:
    """Influence tuning: tuples of one probe, five examples with its confound and five without."""
    return [
        Case(OURS, tokens=None, scored=2 if quick else 16, kind="tuning"),
        Case("reference", tokens=None, scored=2 if quick else 16, kind="tuning"),  # it does one tuple of them
    ]
