"""The offline report of a run: what was found, what it rests on, and what is needed to repeat it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from core.actions.tuning import Branch, tree
from core.formats import counted, duration, interval, listed, percent, shortened, signed
from core.reports import glossary
from core.reports.document import Figure, document
from core.reports.figure_one import probe_figures
from core.reports.private import encoder_name, scrubbed
from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Diagnosis, Run, now
from core.training.diagnosis_config import ESTIMATORS
from core.views.cells import cells_figure, final_evaluations
from core.views.diagnoses import Point, accuracy_at, control_points, curve, points
from core.views.round_curves import round_curves
from core.views.rounds import round_points, rounds_table
from core.views.texts import METHODS, STATUS, VERDICTS
from core.views.training_curves import accuracy_figure, cid_figure, loss_figure
from core.views.trajectory import trajectory

CURVES = ("label_loss", "running_accuracy", "dev_accuracy", "dev_worst_cell", "cid")
MOST_BRANCHES = 200
NOTE_CHARACTERS = 10_000


@dataclass(frozen=True)
class Found:
    """A run's newest diagnosis and what it is held against."""

    point: Point
    diagnosis: Diagnosis
    line: Sequence[Point]
    control: tuple[str, Sequence[Point]] | None


def run_report(store: Store, run: Run, *, with_texts: bool = True) -> str:
    """A whole HTML document. with_texts: whether the texts of examples stand in it, shortened.

    Raises:
        UserError: the store or its artifact root cannot be read.
    """
    dataset = queries.get_dataset(store, run.dataset_id)
    found = _found(store, run)
    notes: list[str] = []
    probes, drawn = ([], []) if found is None else probe_figures(store, run, found.diagnosis, with_texts, notes)
    evaluations = final_evaluations(store, run)
    rounds = queries.rounds(store, [run.id])
    branches = tree(store, run)
    return document(
        "run.html",
        title=f"{run.name} · Unconfound",
        heading=run.name,
        run=run,
        note=_note(run.note),
        dataset=dataset,
        encoder=encoder_name(run.encoder),
        method=METHODS.get(run.method, run.method),
        status="precomputed demo" if run.demo else STATUS[run.status],
        took=duration(run.seconds),
        device=scrubbed(run.device or "not recorded"),
        error=scrubbed(run.error) if run.error else None,
        made=now(),
        found=found,
        verdict=None if found is None else VERDICTS.get(found.diagnosis.verdict, found.diagnosis.verdict),
        measured=None if found is None else _measured(found.diagnosis),
        beside=None if found is None else _beside(store, run, dataset, found),
        course=None if found is None else _course(run, found),
        course_words=None if found is None else _course_words(found),
        diagnosis_notes=[]
        if found is None
        else [scrubbed(str(one)) for one in found.diagnosis.report.get("notes", [])],
        notes=notes,
        probes=probes,
        probe_figures=drawn,
        evaluations=[_evaluation(run, split, one.step, one.report) for split, one in evaluations.items()],
        curves=_curves(store, run, dataset, [one.step for one in rounds]),
        rounds=_rounds(store, run, rounds),
        branches=_branches(run, branches),
        more_branches=max(0, len(branches) - MOST_BRANCHES),
        configuration=_configuration(run, dataset, found),
        with_texts=with_texts,
        glossary=glossary.of_a_run(),
    )


def _note(text: str) -> str:
    cut = text[:NOTE_CHARACTERS]
    return cut if cut == text else f"{cut} … ({len(text):,} characters)"


def _found(store: Store, run: Run) -> Found | None:
    there = points(store, run.id)
    if not there:
        return None
    point = max(there, key=lambda one: (one.step, one.created_at))
    diagnosis = queries.get_diagnosis(store, point.id)
    return Found(point, diagnosis, curve(there, point), control_points(store, run, point))


