"""Draws what needs attention (`core.actions.attention` works it out), each line with a way to act."""

from collections.abc import Sequence

import streamlit as st

from core.actions.attention import Attention, Notice, dismiss, show_again
from core.actions.diagnosing import start_diagnosis
from core.errors import UserError
from core.formats import counted, plain
from core.jobs import queue
from core.jobs.launch import ensure_worker
from core.settings import get_settings
from core.store import queries
from pages.overview.links import compare_link
from pages.parts.keeping import remove_button
from pages.parts.owners import why_not_all
from pages.parts.progress import retry_button, start_worker_button
from pages.parts.saying import say
from pages.parts.store import open_store

MOST = 4
MOST_EVER = 40
MOST_AT_ONCE = 20
_ALL = "attention-everything"
ICONS = {
    "no_worker": ":orange[:material/power_off:]",
    "paused": ":orange[:material/pause_circle:]",
    "disk": ":red[:material/hard_drive:]",
    "hung": ":orange[:material/hourglass_disabled:]",
    "interrupted": ":orange[:material/sync_problem:]",
    "job_failed": ":red[:material/error:]",
    "confounded": ":orange[:material/warning:]",
    "unfit": ":orange[:material/trending_flat:]",
    "failed": ":red[:material/error:]",
    "undiagnosed": ":blue[:material/contact_support:]",
}


def show_attention(found: Attention, *, deleted: int) -> None:
    """A few lines, the newest of each kind before the others, and a button for the rest; nothing when there is nothing.

    deleted: how many runs hold disk space for nothing.
    """
    everything = st.session_state.get(_ALL, False)
    lines = found.notices[:MOST_EVER] if everything else first_lines(found.notices)
    for one in lines:
        _line(one, deleted)
    with st.container(horizontal=True):
        if len(found.notices) > MOST:
            st.button(
                "Show only the first" if everything else f"Show all {len(found.notices):,} lines",
                key="attention-all",
                type="tertiary",
                icon=":material/unfold_less:" if everything else ":material/unfold_more:",
                on_click=lambda: st.session_state.update({_ALL: not everything}),
            )
        if found.away:
            st.button(
                f"{counted(len(found.away), 'line')} put away",
                key="attention-again",
                type="tertiary",
                icon=":material/visibility:",
                help="Show everything again that was put away.",
                on_click=lambda: show_again(open_store()),
            )
    if everything and len(found.notices) > MOST_EVER:
        st.caption(f"The first {MOST_EVER}; all of them: python -m core status")


def first_lines(notices: Sequence[Notice]) -> list[Notice]:
    """What stops work, and of the rest the first of each kind, then the second, up to `MOST` lines; in their order."""
    ranked = sorted(
        enumerate(notices),
        key=lambda one: (one[1].dismissible, sum(other.kind == one[1].kind for other in notices[: one[0]]), one[0]),
    )
    stop = sum(not one.dismissible for one in notices)
    kept = sorted(place for place, _ in ranked[: max(MOST, stop)])
    return [notices[place] for place in kept]


def _line(notice: Notice, deleted: int) -> None:
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key=f"attention-{notice.kind}-{_mark(notice)}"
    ):
        with st.container(width="stretch", gap=None):
            about = f"**{plain(notice.about)}** " if notice.about else ""
            sentence = plain(notice.sentence) if about else f"**{plain(notice.sentence)}**"
            st.markdown(f"{ICONS[notice.kind]} {about}{sentence}")
            if notice.detail:
                st.caption(plain(notice.detail))
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            _act(notice, deleted)
            if notice.dismissible:
                st.button(
                    "Put away",
                    key=f"dismiss-{notice.kind}-{_mark(notice)}",
                    type="tertiary",
                    icon=":material/close:",
                    help="Until something new happens to what this line is about.",
                    on_click=_dismiss,
                    args=(notice.key,),
                )


def _mark(notice: Notice) -> str:
    return notice.job or (notice.runs[0][0] if len(notice.runs) == 1 else notice.key.replace(":", "-"))


def _act(notice: Notice, deleted: int) -> None:
    if notice.kind == "no_worker":
        start_worker_button(key="overview-worker")
    elif notice.kind == "paused":
        why = why_not_all()
        st.button(
            "Resume",
            key="overview-resume",
            icon=":material/play_circle:",
            type="primary",
            on_click=_resume,
            disabled=why is not None,
            help=why,
        )
    elif notice.kind == "disk":
        if deleted:
            remove_button(deleted, key="overview-free")
    elif notice.job is not None:
        if notice.kind == "job_failed":
            retry_button(notice.job, key=f"overview-retry-{notice.job}")
        st.page_link(
            "jobs/page.py",
            label="Open the log",
            icon=":material/article:",
            query_params={"job": notice.job},
            width="content",
        )
    elif notice.kind == "undiagnosed":
        st.button(
            "Diagnose it" if len(notice.runs) == 1 else "Diagnose them",
            key="overview-diagnose",
            icon=":material/query_stats:",
            on_click=_diagnose,
            args=([run_id for run_id, _ in notice.runs],),
        )
    else:
        if len(notice.runs) > 1:
            compare_link(runs=[run_id for run_id, _ in notice.runs])
        page, label = ("diagnose", "Diagnose") if notice.kind == "confounded" else ("train", "Open the run")
        st.page_link(
            f"{page}/page.py",
            label=label if len(notice.runs) == 1 else "See the newest",
            icon=":material/arrow_forward:",
            query_params={"run": notice.runs[0][0]},
            width="content",
        )


def _dismiss(key: str) -> None:
    dismiss(open_store(), key)


def _resume() -> None:
    queue.resume(open_store())
    ensure_worker(get_settings())


def _diagnose(run_ids: Sequence[str]) -> None:
    diagnose_final(run_ids[:MOST_AT_ONCE])


def diagnose_final(run_ids: Sequence[str]) -> None:
    """Queue a diagnosis of the final checkpoint of each run, and say how many were."""
    store, queued = open_store(), 0
    for run_id in run_ids:
        try:
            start_diagnosis(store, get_settings(), queries.get_run(store, run_id))
        except UserError as error:
            say(plain(str(error)), icon=":material/info:")
        else:
            queued += 1
    if queued:
        say(f"{counted(queued, 'diagnosis', 'diagnoses')} in the queue.", icon=":material/hourglass_empty:")
    st.rerun()  # the whole page, also where the button stands in the fragment of the run list
