"""The choice of groups, runs, baseline and split at the top of the page."""

from typing import Any

import streamlit as st

from core.formats import counted
from core.views.compare_choices import MOST, Choice
from core.views.texts import STATUS
from pages.compare.choice import Chosen
from pages.parts.address import go_to, put_list


def pick(chosen: Chosen) -> None:
    """Draw the pickers; each writes its choice into the address."""
    groups = [one.name for one in chosen.wanted if not one.single]
    runs = [one.name for one in chosen.wanted if one.single]
    st.session_state["compare-groups"] = groups
    lines = {one.name: _line(one) for one in chosen.groups}
    st.multiselect(
        "Seed groups",
        list(lines),
        format_func=lambda name: lines[name],
        key="compare-groups",
        on_change=_changed,
        max_selections=max(MOST - len(runs), 1),
        disabled=not lines,
        placeholder="Choose groups" if lines else "No run was made with several seeds yet",
        help="Runs that differ by their seed alone, as Train makes them when it is given several seeds.",
    )
    left, middle, right = st.columns([2, 2, 1])
    inside = {run_id for one in chosen.wanted if not one.single for run_id in one.run_ids}
    offered = {one.name: _line(one) for one in chosen.runs if one.run_ids[0] not in inside or one.name in runs}
    st.session_state["compare-runs"] = runs
    left.multiselect(
        "Single runs",
        list(offered),
        format_func=lambda name: offered[name],
        key="compare-runs",
        on_change=_changed,
        max_selections=max(MOST - len(groups), 1),
        placeholder="Choose runs",
        help="One model each: it can be compared as a model, but says nothing on how its method does with other seeds.",
    )
    if len(chosen.ready) > 1:
        _baseline(chosen, middle)
    if len(chosen.splits) > 1:
        _split(chosen, right)


def _baseline(chosen: Chosen, place: Any) -> None:
    st.session_state["compare-baseline"] = chosen.baseline
    place.selectbox(
        "Baseline",
        [one.name for one in chosen.wanted if one.name in chosen.ready],
        key="compare-baseline",
        on_change=lambda: go_to(baseline=st.session_state["compare-baseline"]),
        help="What the others are measured against, usually plain finetuning.",
    )


def _split(chosen: Chosen, place: Any) -> None:
    st.session_state["compare-split"] = chosen.split
    place.segmented_control(
        "Split",
        list(chosen.splits),
        key="compare-split",
        on_change=lambda: go_to(split=st.session_state["compare-split"]),
        required=True,
        help="Settings are usually chosen on dev; test is for the last word, train shows what was memorised.",
    )


def _changed() -> None:
    groups, runs = st.session_state["compare-groups"], st.session_state["compare-runs"]
    put_list("groups", groups if groups or runs else [""])
    put_list("runs", runs)


def _line(one: Choice) -> str:
    """A group or run in a picker, short: it also stands on the small tag of what is chosen."""
    parts = [one.name]
    if one.demo:
        parts.append("demo")
    if one.single:
        parts += [] if one.done else [STATUS.get(one.statuses[0], one.statuses[0])]
    else:
        n = len(one.statuses)
        parts.append(counted(n, "seed") if one.done == n else f"{one.done} of {counted(n, 'seed')} finished")
    return " · ".join(parts)
