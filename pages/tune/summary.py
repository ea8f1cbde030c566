"""What a treatment changed, in words and a few numbers; and the button for a diagnosis that is missing."""

from collections.abc import Sequence

import streamlit as st

from core.actions.diagnosing import start_diagnosis
from core.errors import UserError
from core.formats import NOTHING, counted, interval, percent, plain, signed
from core.settings import get_settings
from core.store import queries
from core.store.tables import Run
from core.views.diagnoses import Point
from core.views.texts import help_for
from pages.parts.saying import say
from pages.parts.store import open_store
from pages.parts.work import start_button
from pages.tune.pair import Pair


def show_summary(pair: Pair) -> None:
    """A sentence on CID and one on accuracy, and below them the numbers before and after, and the verdict."""
    if pair.run.failed_to_fit:
        st.subheader("The model has forgotten its task", anchor=False)
        st.markdown(
            "It is right about as often as guessing would be, so its CID says nothing. After a round a model needs label "
            "steps to learn the task again: go on with some below, or start anew with a lower learning rate or fewer epochs."
        )
        st.markdown(cid_in_words(pair))
    else:
        st.subheader(cid_in_words(pair), anchor=False)
    told = accuracy_in_words(pair)
    if told:
        st.markdown(told)
    with st.container(border=True, horizontal=True, gap="large", key="tune-figures"):
        _figure("CID before", _cid(pair.before), _within(pair.before), "cid")
        _figure("CID after", _cid(pair.after), _within(pair.after), "cid")
        split = next(iter(pair.splits), None)
        if split is not None:
            was, now = pair.reports_before[split], pair.reports_after[split]
            for title, name, term in (
                (f"{split.capitalize()} accuracy", "accuracy", "wilson"),
                ("Worst cell", "worst_cell", "worst_cell"),
            ):
                _figure(title, percent(now[name]), f"was {percent(was[name])}", term)
            _figure("Floor", percent(now["confound_only_floor"]), "confound alone", "floor")
    if pair.after is not None:
        verdict = queries.get_diagnosis(open_store(), pair.after.id)
        st.markdown(f":material/gavel: {plain(verdict.sentence)}", help=help_for("verdict"))


def cid_in_words(pair: Pair) -> str:
    """What became of CID (Markdown)."""
    before, after = pair.before, pair.after
    if before is not None and after is not None:
        if before.cid is None or after.cid is None:
            return "CID is undefined before or after: a group to compare with is empty."
        both = pair.probes().dropna(subset=["cid_before", "cid_after"])
        nearer = int((both["cid_after"].abs() < both["cid_before"].abs()).sum())
        return (
            f"CID went from {signed(before.cid)} to {signed(after.cid)}; it is nearer to 0 on {nearer} of "
            f"{counted(len(both), 'probe')}. {_intervals(before, after)}"
        ).strip()
    if after is not None:
        return f"CID is {signed(after.cid)} now. The starting point was not measured in the same way."
    if before is not None:
        return f"CID was {signed(before.cid)} before. It has not been measured since."
    return "CID has been measured neither before nor after."


def _intervals(before: Point, after: Point) -> str:
    if before.ci_low is None or before.ci_high is None or after.ci_low is None or after.ci_high is None:
        return ""
    if after.ci_high < before.ci_low or before.ci_high < after.ci_low:
        return "The two intervals lie apart."
    return "The two intervals overlap, so it may be chance."


def accuracy_in_words(pair: Pair) -> str | None:
    """What became of accuracy on the first split that has both (Markdown); nothing where there is none."""
    split = next(iter(pair.splits), None)
    if split is None:
        return None
    was, now = pair.reports_before[split], pair.reports_after[split]
    said = f"{split.capitalize()} accuracy went from {percent(was['accuracy'])} to **{percent(now['accuracy'])}**"
    if was.get("worst_cell") is None or now.get("worst_cell") is None:
        return said + "."
    said += f", the worst cell from {percent(was['worst_cell'])} to **{percent(now['worst_cell'])}**."
    if now["accuracy"] <= now["confound_only_floor"] < was["accuracy"]:
        said += " That is no more than the confound alone would reach: the round may have undone what was learned."
    return said


def show_measuring(pair: Pair) -> None:
    """What has to be measured for a comparison, with the button for it; nothing where both sides are."""
    if pair.comparable:
        return
    kept = pair.start is not None and pair.start.path is not None
    with st.container(border=True, key="tune-measure"):
        if pair.after is None and pair.before is None:
            _measure_both(pair, kept=kept)
        elif pair.after is None:
            st.markdown("The new model has not been diagnosed. Ask it the probes that the starting point was asked:")
            start_button(
                pair.run, "Diagnose the new model", checkpoint="final", key="tune-after", like=pair.before, primary=True
            )
        elif pair.parent is None or not kept:
            st.markdown("The starting point cannot be measured any more: its run or its weights are gone.")
        else:
            st.markdown(
                "The starting point was diagnosed with other probes or in another way. Ask it these, and the two can be "
                "compared:"
                if pair.otherwise
                else "The starting point has not been diagnosed. Ask it the probes that the new model was asked:"
            )
            start_button(
                pair.parent,
                f"Diagnose step {pair.run.parent_step:,} of the parent",
                checkpoint=str(pair.run.parent_step),
                key="tune-before",
                like=pair.after,
                primary=True,
            )


def _measure_both(pair: Pair, *, kept: bool) -> None:
    asked: list[tuple[Run, str]] = [(pair.run, "final")]
    if pair.parent is not None and kept:
        asked.insert(0, (pair.parent, str(pair.run.parent_step)))
    both = len(asked) > 1
    st.markdown(
        "Neither the starting point nor the new model has been diagnosed. Ask both the same probes:"
        if both
        else "The new model has not been diagnosed, and the starting point cannot be any more."
    )
    st.button(
        "Diagnose before and after" if both else "Diagnose the new model",
        key="tune-both",
        type="primary",
        icon=":material/query_stats:",
        on_click=_start,
        args=(asked, pair.run.seed),
    )


def _start(asked: Sequence[tuple[Run, str]], seed: int) -> None:
    try:
        for run, checkpoint in asked:
            start_diagnosis(open_store(), get_settings(), run, checkpoint=checkpoint, seed=seed)
    except UserError as error:
        say(plain(str(error)), icon=":material/info:")
        st.rerun()  # the whole page, also where the button stands in a fragment


def _cid(point: Point | None) -> str:
    return NOTHING if point is None else signed(point.cid, 3)


def _within(point: Point | None) -> str:
    if point is None:
        return "not measured"
    return "undefined" if point.ci_low is None else f"95 % {interval(point.ci_low, point.ci_high)}"


def _figure(label: str, value: str, beneath: str, term: str) -> None:
    st.metric(
        label,
        value,
        delta=plain(beneath),
        delta_color="off",
        delta_arrow="off",
        help=help_for(term),
        width="content",
    )
