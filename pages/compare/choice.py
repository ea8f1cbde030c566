"""From the address to what is compared: which groups and runs are meant, on which split, against which baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.formats import counted, listed
from core.store.engine import Store
from core.views.compare_choices import MOST, Choice, choices, splits_of, usual
from pages.parts.address import go_to, put_list


@dataclass(frozen=True)
class Chosen:
    """What the page shows.

    groups, runs: everything that can be chosen. wanted: what is. ready: names of those that can be compared on the
    split, the baseline first. notices: what the address names and the page cannot show, and why.
    """

    groups: Sequence[Choice]
    runs: Sequence[Choice]
    wanted: Sequence[Choice]
    splits: Mapping[str, Sequence[str]]
    split: str | None
    ready: Sequence[str]
    notices: Sequence[str]

    @property
    def baseline(self) -> str | None:
        """What the others are measured against."""
        return self.ready[0] if self.ready else None


def choose(store: Store) -> Chosen:
    """Read the address, and write back what it came to, so that a link to this view is whole."""
    groups, runs = choices(store)
    wanted, notices = _wanted(groups, runs)
    splits = splits_of(store, wanted)
    asked = st.query_params.get("split")
    split = asked if asked in splits else next(iter(splits), None)
    if asked is not None and split is not None and asked != split:
        notices.append(f"None of these was evaluated on the split that the link names. This is {split}.")
    ready = list(splits.get(split, ())) if split is not None else []
    notices += _left_out(wanted, ready, split)
    chosen = Chosen(groups, runs, wanted, splits, split, _baseline_first(ready, wanted), notices)
    _write(chosen)
    return chosen


def _wanted(groups: Sequence[Choice], runs: Sequence[Choice]) -> tuple[list[Choice], list[str]]:
    by_name = {one.name: one for one in groups}
    of_runs = {one.name: one for one in runs} | {one.run_ids[0]: one for one in runs}
    about = st.query_params.get("about")
    if about is not None:
        found = by_name.get(about) or of_runs.get(about)
        unknown = [] if found is not None else ["What this link is about is not in the store. This is the newest."]
        return usual(groups, runs, found), unknown
    if "groups" not in st.query_params and "runs" not in st.query_params:
        return usual(groups, runs), []
    asked = [(name, by_name) for name in st.query_params.get_all("groups") if name]
    asked += [(name, of_runs) for name in st.query_params.get_all("runs") if name]
    gone = [name for name, there in asked if name not in there]
    notices = []
    if gone:
        notices.append(f"Not in the store, perhaps deleted: {listed(gone, 8)}.")
    wanted = list(dict.fromkeys(there[name] for name, there in asked if name in there))
    if len(wanted) > MOST:
        notices.append(f"The link names {len(wanted)} groups and runs. These are the first {MOST}, the most at once.")
    return wanted[:MOST], notices


def _left_out(wanted: Sequence[Choice], ready: Sequence[str], split: str | None) -> list[str]:
    """Why something that was chosen is not compared."""
    said = []
    for one in wanted:
        if one.done == 0:
            states = {
                "still at work": one.at_work,
                "failed": one.statuses.count("failed"),
                "cancelled": one.statuses.count("cancelled"),
            }
            told = ", ".join(f"{n} {state}" for state, n in states.items() if n)
            said.append(
                f"{one.name} has no finished run to compare ({counted(len(one.statuses), 'run')}: {told}). It appears "
                "here as soon as one has finished."
            )
        elif one.name not in ready:
            said.append(
                f"{one.name} was not evaluated on {split}. Its data set may not have that split: choose another."
                if split
                else f"{one.name} was not evaluated on any split."
            )
    return said


def _baseline_first(ready: Sequence[str], wanted: Sequence[Choice]) -> list[str]:
    """The one that the address names; else plain finetuning where it is among them, else the first."""
    if not ready:
        return []
    plain = [one.name for one in wanted if one.methods == ("finetune",) and not one.on_control and one.name in ready]
    asked = st.query_params.get("baseline")
    first = asked if asked in ready else plain[0] if plain else ready[0]
    return [first, *(name for name in ready if name != first)]


def _write(chosen: Chosen) -> None:
    names = [one.name for one in chosen.wanted if not one.single]
    runs = [one.name for one in chosen.wanted if one.single]
    if not chosen.groups and not chosen.runs:
        return
    put_list("groups", names if names or runs else [""])  # an empty one says that nothing is wanted
    put_list("runs", runs)
    go_to(baseline=chosen.baseline, split=chosen.split, about=None)
