"""What the paper reports, to stand beside ours. Han & Tsvetkov, Findings of EMNLP 2021 (arXiv 2110.03212).

Accuracies are % on the paper's *test* split: BERT base, mean of five seeds ± sample SD, runs that failed to fit left
out.
"""

from dataclasses import dataclass

METHODS, ACCESS, CURVES = "Table 2", "Table 3", "Figure 3"


@dataclass(frozen=True)
class Figures:
    """accuracy, sd: % with the table it comes from; cid: at the end of training, Figure 3. None: not reported."""

    accuracy: float
    sd: float | None
    source: str
    cid: float | None = None


def _shares(method: str, accuracies: tuple[float, ...]) -> dict[tuple[str, str], Figures]:
    return {
        ("access-rate", f"{method}-{share}"): Figures(accuracy, None, ACCESS)
        for share, accuracy in zip((5, 10, 20, 50, 100), accuracies, strict=True)
    }


REPORTED: dict[tuple[str, str], Figures] = {
    ("textlen", "finetune"): Figures(76.00, 1.17, METHODS, 0.093),
    ("textlen", "adversarial"): Figures(78.44, 1.61, METHODS),
    ("textlen", "influence-tuning"): Figures(80.48, 2.07, METHODS, 0.035),
    ("textlen", "embedding-tuning"): Figures(82.20, 2.03, METHODS),
    ("textlen", "no-spurious"): Figures(84.96, 0.85, METHODS, 0.019),
    ("msgs", "finetune"): Figures(75.33, 7.98, METHODS),
    ("msgs", "adversarial"): Figures(83.41, 9.33, METHODS),
    ("msgs", "influence-tuning"): Figures(88.23, 4.97, METHODS),
    ("msgs", "embedding-tuning"): Figures(87.45, 7.90, METHODS),
    ("access-rate", "finetune"): Figures(76.00, 1.17, METHODS, 0.093),
    **_shares("influence-tuning", (78.24, 78.68, 80.65, 80.13, 80.48)),
    **_shares("embedding-tuning", (78.84, 80.80, 80.44, 81.07, 82.20)),
}
"""(experiment, column) → figures."""
