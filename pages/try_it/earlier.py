"""The tries of the run that are kept, each a link that brings it back."""

import streamlit as st

from core.actions.trying import tries
from core.formats import age, plain, shortened
from core.jobs.tries import KEPT
from core.store.engine import Store
from core.store.tables import Job, Run
from core.views.texts import STATUS

SHOWN = 8


def show_earlier(store: Store, run: Run, job: Job | None) -> None:
    """The last few, the one that is shown left out."""
    others = [one for one in tries(store, run, limit=SHOWN + 1) if job is None or one.id != job.id][:SHOWN]
    if not others:
        return
    with st.expander(f"Earlier tries ({len(others)})", icon=":material/history:", expanded=job is None):
        for one in others:
            state = "" if one.status == "done" else f" · {STATUS.get(one.status, one.status)}"
            st.page_link(
                "try_it/page.py",
                label=f"{plain(shortened(one.text, 70) or 'a text')} · step {one.checkpoint:,} · {age(one.created_at)}{state}",
                query_params={"run": run.name, "step": str(one.checkpoint), "job": one.id},
            )
        st.caption(f"The last {KEPT} tries of a run are kept, and go with the run.")
