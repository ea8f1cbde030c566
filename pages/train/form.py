"""The settings of new runs, checked as they are typed, and the button that queues them."""

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.actions.training import NO_SPURIOUS, like, start_group, start_training
from core.encoders.catalogue import EncoderError, EncoderSpec, list_encoders, resolve
from core.errors import UserError
from core.formats import counted, percent, plain, signed
from core.settings import get_settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset
from core.training.config import TrainConfig
from core.training.diagnosis_config import DiagnosisConfig
from core.views.texts import ABOUT_METHODS, METHODS, help_for
from pages.parts.checks import show_checks
from pages.parts.forecast import show_forecast
from pages.train.settings_form import settings_form

SEEDS = (2021, 2022, 2023, 2024, 2025)
OTHER = "Another from the Hugging Face hub …"
MOST_SEEDS = 20


@dataclass(frozen=True)
class Template:
    """What the form begins with: the defaults, or the configuration of a run that is cloned."""

    key: str = "new"
    dataset_id: str | None = None
    method: str = "finetune"
    config: dict[str, Any] = field(default_factory=dict)
    seed: int = 2021


def show_form(store: Store, *, clone: str | None, dataset: str | None, method: str | None = None) -> None:
    """The form; without a data set there is nothing to train on, and it says where to get one."""
    there = queries.list_datasets(store)
    if not there:
        st.info("There is no data set yet. Add one, or a bundled sample, first.", icon=":material/table_view:")
        st.page_link("data/page.py", label="Go to Data", icon=":material/arrow_forward:")
        return
    template = _template(store, clone, dataset, method)
    chosen = _dataset(there, template)
    left, right = st.columns([3, 2], gap="large")
    with left:
        method, trained_on = _method(store, template, chosen)
        trained_as = "finetune" if method == NO_SPURIOUS else method
        spec = _encoder(template)
        seeds = _seeds(template)
        options = settings_form(template.key, template.config, trained_as, spec)
    config = _config(trained_as, spec, options)
    with right:
        then = _diagnosis(template)
        name = _name(template, chosen, method, seeds)
        ready = False
        if config is not None and spec is not None:
            show_forecast(store, trained_on, config, spec, runs=len(seeds))
            ready = show_checks(config, trained_on) and bool(seeds)
        label = "Start training" if len(seeds) <= 1 else f"Start {len(seeds)} runs"
        if st.button(
            label, type="primary", icon=":material/rocket_launch:", disabled=not ready, key="launch", width="stretch"
        ):
            _launch(store, chosen, method, spec, seeds, options, name, then)


def _template(store: Store, clone: str | None, dataset: str | None, method: str | None) -> Template:
    if clone:
        try:
            run = queries.get_run(store, clone)
        except UserError:
            st.warning("The run to copy is not there any more; these are the defaults.", icon=":material/search_off:")
        else:
            said = f"Settings copied from {plain(run.name)}. Change what you like."
            if run.config.get("schedule") == "once":
                said += " That run was one round from a checkpoint; this one begins with the encoder and has rounds between its label steps."
            st.caption(said)
            if method in METHODS and method != run.method:
                try:
                    spec = resolve(run.encoder, run.encoder_revision, allowed_roots=get_settings().local_models)
                except EncoderError:
                    pass  # the field of the encoder says what is wrong with it
                else:
                    config = run.config | like(run, method, spec)
                    return Template(f"clone-{run.id}-{method}", run.dataset_id, method, config, run.seed)
            return Template(f"clone-{run.id}", run.dataset_id, run.method, run.config, run.seed)
    return Template("new" if dataset is None else f"data-{dataset[:20]}", dataset)


def _dataset(there: list[Dataset], template: Template) -> Dataset:
    place = next((i for i, one in enumerate(there) if template.dataset_id in (one.id, one.name)), None)
    if template.dataset_id is not None and place is None:
        st.warning("That data set is not there any more; choose another.", icon=":material/search_off:")
    chosen = st.selectbox(
        "Data set", there, index=place or 0, format_func=lambda one: one.name, key=f"dataset-{template.key}"
    )
    train = chosen.profile["splits"]["train"]
    st.caption(
        f"{counted(train['n'], 'training example')} · alignment (V) {signed(train['cramers_v'])} · "
        f"the confound alone reaches {percent(train['confound_only_floor'])} of train"
        + "".join(
            f", {percent(about['confound_only_floor'])} of {split}"
            for split, about in chosen.profile["splits"].items()
            if split != "train"
        )
    )
    return chosen


