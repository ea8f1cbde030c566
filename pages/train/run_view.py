"""One run: live while it trains, then what it reached, how it was made, and where to go next."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import select

from core.actions.diagnosing import start_diagnosis
from core.errors import UserError
from core.formats import age, duration, plain
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.queries import JobRow
from core.store.tables import Dataset, Run
from core.training.config import TrainConfig
from core.training.effort import effort
from core.views.colours import SAME, TRAIN
from core.views.texts import KINDS, METHODS, STATUS, STATUS_COLOURS, STATUS_ICONS, TERMS
from core.views.training_curves import accuracy_figure, cid_figure, loss_figure
from pages.parts.keeping import delete_button, deleted_just_now, rename_box
from pages.parts.notes import edit_note, show_note
from pages.parts.owners import owner_words, owners_shown
from pages.parts.progress import (
    EVERY_SECONDS,
    cancel_button,
    retry_button,
    show_progress,
    start_worker_button,
)
from pages.parts.rounds import show_rounds
from pages.parts.saving import config
from pages.parts.saying import say
from pages.parts.tables import download_csv
from pages.parts.taking_home import model_button, report_button
from pages.train.results import show_results

CURVES = ("label_loss", "running_accuracy", "dev_accuracy", "dev_worst_cell", "cid", "confound_loss", "joint_loss")
EXTRA_LOSSES = {"confound_loss": ("Loss of the confound head", SAME), "joint_loss": ("Weighted tuning loss", TRAIN)}


def show_run(store: Store, name: str) -> None:
    """The view of `?run=…`."""
    if deleted_just_now():
        st.switch_page("overview/page.py")  # where it can be undone
    st.page_link("train/page.py", label="New run", icon=":material/add:")
    try:
        run = queries.get_run(store, name)
    except UserError:
        st.warning("There is no such run; it may have been deleted.", icon=":material/search_off:")
        return
    dataset = queries.get_dataset(store, run.dataset_id)
    _head(run, dataset)
    _origin(store, run)
    busy = bool(queries.list_jobs(store, active=True, run_id=run.id, limit=1))
    _steps_to_take(store, run, busy)
    show_note(run.note)
    every = EVERY_SECONDS if busy else None
    st.fragment(_live, run_every=every)(store, run.id)
    show_results(store, run)
    st.fragment(show_rounds, run_every=every)(store, run.id)
    _siblings(store, run)
    _configuration(run, dataset)


def _head(run: Run, dataset: Dataset) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(plain(run.name), width="content", anchor=False)
        if run.demo:
            st.badge("precomputed demo, no weights", icon=":material/inventory_2:", color="violet")
        else:
            st.badge(STATUS[run.status], icon=STATUS_ICONS[run.status], color=STATUS_COLOURS[run.status])
    parts = [
        METHODS.get(run.method, run.method),
        f"encoder {plain(run.encoder)}",
        f"seed {run.seed}",
        f"made {age(run.created_at)}",
    ]
    if run.seconds:
        parts.append(f"took {duration(run.seconds)}")
    if run.device:
        parts.append(plain(run.device))
    if owners_shown():
        parts.append(plain(owner_words(run.owner)))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "data/page.py",
            label=plain(dataset.name),
            icon=":material/table_view:",
            query_params={"dataset": dataset.id},
        )
        st.caption(" · ".join(parts), width="content")
    if run.failed_to_fit:
        st.warning(f"**Failed to fit.** {TERMS['failed_to_fit'].sentence}", icon=":material/trending_flat:")


def _origin(store: Store, run: Run) -> None:
    """Where a round by hand goes on from."""
    if run.parent_step is None:
        return
    parent = queries.parent_of(store, run)
    if parent is None:
        st.caption(f"Goes on from step {run.parent_step} of a run that has been deleted.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Goes on from step {run.parent_step} of", width="content")
        st.page_link(
            "train/page.py", label=plain(parent.name), icon=":material/fork_right:", query_params={"run": parent.id}
        )


def _steps_to_take(store: Store, run: Run, busy: bool) -> None:
    diagnosed = bool(queries.diagnoses(store, run.id))
    with st.container(horizontal=True):
        if diagnosed and st.button(
            "See the diagnosis", type="primary", icon=":material/query_stats:", key="to-diagnose"
        ):
            st.switch_page("diagnose/page.py", query_params={"run": run.id})
        if run.status == "done" and not diagnosed and not busy and not run.demo:
            st.button(
                "Diagnose it",
                type="primary",
                icon=":material/query_stats:",
                key="start-diagnosis",
                on_click=_diagnose,
                args=(run.id,),
            )
        if (
            run.status == "done"
            and not run.demo
            and st.button(
                "Tune it" if run.parent_step is None else "See what it changed",
                icon=":material/healing:",
                key="to-tune",
                help="A round that makes the model lean less on the confound, from any checkpoint, and what it changed.",
            )
        ):
            st.switch_page("tune/page.py", query_params={"run": run.name})
        if st.button(
            "Copy the settings",
            icon=":material/content_copy:",
            key="clone",
            help="Opens the form with this run's settings.",
        ):
            st.switch_page("train/page.py", query_params={"clone": run.id})
        report_button(run)
        if run.status == "done":
            model_button(run)
        edit_note(run.id, run.note, key=f"note-{run.id}")
        rename_box(run.id, run.name, key=f"rename-{run.id}")
        delete_button([(run.id, run.name)], busy=busy, key="delete-run")


def _live(store: Store, run_id: str) -> None:
    """Progress of the run's jobs and the curves; when the last job has ended, the page is run once more, whole."""
    jobs = queries.list_jobs(store, run_id=run_id)
    active = [job for job in reversed(jobs) if not job.ended]
    for job in active:
        _job(job)
    if active and not queries.live_workers(store):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("No worker is alive, so nothing goes on.", width="content")
            start_worker_button(key="run-worker")
    last = next((job for job in jobs if job.kind == "train"), None)
    if last is not None and last.status in ("failed", "cancelled"):
        _ended_badly(last)
    diagnosis = next((job for job in jobs if job.kind == "diagnose"), None)
    if diagnosis is not None and diagnosis.status == "failed":
        _ended_badly(diagnosis)
    _curves(store, run_id)
    key = f"run-state-{run_id}"
    state = (
        last.status if last else None,
        len(active),
        len(queries.evaluations(store, run_id)),
        len(queries.diagnoses(store, run_id)),
    )
    before = st.session_state.get(key)
    st.session_state[key] = state
    if before is not None and before != state:
        st.rerun()


