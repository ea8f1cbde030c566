"""How to read a report: the terms that it uses, from the glossary of the pages."""

from core.views.glossary import entry
from core.views.texts import Term

OF_A_RUN = (
    "confound",
    "cell",
    "probe",
    "influence",
    "cid",
    "counterexample",
    "verdict",
    "control",
    "null",
    "ci",
    "effect",
    "cliffs_delta",
    "q",
    "floor",
    "worst_cell",
    "wilson",
    "ece",
    "checkpoint",
    "round",
    "tuning_loss",
    "difference",
    "seed",
    "failed_to_fit",
    "encoder",
)
OF_A_COMPARISON = ("seed", "confound", "cell", "worst_cell", "cid", "floor", "failed_to_fit")


def of_a_run() -> list[tuple[str, Term]]:
    """Name and meaning of each term."""
    return [entry(key) for key in OF_A_RUN]


def of_a_comparison() -> list[tuple[str, Term]]:
    """The terms that a comparison uses, with what its tests are."""
    more = {
        "Mean ± SD": Term(
            "Mean over the seeds and sample standard deviation: how far a single run usually is from the mean."
        ),
        "Welch's t-test": Term(
            "Whether two means differ by more than the luck of seeds, where the two groups may vary differently.",
            "https://doi.org/10.1093/biomet/34.1-2.28",
        ),
        "Holm p": Term(
            "The p-value after Holm's correction for making several tests.", "https://www.jstor.org/stable/4615733"
        ),
        "Hedges' g": Term(
            "The difference of the two means in standard deviations.", "https://doi.org/10.3102/10769986006002107"
        ),
    }
    return [entry(key) for key in OF_A_COMPARISON] + list(more.items())