def _method(store: Store, template: Template, chosen: Dataset) -> tuple[str, Dataset]:
    """The method, and the data set that it trains on."""
    control = chosen if chosen.control_of else queries.control_of(store, chosen.id)
    offered = [*TrainConfig.model_fields["method"].annotation.__args__, *([NO_SPURIOUS] if control else [])]
    method = st.selectbox(
        "Method",
        offered,
        index=offered.index(template.method) if template.method in offered else 0,
        format_func=lambda one: METHODS.get(one, one),
        key=f"method-{template.key}",
        help="Plain finetuning shows what the data teach. It is what every treatment is compared with.",
    )
    about = ABOUT_METHODS.get(method, "")
    if method == NO_SPURIOUS and control:
        about += f" It trains on {plain(control.name)}."
    st.caption(about)
    return method, control if method == NO_SPURIOUS and control else chosen


def _encoder(template: Template) -> EncoderSpec | None:
    known = [spec.name for spec in list_encoders()]
    before = template.config.get("encoder", known[0])
    titles = {spec.name: spec.title for spec in list_encoders()}
    chosen = st.selectbox(
        "Encoder",
        [*known, OTHER],
        index=known.index(before) if before in known else len(known),
        format_func=lambda one: titles.get(one, one),
        key=f"encoder-{template.key}",
        help=help_for("encoder"),
    )
    if chosen != OTHER:
        return resolve(chosen)
    left, right = st.columns(2)
    name = left.text_input(
        "Hub id", value="" if before in known else before, placeholder="owner/name", key=f"hub-{template.key}"
    )
    revision = right.text_input(
        "Revision",
        value=template.config.get("revision") or "",
        placeholder="40 digits",
        key=f"revision-{template.key}",
        help="The full commit that stands on its hub page under “Files and versions”. BERT-family models with "
        "safetensors weights load; code from the hub is never run.",
    )
    if not name:
        st.info("Give the model's id on the hub, such as owner/name.", icon=":material/edit:")
        return None
    try:
        return resolve(name.strip(), revision.strip() or None, allowed_roots=get_settings().local_models)
    except EncoderError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _seeds(template: Template) -> list[int]:
    given = st.multiselect(
        "Seeds",
        [str(seed) for seed in sorted({*SEEDS, template.seed})],
        default=[str(template.seed)],
        accept_new_options=True,
        max_selections=MOST_SEEDS,
        key=f"seeds-{template.key}",
        help=help_for("seed") + " One run is made for each; type a number to add one.",
    )
    wrong = [one for one in given if not one.isdecimal() or int(one) >= 2**31]
    if wrong:
        st.error(
            f"A seed is a whole number from 0 to 2,147,483,647; {plain(wrong[0][:40])} is none.",
            icon=":material/error:",
        )
        return []
    if not given:
        st.info("Choose at least one seed.", icon=":material/edit:")
    return [int(one) for one in dict.fromkeys(given)]


def _config(method: str, spec: EncoderSpec | None, options: dict[str, str]) -> TrainConfig | None:
    if spec is None:
        return None
    try:
        return TrainConfig.parse({**options, "method": method, "encoder": spec.name})
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _diagnosis(template: Template) -> tuple[str, int] | None:
    with st.container(border=True):
        if not st.checkbox(
            "Diagnose afterwards",
            value=True,
            key=f"diagnose-{template.key}",
            help="Measures how much each training example speaks for the decisions on a set of probes, and from that "
            "whether the model leans on the confound.",
        ):
            return None
        which = st.radio(
            "Which checkpoints",
            ["all", "final"],
            format_func={"all": "All: shows how CID grows", "final": "Only the final one: quicker"}.get,
            key=f"which-{template.key}",
            help=help_for("checkpoint"),
        )
        probes = st.number_input(
            "Probes",
            min_value=2,
            max_value=2000,
            value=DiagnosisConfig.model_fields["probes"].default,
            step=4,
            key=f"probes-{template.key}",
            help=help_for("probe") + " They are drawn equally from every cell; the paper used 40.",
        )
    return which, int(probes)


def _name(template: Template, chosen: Dataset, method: str, seeds: list[int]) -> str | None:
    example = f"{chosen.name}-{method}-{seeds[0] if seeds else 2021}"
    name = st.text_input(
        "Name (optional)",
        placeholder=example,
        max_chars=110,
        key=f"name-{template.key}",
        help="With several seeds, each run's name ends with its seed, and this is the name of their group.",
    )
    return name.strip() or None


def _launch(
    store: Store,
    dataset: Dataset,
    method: str,
    spec: EncoderSpec,
    seeds: list[int],
    options: dict[str, str],
    name: str | None,
    then: tuple[str, int] | None,
) -> None:
    common = {
        "method": method,
        "encoder": spec.name,
        "revision": spec.revision if spec.source == "hub" else None,
        "options": options,
        "name": name,
        "then_diagnose": then[0] if then else None,
        **({"probes": then[1]} if then else {}),
    }
    try:
        if len(seeds) > 1:
            first = start_group(store, get_settings(), dataset, seeds=seeds, **common).runs[0]
        else:
            first = start_training(store, get_settings(), dataset, seed=seeds[0], **common)
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("train/page.py", query_params={"run": first.run.id})