def _measured(diagnosis: Diagnosis) -> str:
    """How the verdict was found."""
    estimator = ESTIMATORS.get(diagnosis.estimator, diagnosis.estimator)
    where = f" on {scrubbed(diagnosis.device)}" if diagnosis.device else ""
    return (
        f"{estimator[:1].upper()}{estimator[1:]}; {counted(diagnosis.n_probes, 'probe')}, "
        f"{counted(diagnosis.n_train, 'training example')}; measured at step {diagnosis.step:,} in "
        f"{duration(diagnosis.seconds)}{where}."
    )


def _beside(store: Store, run: Run, dataset: Dataset, found: Found) -> list[tuple[str, str, str]]:
    """Title, value and what stands beneath it: CID beside what it must be compared with, accuracy beside its floor."""
    one = found.diagnosis
    chance = "p unknown" if one.p_value is None else "p < 0.001" if one.p_value < 0.001 else f"p = {one.p_value:.3f}"
    tiles = [
        ("CID", signed(one.cid, 3), f"95 % {interval(one.ci_low, one.ci_high, 3)}"),
        ("Chance gives", interval(one.null_low, one.null_high, 3), chance),
    ]
    if found.control is not None:
        name, line = found.control
        tiles.append(
            ("Control", signed(line[-1].cid, 3), f"95 % {interval(line[-1].ci_low, line[-1].ci_high, 3)}, {name}")
        )
    else:
        tiles.append(("Control", "–", "this run is one" if dataset.control_of else "none was diagnosed"))
    evaluated = accuracy_at(store, run.id, found.point.step)
    if evaluated is not None:
        split, report = evaluated
        within = (
            ""
            if report.get("lo") is None
            else f"95 % {signed(100 * report['lo'], 1)} to {signed(100 * report['hi'], 1)}"
        )
        tiles += [
            (f"{split.capitalize()} accuracy", percent(report["accuracy"]), within),
            ("Worst cell", percent(report["worst_cell"]), str(report["worst_cell_name"])),
            ("Floor", percent(report["confound_only_floor"]), "the confound alone"),
        ]
    return tiles


def _course(run: Run, found: Found) -> Figure | None:
    if all(one.cid is None for one in found.line):
        return None
    figure = trajectory(found.line, chosen=found.point.step, control=found.control[1] if found.control else ())
    return Figure(figure, _course_words(found), f"{run.name}-cid-over-training")


def _course_words(found: Found) -> str:
    known = [one for one in found.line if one.cid is not None]
    if not known:
        return "CID is undefined at every checkpoint that was diagnosed."
    first, last = known[0], known[-1]
    said = (
        f"At step {last.step:,} CID is {signed(last.cid)}."
        if len(known) == 1
        else f"CID goes from {signed(first.cid)} at step {first.step:,} to {signed(last.cid)} at step {last.step:,}."
    )
    if found.control is not None:
        return f"{said} The no-spurious control ends at {signed(found.control[1][-1].cid)}."
    return f"{said} Chance alone gives {interval(last.null_low, last.null_high)}."


def _evaluation(run: Run, split: str, step: int, report: Mapping[str, Any]) -> dict[str, Any]:
    """A split, or a file that was evaluated: in words, as a figure and as a table."""
    name = split.removeprefix("file:")
    words = (
        f"On {shortened(name, 80)} the model is right on {percent(report['accuracy'])}; the confound alone would reach "
        f"{percent(report['confound_only_floor'])}."
    )
    if report.get("worst_cell") is not None:
        words += f" It is worst on {shortened(report['worst_cell_name'], 120)}, with {percent(report['worst_cell'])}."
    figure = Figure(
        cells_figure(report), f"Accuracy of each cell with its interval. {words}", f"{run.name}-cells-{name}"
    )
    return {"split": name, "step": step, "words": words, "figure": figure, "report": report}


