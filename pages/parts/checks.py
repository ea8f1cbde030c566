"""What would make a run fail or mean nothing, said before it is started: the stored profile knows the cells."""

import streamlit as st

from core.formats import counted, plain
from core.store.tables import Dataset
from core.training.config import TrainConfig
from core.training.effort import Known, effort, known_in_cells
from core.views.texts import METHODS


def show_checks(config: TrainConfig, dataset: Dataset) -> bool:
    """Say what is wrong; returns whether the run can be started."""
    cells = dataset.profile["splits"]["train"]["cells"]
    everything = known_in_cells(config.model_copy(update={"access_rate": 1.0}), cells)
    problem = _counterexamples(config, dataset, everything, known_in_cells(config, cells)) or _rounds(config, cells)
    if problem:
        st.warning(problem, icon=":material/block:")
    elif config.diagnose_every and not everything.probes:
        st.info("The CID curve stays empty: without counterexamples there is no CID.", icon=":material/info:")
    return problem is None


def _counterexamples(config: TrainConfig, dataset: Dataset, everything: Known, known: Known) -> str | None:
    rate = f"With an access rate of {config.access_rate:g}"
    cure = "Raise the rate, or keep counterexamples known under “More settings”."
    if config.method == "adversarial":
        return None if known.known else f"{rate} no training example's confound counts as known. {cure}"
    if not config.terms() or known.probes:
        return None
    if everything.probes:
        return (
            f"{rate} none of the {counted(known.known, 'training example')} whose confound counts as known can serve as "
            f"a probe: none has beside it another of its label and confound, and one of its label with another confound. {cure}"
        )
    return (
        f"**No counterexamples.** {METHODS[config.method]} compares training examples of one label that have different "
        f"confound values, and {plain(dataset.name)} has none to compare in its training split. Add some, or choose "
        f"a method that needs none, such as adversarial training."
    )


def _rounds(config: TrainConfig, cells: list[dict[str, object]]) -> str | None:
    counts = effort(config, cells)
    if not config.terms() or config.schedule == "joint" or counts.rounds:
        return None
    return (
        f"**No round would come.** The run has {counted(counts.steps, 'label step')}, and a round every "
        f"{config.interval} that is followed by at least half as many has no place in it. Lower “Label steps between rounds”, or train longer."
    )
