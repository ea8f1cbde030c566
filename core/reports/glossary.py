"""How to read a report: the terms that it uses, from the same list as the pages' hover help."""

from core.views.texts import TERMS, Term

OF_A_RUN = {
    "Confound": "confound",
    "Cell": "cell",
    "Probe": "probe",
    "Influence": "influence",
    "CID": "cid",
    "Counterexample": "counterexample",
    "Verdict": "verdict",
    "Control": "control",
    "Chance (null band)": "null",
    "Interval of CID": "ci",
    "Effect (Hedges' g)": "effect",
    "Cliff's δ": "cliffs_delta",
    "q": "q",
    "Confound alone (floor)": "floor",
    "Worst cell": "worst_cell",
    "Interval of an accuracy": "wilson",
    "ECE": "ece",
    "Checkpoint": "checkpoint",
    "Tuning round": "round",
    "J": "tuning_loss",
    "Difference": "difference",
    "Seed": "seed",
    "Failed to fit": "failed_to_fit",
    "Encoder": "encoder",
}
OF_A_COMPARISON = ("Seed", "Confound", "Cell", "Worst cell", "CID", "Confound alone (floor)", "Failed to fit")


def of_a_run() -> list[tuple[str, Term]]:
    """Title and meaning of each term."""
    return [(title, TERMS[key]) for title, key in OF_A_RUN.items()]


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
    return [(title, TERMS[OF_A_RUN[title]]) for title in OF_A_COMPARISON] + list(more.items())
