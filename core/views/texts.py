"""What the terms mean, in a sentence each, with the place where they come from. Pages show them as hover help."""

from dataclasses import dataclass

from core.training.effort import TUNING_COST

PAPER = "https://arxiv.org/abs/2110.03212"

WHAT_THIS_IS = (
    "Unconfound shows whether your text classifier decides by the right words or by a shortcut: a prefix, a dialect, "
    "a source that happened to go along with the label."
)


@dataclass(frozen=True)
class Term:
    """A word of the field: what it means, and where to read on."""

    sentence: str
    url: str | None = None


TERMS: dict[str, Term] = {
    "confound": Term(
        "Something in the text that went along with the label in the training set without being its cause, such as a "
        "prefix, an author or a dialect.",
        PAPER,
    ),
    "cell": Term(
        "All examples that share one label and one confound value.",
        "https://arxiv.org/abs/1911.08731",
    ),
    "cid": Term(
        "Confound influence difference: how much more the training examples that share a probe's confound speak for "
        "its label than those that do not, on a scale from −2 to 2. Near 0 the confound plays no part in the decision.",
        PAPER,
    ),
    "layer_cid": Term(
        "CID by layer: the cosine of two gradients is a sum over the model's layers, and so is CID. Intervals come from "
        "drawing the probes anew.",
        PAPER,
    ),
    "influence": Term(
        "How much a training example speaks for (above 0) or against (below 0) the model's decision on a probe: the "
        "cosine of the two examples' loss gradients over all parameters.",
        "https://arxiv.org/abs/2002.08484",
    ),
    "probe": Term("A labelled example whose decision is traced back to the training examples.", PAPER),
    "counterexample": Term("A training example of the same label with another confound value.", PAPER),
    "cramers_v": Term(
        "Cramér's V: how closely label and confound go together, from 0 (not at all) to 1 (one gives away the other).",
        "https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.contingency.association.html",
    ),
    "floor": Term(
        "Confound-only floor: the best accuracy that the confound alone would reach on this split. An accuracy near "
        "it shows nothing about the text.",
    ),
    "worst_cell": Term(
        "The accuracy in the label × confound cell where the model is worst. A shortcut shows here first.",
        "https://arxiv.org/abs/1911.08731",
    ),
    "wilson": Term(
        "95 % interval of a share by Wilson's score method.",
        "https://doi.org/10.1080/01621459.1927.10502953",
    ),
    "balanced_accuracy": Term(
        "The mean over the labels of the share of their examples that were predicted right.",
        "https://scikit-learn.org/stable/modules/model_evaluation.html#balanced-accuracy-score",
    ),
    "ece": Term(
        "Expected calibration error: how far the model's confidence is from how often it is right.",
        "https://arxiv.org/abs/1706.04599",
    ),
    "calibrated": Term(
        "Confidence that was made to agree with how often the model is right on held-out examples: all its log-probabilities "
        "are divided by one temperature, which changes no decision.",
        "https://arxiv.org/abs/1706.04599",
    ),
    "gap": Term(
        "Accuracy where the confound goes with the label as in training, minus accuracy where it does not.",
        "https://arxiv.org/abs/1911.08731",
    ),
    "null": Term(
        "What chance alone would give: CID after the confound was shuffled among training examples of the same label, "
        "2,000 times; the band holds 95 % of them.",
        "https://docs.scipy.org/doc/scipy/tutorial/stats/resampling.html",
    ),
    "ci": Term(
        "95 % interval from drawing probes and training examples anew, both, 2,000 times.",
        "https://doi.org/10.1214/aos/1176344552",
    ),
    "q": Term(
        "The probe's Welch p-value after a correction for testing many probes that depend on each other.",
        "https://doi.org/10.1214/aos/1013699998",
    ),
    "cliffs_delta": Term(
        "Cliff's δ: how much likelier an example of the same confound has more influence than one of another confound, "
        "minus the reverse; from −1 to 1.",
        "https://doi.org/10.1037/0033-2909.114.3.494",
    ),
    "effect": Term(
        "Hedges' g: the difference of the two groups' means in standard deviations.",
        "https://doi.org/10.3102/10769986006002107",
    ),
    "verdict": Term(
        "What the interval, the null band and the control together allow to say. It is withheld until the model has "
        "learned its training set.",
        PAPER,
    ),
    "failed_to_fit": Term(
        "The model is right on its training set about as often as guessing would be. Its other numbers say nothing.",
        PAPER,
    ),
    "encoder": Term(
        "The pretrained language model that reads the text. A new layer that decides the label is put on top, and "
        "both are trained.",
        "https://huggingface.co/docs/transformers/glossary",
    ),
    "seed": Term(
        "Fixes the new layer, the order of the data and dropout. Several seeds show how much of a result is luck.",
    ),
    "checkpoint": Term("The model as it was after a given number of steps. A diagnosis looks at one checkpoint."),
    "round": Term(
        "A few passes over freshly drawn probes that lower the tuning loss alone, between two label steps.",
        PAPER,
    ),
    "tuning_loss": Term(
        "J, the tuning loss: the square of how much more the examples that share a probe's confound speak for its label "
        "than those that don't, mean over the probes. 0 is the aim.",
        PAPER,
    ),
    "difference": Term(
        "How much more the examples drawn with a probe's confound speak for its label than those drawn without it: what "
        "J squares, with its sign.",
        PAPER,
    ),
    "control": Term(
        "The same examples with the confound taken out of the text. What a model reaches there is the level to compare with.",
        PAPER,
    ),
    "accuracy": Term("The share of examples that the model labels right."),
    "split": Term(
        "Which examples are meant: train is learned from, dev is for choosing settings, test is looked at once, at the end.",
    ),
    "label_step": Term("One step of the optimiser on a batch of labelled training examples."),
    "seed_group": Term(
        "Runs with the same settings that differ by their seed alone, so that a result can be told from luck.",
    ),
    "access_rate": Term(
        "The share of training examples whose confound a method may know. Finetuning needs none.",
        PAPER,
    ),
    "sd": Term("Standard deviation over the seeds: how far they typically lie from their mean."),
}


