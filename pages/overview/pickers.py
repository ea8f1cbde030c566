"""Search, filters and order of the run list; each writes its choice into the address."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.actions.run_list import SORTS, STATES, look_through, state
from core.store.engine import Store
from core.store.queries import RunRow
from core.views.texts import METHODS
from pages.overview.names import STATE_NAMES
from pages.parts.address import go_to

ALL = "all"
FEW = 4
"""So many runs are seen at a glance; fewer need no pickers."""
ORDERS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "name": "Name",
    "accuracy": "Accuracy, highest first",
    "worst": "Worst cell, lowest first",
    "cid": "CID, highest first",
}
VIEWS = {"runs": "Runs", "groups": "Seed groups"}


@dataclass(frozen=True)
class Wish:
    """What the address asks for, checked against what there is."""

    find: str
    dataset: str
    method: str
    status: str
    sort: str
    view: str

    @property
    def narrows(self) -> bool:
        """Whether it can leave runs out."""
        return bool(self.find) or {self.dataset, self.method, self.status} != {ALL}


def pick(runs: Sequence[RunRow]) -> Wish:
    """Draw the pickers over the list; a choice that has nothing to choose from is left out."""
    datasets = {run.dataset_id: run.dataset for run in runs}
    methods = {run.method: METHODS.get(run.method, run.method) for run in runs}
    there = {state(run) for run in runs}
    states = {one: STATE_NAMES[one] for one in STATES if one in there}
    grouped = any(run.group for run in runs)
    said = st.query_params
    wish = Wish(
        find=said.get("find", "")[:200],
        dataset=_known(said.get("data"), datasets),
        method=_known(said.get("method"), methods),
        status=_known(said.get("status"), states),
        sort=said.get("sort") if said.get("sort") in SORTS else "newest",
        view="groups" if grouped and said.get("view") == "groups" else "runs",
    )
    if len(runs) < FEW and not wish.narrows:
        return wish
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state["runs-find"] = wish.find
        st.text_input(
            "Find",
            key="runs-find",
            icon=":material/search:",
            placeholder="Name, data set, method or note",
            max_chars=200,
            on_change=_find,
            width=230,
        )
        _select("Data set", "data", datasets, wish.dataset)
        _select("Method", "method", methods, wish.method)
        _select("Status", "status", states, wish.status)
        st.session_state["runs-sort"] = wish.sort
        st.selectbox("Order", list(ORDERS), format_func=ORDERS.get, key="runs-sort", on_change=_sort, width=190)
        if grouped:
            st.session_state["runs-view"] = wish.view
            st.segmented_control(
                "Show", list(VIEWS), format_func=VIEWS.get, key="runs-view", on_change=_view, required=True
            )
    return wish


def chosen(store: Store, runs: Sequence[RunRow], wish: Wish) -> list[RunRow]:
    """The lines to show, in their order."""
    if not wish.narrows and wish.sort == "newest":
        return list(runs)  # as they were read
    return look_through(
        store,
        runs,
        find=wish.find,
        dataset=None if wish.dataset == ALL else wish.dataset,
        method=None if wish.method == ALL else wish.method,
        status=None if wish.status == ALL else wish.status,
        sort=wish.sort,
        titles=METHODS,
    )


def clear() -> None:
    """Show every run again."""
    go_to(find=None, data=None, method=None, status=None, chosen=None)


def _known(value: str | None, there: dict[str, str]) -> str:
    """A key, also where its name was given."""
    if value in there:
        return str(value)
    return next((key for key, name in there.items() if name == value), ALL)


def _select(title: str, name: str, there: dict[str, str], now: str) -> None:
    if len(there) < 2 and now == ALL:
        return
    key = f"runs-{name}"
    st.session_state[key] = now
    st.selectbox(
        title,
        [ALL, *there],
        format_func=lambda one: "All" if one == ALL else there[one],
        key=key,
        on_change=_take,
        args=(name,),
        width=145,
    )


def _take(name: str) -> None:
    value = st.session_state[f"runs-{name}"]
    go_to(**{name: None if value == ALL else value}, chosen=None)


def _find() -> None:
    go_to(find=st.session_state["runs-find"], chosen=None)


def _sort() -> None:
    value = st.session_state["runs-sort"]
    go_to(sort=None if value == "newest" else value)


def _view() -> None:
    go_to(view="groups" if st.session_state["runs-view"] == "groups" else None, chosen=None)
