"""What a visitor takes home of a run or a comparison. Nothing is made before somebody asks for it."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.actions.comparing import compare_groups
from core.actions.seed_groups import Split
from core.reports.comparison_report import comparison_report
from core.reports.model_export import zipped_model
from core.reports.run_report import run_report
from core.statistics.tests import Kind
from core.store import queries
from core.store.engine import Store
from core.store.tables import Run
from core.views.charts import safe_filename
from pages.parts.store import open_store

_WHAT = (
    "One HTML file that opens by double click and needs no network: the verdict, figures and tables, and what is needed "
    "to repeat it."
)


def report_button(run: Run, *, key: str = "take-report", label: str = "Report") -> None:
    """The offline report of a run, with the choice to leave the texts of examples out."""
    with st.popover(label, icon=":material/description:", key=f"{key}-choice", help=_WHAT):
        with_texts = st.checkbox(
            "With the texts of probes, shortened",
            value=True,
            key=f"{key}-texts",
            help="Leave them out where the data are private. Labels, confound values and names stay.",
        )
        st.download_button(
            "Download the report",
            data=partial(_report, open_store(), run.id, with_texts),
            file_name=f"{safe_filename(run.name)}-report.html",
            mime="text/html",
            key=key,
            icon=":material/download:",
            on_click="ignore",
            type="primary",
        )
        st.caption("About 5 MB: everything that draws the figures is inside.")


def comparison_report_button(
    *names: str,
    baseline: str | None = None,
    split: Split = "dev",
    kind: Kind = "welch",
    key: str = "take-comparison",
    label: str = "Report",
) -> None:
    """The offline report of a comparison of groups or runs, as `compare_groups` takes them."""
    wanted: Sequence[str] = tuple(names)
    st.download_button(
        label,
        data=partial(_comparison, open_store(), wanted, baseline, split, kind),
        file_name="comparison-report.html",
        mime="text/html",
        key=key,
        icon=":material/description:",
        on_click="ignore",
        help=_WHAT,
    )


def model_button(run: Run, *, step: int | None = None, key: str = "take-model", label: str = "Model") -> None:
    """A checkpoint (the last where none is named) as a zip file. Nothing where no weights are kept."""
    kept = [one for one in queries.checkpoints(open_store(), run.id) if one.path is not None]
    chosen = next((one for one in kept if (one.final if step is None else one.step == step)), None)
    if chosen is None:
        return
    st.download_button(
        label,
        data=partial(_model_bytes, open_store(), run.id, chosen.step),
        file_name=f"{safe_filename(run.name)}-step-{chosen.step}.zip",
        mime="application/zip",
        key=key,
        icon=":material/deployed_code:",
        on_click="ignore",
        help=f"The model at step {chosen.step:,} as transformers loads it (safetensors, tokenizer, configuration), with a model card.",
    )


# What is downloaded is made when it is asked for, outside of the page: with the store of who was there.


def _report(store: Store, run_id: str, with_texts: bool) -> str:
    return run_report(store, queries.get_run(store, run_id), with_texts=with_texts)


def _comparison(store: Store, names: Sequence[str], baseline: str | None, split: Split, kind: Kind) -> str:
    return comparison_report(compare_groups(store, names, baseline=baseline, split=split, kind=kind))


def _model_bytes(store: Store, run_id: str, step: int) -> bytes:
    """Streamlit keeps what it hands out in memory, whatever it is given; the API and the command line do not."""
    _, handle = zipped_model(store, queries.get_run(store, run_id), step)
    with handle:
        return handle.read()
