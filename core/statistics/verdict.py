"""From a CID and its uncertainty to one sentence that a person can act on."""

from dataclasses import asdict, dataclass
from typing import Literal

from core.formats import signed
from core.statistics.collapse import has_learned
from core.statistics.intervals import Interval, difference

Code = Literal["confounded", "not_confounded", "unclear", "withheld", "undefined"]

CONTROL_LEVEL = 0.02
"""CID of a model that never saw the confound in its text: 0.019 in the paper (TextLen, no spurious), rounded."""

SMALLEST_EFFECT = 0.02
"""Smallest excess over the control that is worth acting on: as much again as the control itself shows."""

ALPHA = 0.05

MORE_PROBES = "More probes narrow the interval."
"""How a sentence ends where asking more probes is the way to a verdict."""


@dataclass(frozen=True)
class Verdict:
    """`code` for programs, `sentence` for people."""

    code: Code
    sentence: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def verdict(
    cid: float | None,
    ci: Interval | None,
    null: Interval | None,
    p_value: float | None,
    *,
    train_accuracy: float,
    n_train: int,
    chance: float,
    control_cid: float | None = None,
    control_ci: Interval | None = None,
    confound: str = "confound",
    smallest_effect: float = SMALLEST_EFFECT,
) -> Verdict:
    """Is the model confounded? The rule, in this order:

    1. "undefined": no probe has a CID.
    2. "withheld": the model has not learned its training set (`collapse.has_learned`); a collapsed model can have
       CID 0 for want of any rationale.
    3. "confounded": CID is outside the permutation null (p < .05 and above the band) *and* the whole 95 % interval of
       its excess over the control lies above `smallest_effect`. Significance alone never suffices: in 100,000 rows a
       CID of 0.003 is significant and harmless.
    4. "not_confounded": the whole interval of the excess lies at or below `smallest_effect`, and CID is not as far on
       the other side of 0 (an equivalence test by interval inclusion).
    5. "unclear": anything else; the sentence says why.

    The excess is CID − control, with interval by `intervals.difference` where the control's own interval is given.
    A control below 0 counts as 0, and so does whatever of its interval lies below: max(control, 0) is what excuses a CID,
    and how far below 0 a control may lie accuses none. Without a control CONTROL_LEVEL stands in for it, so that the line is at 0.04.

    The lines are in cosine units (gradient or embedding cosine). For scores in other units give `smallest_effect` and
    the control in those units.

    cid, ci, null, p_value: as in `CidReport`. train_accuracy, chance in [0, 1]; chance is the largest label's share.
    control_cid, control_ci: the no-spurious control's. confound: its name, as in "share the {confound}".
    Source of the two levels: Han and Tsvetkov 2021, figure 3; of the form: Schuirmann 1987; Lakens 2017.
    """
    if cid is None or ci is None or null is None or p_value is None:
        return Verdict(
            "undefined",
            f"CID is undefined: no probe has training examples of its own label both with the same and with another "
            f"{confound}. Add counterexamples, or merge values of the {confound}.",
        )
    if not has_learned(train_accuracy, n_train, chance):
        return Verdict(
            "withheld",
            f"This model is right on {train_accuracy:.1%} of its training examples, about what guessing reaches "
            f"({chance:.1%}). It has not learned yet, so its CID of {signed(cid)} says nothing; train it longer or "
            f"with another learning rate.".replace("%", " %"),
        )
    code, conclusion = _judge(cid, ci, null, p_value, control_cid, control_ci, confound, smallest_effect)
    return Verdict(code, f"{_finding(cid, ci, null, control_cid, confound)} {conclusion}")


def _judge(
    cid: float,
    ci: Interval,
    null: Interval,
    p_value: float,
    control_cid: float | None,
    control_ci: Interval | None,
    confound: str,
    smallest_effect: float,
) -> tuple[Code, str]:
    control = CONTROL_LEVEL if control_cid is None else max(control_cid, 0.0)
    around = (control, control) if control_cid is None or control_ci is None else control_ci
    around = (min(max(around[0], 0.0), control), max(around[1], control))
    low, high = difference(cid, ci, control, around)
    line = control + smallest_effect
    outside_null = p_value < ALPHA and cid > null[1]
    if low > smallest_effect and outside_null:
        return "confounded", "The model is confounded."
    if high <= smallest_effect and ci[0] >= -line:
        return "not_confounded", f"The model does not lean on the {confound}."
    if cid < -line:
        return "unclear", (
            "The sign is the opposite of what a confounded model shows, so this needs a look at the histograms before "
            "anyone calls it confounded or not."
        )
    if low > smallest_effect:
        return "unclear", (
            "That is much, but chance alone could do it with so few counterexamples: it is unclear whether the model "
            "is confounded. Add counterexamples."
        )
    return "unclear", (
        f"The interval reaches to both sides of {line:.2f}, where confounding starts to matter: it is unclear whether "
        f"the model is confounded. {MORE_PROBES}"
    )


def _finding(cid: float, ci: Interval, null: Interval, control_cid: float | None, confound: str) -> str:
    way = "more" if round(cid, 2) >= 0 else "less"
    beside = (
        f"the control reaches {signed(control_cid)}"
        if control_cid is not None
        else f"chance alone gives {_range(null)}"
    )
    sign = 1 if way == "more" else -1
    interval = _range((ci[0], ci[1]) if sign > 0 else (-ci[1], -ci[0]))
    return (
        f"Examples that share the {confound} pull this model's decisions {signed(sign * cid)} {way} than those that "
        f"don't (95 % {interval}); {beside}."
    )


def _range(interval: Interval) -> str:
    low, high = signed(interval[0]), signed(interval[1])
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"