def _curves(store: Store, run: Run, dataset: Dataset, marks: Sequence[int]) -> list[tuple[str, Figure]]:
    metrics = queries.metrics(store, run.id, CURVES)
    if metrics.empty or run.steps == 0:
        return []
    floor = dataset.profile["splits"].get("dev", {}).get("confound_only_floor")
    there = set(metrics["name"])
    drawn = []
    if there & {"running_accuracy", "dev_accuracy"}:
        drawn.append(("Accuracy by label step", accuracy_figure(metrics, run.steps, floor, marks), "accuracy"))
    if "label_loss" in there:
        drawn.append(("Label loss by label step", loss_figure(metrics, run.steps, marks), "loss"))
    if "cid" in there:
        drawn.append(("CID by label step, as measured while training", cid_figure(metrics, run.steps, marks), "cid"))
    return [(title, Figure(figure, _ends(metrics, title), f"{run.name}-{name}")) for title, figure, name in drawn]


def _ends(metrics: pd.DataFrame, title: str) -> str:
    """The figure in words: where each of its curves ends."""
    wanted = {"Accuracy": ("running_accuracy", "dev_accuracy", "dev_worst_cell"), "Label": ("label_loss",)}
    last = metrics.groupby("name")["value"].last()
    names = [one for one in wanted.get(title.split()[0], ("cid",)) if one in last]
    return f"{title}; at the end: " + listed([f"{one.replace('_', ' ')} {last[one]:.3g}" for one in names])


def _rounds(store: Store, run: Run, rounds: Sequence[Any]) -> dict[str, Any] | None:
    if not rounds:
        return None
    curves = round_points(rounds, queries.metrics(store, run.id, ["round_loss", "round_cid"]))
    last = rounds[-1].report
    words = f"{counted(len(rounds), 'round')}. The last took J from {last['loss'][0]:.3g} to {last['loss'][-1]:.3g}"
    cids = [one for one in last["cid"] if one is not None]
    words += f" and CID from {signed(cids[0], 3)} to {signed(cids[-1], 3)}." if len(cids) > 1 else "."
    table = rounds_table(rounds).astype(object)
    figure = Figure(round_curves(curves), f"J and CID over the tuning steps. {words}", f"{run.name}-rounds")
    return {"words": words, "figure": figure, "rows": table.where(table.notna(), None).to_dict("records")}


def _branches(run: Run, branches: Sequence[Branch]) -> list[dict[str, Any]]:
    """The tree of rounds, where the run is not alone in it."""
    if len(branches) < 2 and run.parent_step is None:
        return []
    there = {
        one.run.id for one in branches
    }  # a deleted parent is not in the tree, whether or not it can be brought back
    return [
        {
            "name": one.run.name,
            "depth": min(one.depth, 12),
            "this": one.run.id == run.id,
            "method": METHODS.get(one.run.method, one.run.method),
            "after": one.run.parent_step,
            "orphan": one.run.parent_step is not None and one.run.parent_id not in there,
            "status": STATUS[one.run.status],
            "rounds": len(one.rounds),
        }
        for one in branches[:MOST_BRANCHES]
    ]


def _configuration(run: Run, dataset: Dataset, found: Found | None) -> list[tuple[str, str]]:
    """Everything that is needed to repeat the run."""
    rows = [
        ("Method", run.method),
        ("Encoder", encoder_name(run.encoder)),
        ("Encoder revision", run.encoder_revision or "none: it comes with the project, or is a local folder"),
        ("Seed", str(run.seed)),
        ("Group of seeds", run.group or "–"),
        ("Data set", dataset.name),
        ("SHA-256 of the data", run.data_sha256),
        ("Device", scrubbed(run.device or "–")),
        *((f"Version of {name}", scrubbed(str(version))) for name, version in run.versions.items()),
        *(
            (key, "auto" if value is None else encoder_name(str(value)) if key == "encoder" else scrubbed(str(value)))
            for key, value in run.config.items()
        ),
    ]
    if found is not None:
        rows += [(f"Diagnosis: {key}", scrubbed(str(value))) for key, value in found.diagnosis.config.items()]
    return rows