def help_for(term: str) -> str:
    """The hover text of a term (Markdown, with a link to its source)."""
    found = TERMS[term]
    return found.sentence if found.url is None else f"{found.sentence} [Source]({found.url})"


METHODS = {
    "finetune": "Finetuning",
    "influence-tuning": "Influence tuning",
    "embedding-tuning": "Embedding tuning",
    "combined-tuning": "Combined tuning",
    "adversarial": "Adversarial training",
    "no-spurious": "No-spurious control",
}
ABOUT_METHODS = {
    "finetune": "Trains on the labels alone and so shows what the data teach, shortcut included: what every treatment is "
    "compared with, and the cheapest.",
    "influence-tuning": "Between label steps, teaches the model to give training examples that share a probe's confound "
    "no more weight than those that don't; it helps where some counterexamples are known, and an example in it costs "
    f"{TUNING_COST['influence']:g} times one in a label step.",
    "embedding-tuning": "Does the same with the vectors that the last layer reads in place of gradients; it helps in the "
    "same places, and an example in it costs as much as one in a label step.",
    "combined-tuning": "Both terms in the same rounds, for where one alone leaves CID high; it costs what the two cost "
    "together.",
    "adversarial": "Trains the encoder so that a second head cannot tell the confound from its vectors; it needs no "
    "counterexamples and costs hardly more than finetuning, but may also remove what the label needs.",
    "no-spurious": "Plain finetuning on the data set's control, whose texts have the confound taken out: the level that a "
    "cured model can be expected to reach, at the cost of finetuning.",
}
"""What a method does, when it helps and what it costs."""

SCHEDULES = {
    "rounds": "In rounds, between label steps",
    "joint": "In every label step, added to its loss",
    "once": "One round, before the first label step",
}
VERDICTS = {
    "confounded": "confounded",
    "not_confounded": "not confounded",
    "unclear": "unclear",
    "withheld": "withheld",
    "undefined": "undefined",
}
STATUS = {
    "queued": "waiting",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
KINDS = {"train": "Training", "diagnose": "Diagnosis", "evaluate": "Evaluation", "try": "Try of a text"}
STATUS_ICONS = {
    "queued": ":material/hourglass_empty:",
    "running": ":material/play_circle:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
}
STATUS_COLOURS = {"queued": "gray", "running": "blue", "done": "green", "failed": "red", "cancelled": "gray"}
