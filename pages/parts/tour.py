"""A tour of three minutes over a run that was diagnosed before: a bar at the foot of the window leads from page to page.

The step stands in the address (`tour=3`) beside what its page shows, so a reload or a link keeps the place. The pages
know nothing of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.formats import counted, percent, plain, signed
from core.store import queries
from core.store.engine import Store
from core.store.queries import RunRow
from core.views.diagnoses import points
from core.views.probe_groups import groups, histogram
from pages.parts.diagnosis_data import examples, matrix, probe_table
from pages.parts.store import open_store

PARAMETER = "tour"
LAST = "tour-last"
"""Where the visitor left the tour, within the session."""
Query = dict[str, str | list[str]]


@dataclass(frozen=True)
class Stop:
    """One step. page: folder of the page; query: its address; aim: the heading that is brought into sight."""

    page: str
    title: str
    text: str
    query: Callable[[], Query]
    aim: str | None = None


def tour_run(runs: list[RunRow]) -> RunRow | None:
    """The run that the tour shows: a demo that leans on the confound, else another that does."""
    there = [run for run in runs if run.verdict == "confounded" and run.accuracy is not None]
    return next((run for run in there if run.demo), there[0] if there else None)


def tour_button(runs: list[RunRow], *, width: str = "content") -> None:
    """Begins the tour, or goes on with one; nothing where there is nothing to show."""
    if tour_run(runs) is None or PARAMETER in st.query_params:
        return
    last = st.session_state.get(LAST)
    label = "Show me around, 3 minutes" if last is None else f"Go on with the tour (step {last})"
    if st.button(label, key="tour-start", icon=":material/tour:", width=width):
        _go(open_store(), runs, last or 1)


def show_tour(url_path: str) -> None:
    """The bar, where the address asks for it. Drawn by `pages/main.py` before the page."""
    said = st.query_params.get(PARAMETER)
    if said is None:
        return
    store = open_store()
    runs = queries.list_runs(store)
    run = tour_run(runs)
    if run is None:
        with st.bottom:
            st.caption("The tour needs a run that was diagnosed. Start with the sample on Overview, then come back.")
        return
    stops = _stops(store, runs, run)
    place = min(max(int(said), 1), len(stops)) if said.isascii() and said.isdecimal() and len(said) < 4 else 1
    stop = stops[place - 1]
    if url_path != ("" if stop.page == "overview" else stop.page):
        _go(store, runs, place)
    st.session_state[LAST] = place
    _bar(store, runs, stops, place)


def _bar(store: Store, runs: list[RunRow], stops: list[Stop], place: int) -> None:
    stop = stops[place - 1]
    with st.bottom, st.container(border=True, key="tour"):
        st.progress(place / len(stops), text=f"**{stop.title}** · step {place} of {len(stops)}")
        st.markdown(stop.text)
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Back", key="tour-back", icon=":material/arrow_back:", disabled=place == 1, shortcut="Alt+B"):
                _go(store, runs, place - 1)
            last = place == len(stops)
            if not last and st.button(
                "Next", key="tour-next", type="primary", icon=":material/arrow_forward:", shortcut="Alt+N"
            ):
                _go(store, runs, place + 1)
            st.button("Finish" if last else "End the tour", key="tour-end", type="tertiary", on_click=_end)
    if stop.aim:
        _bring_into_sight(stop.aim)


def _end() -> None:
    st.session_state.pop(LAST, None)
    del st.query_params[PARAMETER]


def _go(store: Store, runs: list[RunRow], place: int) -> None:
    run = tour_run(runs)
    assert run is not None
    stops = _stops(store, runs, run)
    place = min(max(place, 1), len(stops))
    stop = stops[place - 1]
    st.switch_page(f"{stop.page}/page.py", query_params={**stop.query(), PARAMETER: str(place)})


def _bring_into_sight(heading: str) -> None:
    """Scroll to a heading as soon as it is drawn; once a step, since an element that stays the same is not run again."""
    st.html(
        "<script>(() => { let tries = 0; const look = setInterval(() => {"
        f"const found = [...document.querySelectorAll('h2, h3')].find(one => one.textContent.startsWith({json.dumps(heading)}));"
        "if (found) { const still = matchMedia('(prefers-reduced-motion: reduce)').matches;"
        "found.scrollIntoView({ behavior: still ? 'auto' : 'smooth', block: 'start' }); }"
        "if (found || ++tries > 60) clearInterval(look); }, 150); })()</script>",
        unsafe_allow_javascript=True,
    )


# --- the steps ---


def _stops(store: Store, runs: list[RunRow], run: RunRow) -> list[Stop]:
    there = points(store, run.id)
    last = there[-1]
    here: Query = {"run": run.id, "step": str(last.step)}
    beside = _control(store, runs, run)
    child = next((one for one in _children(store, runs, run)), None)
    stops = [
        Stop(
            "overview",
            "A model that is right for the wrong reason?",
            f"A classifier can learn a shortcut in place of the text. **{plain(run.name)}** was trained on **{plain(run.dataset)}**, "
            "where something that has nothing to do with the label gives it away. You will see how that is found out.",
            dict,
            "Runs",
        ),
        Stop(
            "data",
            "The data set up the trap",
            "In the training set label and confound go together: see how uneven its cells are. Whoever knew only the confound "
            f"would be right on {percent(run.floor)} of {run.split}: the **floor**. An accuracy near it shows nothing about the text.",
            lambda: {"dataset": run.dataset_id},
        ),
        Stop(
            "train",
            "A good model, it seems",
            f"It learned its training set, and is right on {percent(run.accuracy)} of {run.split}. Look at the cells one by one: "
            f"on the worst it is right on only {percent(run.worst_cell)}. Why, no accuracy can tell.",
            lambda: {"run": run.id},
            "What it reached",
        ),
        Stop(
            "diagnose",
            "The verdict",
            "So ask the model which training examples its decisions come from. **CID** says how much more those that share "
            f"the confound speak than those that don't: here {signed(last.cid)}. Beside it stands what chance alone and, if there is one, the control reach.",
            lambda: here,
        ),
        Stop(
            "diagnose",
            "Since when?",
            f"{counted(len(there), 'checkpoint')} of the training were asked the same. The curve shows when the model took up the "
            "shortcut; the grey band is what chance gives. Any point of it can be opened.",
            lambda: here,
            "CID over training",
        ),
        Stop(
            "diagnose",
            "One decision, every training example",
            "The decision on one **probe**: every training example of its label, by how much it speaks for it. Orange shares "
            "the probe's confound, blue does not. Apart, they mean that the confound counts; one on the other, that the text does.",
            lambda: {**here, **_probe(last.id)},
            "Who speaks for this decision?",
        ),
        Stop(
            "diagnose",
            "Read them",
            "A bar is a set of texts. These are in the one that speaks loudest: compare them with the pinned probe. "
            "Click on another bar, or choose it by name, to read others.",
            lambda: {**here, **_probe(last.id), **_bin(run, last.id)},
            "Training examples",
        ),
    ]
    if child is not None:
        stops.append(
            Stop(
                "tune",
                "The treatment",
                f"**{plain(child.name)}** went on from a checkpoint with a round that teaches the model to listen to both sides "
                "alike: before and after, on the same probes.",
                lambda: {"run": child.name},
            )
        )
    if beside is not None:
        stops.append(
            Stop(
                "compare",
                "Side by side",
                f"Beside it **{plain(beside.name)}**, trained on the same texts without the confound: what a cured model can be "
                "expected to reach.",
                lambda: {"runs": [beside.id, run.id]},
            )
        )
    stops.append(
        Stop(
            "overview",
            "Your turn",
            "**Start with the sample** does all of this before your eyes in some minutes, or **add your data**. Where a model "
            "leans on the confound, **Tune** treats it. The **glossary** below explains every word.",
            dict,
        )
    )
    return stops


def _control(store: Store, runs: list[RunRow], run: RunRow) -> RunRow | None:
    control = queries.control_of(store, run.dataset_id)
    return next((one for one in runs if control and one.dataset_id == control.id and one.accuracy is not None), None)


def _children(store: Store, runs: list[RunRow], run: RunRow) -> list[RunRow]:
    """Runs that go on from this one and were diagnosed."""
    family = {one.id for one in queries.family(store, queries.get_run(store, run.id)) if one.parent_id == run.id}
    return [one for one in runs if one.id in family and one.cid is not None]


def _probe(diagnosis: str) -> Query:
    """The probe where the confound counts most among those with enough examples on both sides."""
    table = probe_table(diagnosis)
    enough = table[(table["n_a"] >= 10) & (table["n_b"] >= 10)]
    table = enough if len(enough) else table
    best = table["cid"].astype(float).idxmax() if table["cid"].notna().any() else table.index[0]
    return {"probe": str(table.loc[best, "id"])}


def _bin(run: RunRow, diagnosis: str) -> Query:
    """The highest bin of that probe's figure with more than a few examples in it."""
    table = probe_table(diagnosis)
    probe = table[table["id"] == _probe(diagnosis)["probe"]].iloc[0]
    held, column = matrix(diagnosis), int(probe["index"])
    train = examples(run.dataset_id)["train"]
    found = groups(held.scores[:, column], int(held.probe_row[column]), train, probe["label"], probe["confound"])
    counts = (binned := histogram(found)).same + binned.different
    full = np.flatnonzero(counts >= min(5, counts.max()))
    return {"bin": str(int(full[-1]))}