def _job(job: JobRow) -> None:
    with st.container(border=True, key=f"run-job-{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{KINDS.get(job.kind, job.kind)}**", width="content")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": job.id})
                cancel_button(job, key=f"run-cancel-{job.id}")
        show_progress(job)


def _ended_badly(job: JobRow) -> None:
    if job.status == "failed":
        st.error(f"{KINDS[job.kind]} failed: {plain(job.error or 'its log may say why.')}", icon=":material/error:")
    else:
        st.info("The training was cancelled. It can go on from its last saved state.", icon=":material/cancel:")
    with st.container(horizontal=True, vertical_alignment="center"):
        retry_button(job.id, key=f"run-retry-{job.id}")
        st.page_link("jobs/page.py", label="Log", icon=":material/article:", query_params={"job": job.id})


def _curves(store: Store, run_id: str) -> None:
    metrics = queries.metrics(store, run_id, CURVES)
    run = queries.get_run(store, run_id)
    profile = queries.get_dataset(store, run.dataset_id).profile["splits"]
    total = _total(run, profile)
    if metrics.empty or total == 0:  # a round by hand alone has no label steps
        return
    marks = [one.step for one in queries.rounds(store, [run_id])]
    floor = profile.get("dev", {}).get("confound_only_floor")
    there = set(metrics["name"])
    charts = [
        ("accuracy", accuracy_figure(metrics, total, floor, marks), _accuracy_in_words(metrics)),
        ("loss", loss_figure(metrics, total, marks), _in_words(metrics, "label_loss", "Label loss")),
    ]
    if "cid" in there:
        charts.append(("cid", cid_figure(metrics, total, marks), _in_words(metrics, "cid", "CID")))
    for name, (title, colour) in EXTRA_LOSSES.items():
        if name in there:
            figure = loss_figure(metrics, total, marks, name=name, title=title, colour=colour)
            charts.append((name, figure, _in_words(metrics, name, title)))
    for start in range(0, len(charts), 2):
        row = charts[start : start + 2]
        for place, (name, figure, alt) in zip(st.columns(len(row), gap="large"), row, strict=True):
            place.plotly_chart(figure, key=f"{name}-{run_id}", config=config(f"{run.name}-{name}"), alt=alt)


def _total(run: Run, profile: dict[str, Any]) -> int | None:
    """The label steps of the run; nothing where its settings are of another version."""
    if run.steps is not None:
        return run.steps
    try:
        return effort(TrainConfig.of(run.config), profile["train"]["cells"]).steps
    except UserError:
        return None


def _accuracy_in_words(metrics: pd.DataFrame) -> str:
    ends = metrics[metrics["name"].str.contains("accuracy|worst_cell")].groupby("name")["value"].last()
    return "Accuracy by step; at the end: " + ", ".join(
        f"{name.replace('_', ' ')} {value:.0%}" for name, value in ends.items()
    )


def _in_words(metrics: pd.DataFrame, name: str, title: str) -> str:
    values = metrics.loc[metrics["name"] == name, "value"]
    return f"{title} by label step, from {values.iloc[0]:.2f} to {values.iloc[-1]:.2f}" if len(values) else title


def _siblings(store: Store, run: Run) -> None:
    if run.group is None:
        return
    with store.reading() as session:
        others: Sequence[Run] = session.scalars(
            select(Run).where(Run.group == run.group, Run.id != run.id, queries.THERE).order_by(Run.seed).limit(30)
        ).all()
    if others:
        st.markdown("**The same with other seeds**")
        with st.container(horizontal=True):
            for one in others:
                st.page_link(
                    "train/page.py",
                    label=f"{one.seed}: {STATUS[one.status]}",
                    icon=STATUS_ICONS[one.status],
                    query_params={"run": one.id},
                )
        if run.status == "done" or any(one.status == "done" for one in others):
            st.page_link(
                "compare/page.py",
                label="Compare the seeds",
                icon=":material/balance:",
                query_params={"about": run.group},
            )


def _configuration(run: Run, dataset: Dataset) -> None:
    with st.expander("What is needed to repeat it"):
        rows = [
            *((key, "auto" if value is None else str(value)) for key, value in run.config.items()),
            ("data set", dataset.name),
            ("data SHA-256", run.data_sha256),
            ("encoder revision", run.encoder_revision or "comes with the project"),
            ("device", run.device or "–"),
            *((f"version of {name}", str(version)) for name, version in run.versions.items()),
        ]
        table = pd.DataFrame(rows, columns=["Setting", "Value"])
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            alt="Configuration, data hash, device and versions of the run",
        )
        download_csv(table, f"{run.name}-settings.csv", key="settings-csv")


def _diagnose(run_id: str) -> None:
    from pages.parts.store import open_store

    store = open_store()
    try:
        start_diagnosis(store, get_settings(), queries.get_run(store, run_id), checkpoint="all")
    except UserError as error:
        say(plain(str(error)), icon=":material/error:")
        st.rerun()  # the whole page, also where the button stands in a fragment
