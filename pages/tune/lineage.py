"""The tree of rounds that a run belongs to: what was done from where, and what each run reached."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from core.actions.tuning import LABEL, Branch, treatment_of, tree
from core.formats import NOTHING, counted, percent, signed
from core.store import queries
from core.store.engine import Store
from core.store.queries import RunRow
from core.store.tables import Run
from core.views.texts import METHODS, STATUS, help_for
from pages.parts.address import go_to
from pages.parts.tables import download_csv
from pages.tune.form import TITLES
from pages.tune.pickers import RUN_LEVEL

KEY = "tune-tree"
INDENT = "\u2003"
MOST_HEIGHT = 460


def show_tree(store: Store, run: Run) -> None:
    """The tree as an indented table; picking a row goes to that run. Nothing for a run that stands alone."""
    branches = tree(store, run)
    if len(branches) < 2:
        return
    st.subheader("The tree of rounds", anchor=False, help=help_for("round"))
    table = tree_table(branches, {one.id: one for one in queries.list_runs(store, dataset_id=run.dataset_id)})
    names = list(table["run"])
    st.caption(f"{counted(len(table), 'run')}, each below what it began with. Pick a row to go to its run.")
    key = f"{KEY}-{run.id}"
    st.dataframe(
        shown(table, run.name),
        key=key,
        hide_index=True,
        height=min(38 + 35 * len(table), MOST_HEIGHT),
        on_select=lambda: _picked(key, names),
        selection_mode="single-row",
        selection_default={"selection": {"rows": [names.index(run.name)]}},
        column_config={
            "Run": st.column_config.TextColumn(width="medium"),
            "J in the round": st.column_config.TextColumn(help=help_for("tuning_loss")),
            "CID in the round": st.column_config.TextColumn(
                help="On the fixed probes of the curve, before its first round and after its last."
            ),
            "CID": st.column_config.TextColumn(help=f"Of its last diagnosis. {help_for('cid')}"),
            "Worst cell": st.column_config.TextColumn(help=help_for("worst_cell")),
        },
        alt="The tree of rounds: each run, what was done, from which step, J and CID in its round, CID, accuracy, status",
    )
    download_csv(table, f"{run.name}-tree.csv", key="tune-tree-csv")


def tree_table(branches: Sequence[Branch], reached: Mapping[str, RunRow]) -> pd.DataFrame:
    """One row a run of the tree, numbers as they were measured."""
    rows = []
    for one in branches:
        found = reached.get(one.run.id)
        losses = [part["loss"] for part in one.rounds]
        cids = [cid for part in one.rounds for cid in part["cid"] if cid is not None]
        rows.append(
            {
                "run": one.run.name,
                "depth": one.depth,
                "done": what_was_done(one.run),
                "from_step": one.run.parent_step,
                "j_first": losses[0][0] if losses else None,
                "j_last": losses[-1][-1] if losses else None,
                "round_cid_before": cids[0] if cids else None,
                "round_cid_after": cids[-1] if cids else None,
                "cid": found.cid if found else None,
                "split": found.split if found else None,
                "accuracy": found.accuracy if found else None,
                "worst_cell": found.worst_cell if found else None,
                "status": STATUS.get(one.run.status, one.run.status),
            }
        )
    return pd.DataFrame(rows)


def what_was_done(run: Run) -> str:
    """Influence tuning, then 50 label steps."""
    if run.parent_step is None:
        return f"{METHODS.get(run.method, run.method)} from the encoder"
    done = treatment_of(run)
    title = TITLES.get(done.kind, done.kind)
    if not done.then_label_steps:
        return title
    steps = counted(done.then_label_steps, "label step")
    return steps if done.kind == LABEL else f"{title}, then {steps}"


def shown(table: pd.DataFrame, current: str) -> pd.DataFrame:
    """The table as it is read: indented, numbers written out, the current run marked."""
    names = [
        f"{INDENT * depth}{'└ ' if depth else ''}{name}{' ◂' if name == current else ''}"
        for name, depth in zip(table["run"], table["depth"], strict=True)
    ]
    filled = table.astype(object).where(table.notna(), None)
    splits = {one for one in filled["split"] if one}
    accuracy = f"{splits.pop().capitalize()} accuracy" if len(splits) == 1 else "Accuracy"
    return pd.DataFrame(
        {
            "Run": names,
            "What was done": table["done"],
            "From step": [NOTHING if step is None else f"{int(step):,}" for step in filled["from_step"]],
            "J in the round": _arrows(filled, "j_first", "j_last"),
            "CID in the round": _arrows(filled, "round_cid_before", "round_cid_after"),
            "CID": [signed(value, 3) for value in filled["cid"]],
            accuracy: [percent(value) for value in filled["accuracy"]],
            "Worst cell": [percent(value) for value in filled["worst_cell"]],
            "Status": table["status"],
        }
    )


def _arrows(table: pd.DataFrame, first: str, last: str) -> list[str]:
    pairs = zip(table[first], table[last], strict=True)
    return [NOTHING if one is None else f"{signed(one, 3)} → {signed(other, 3)}" for one, other in pairs]


def _picked(key: str, names: Sequence[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(names) and names[rows[0]] != st.query_params.get("run"):
        go_to(run=names[rows[0]], **dict.fromkeys(RUN_LEVEL))
