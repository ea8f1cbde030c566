"""The job that diagnoses one checkpoint of a run, or all of them."""

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import select

from core.encoders.loading import load_saved
from core.errors import UserError
from core.jobs.ranks import team, tell
from core.jobs.reporter import Reporter
from core.statistics.verdict import Verdict, verdict
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Run, new_id
from core.training.config import TrainConfig
from core.training.device import choose_machine
from core.training.diagnosis import Diagnosed
from core.training.diagnosis import diagnose as measure
from core.training.diagnosis_config import ESTIMATORS, DiagnosisConfig
from core.training.evaluation import predict
from core.training.ranks import Ranks


def diagnose(reporter: Reporter) -> dict[str, Any]:
    """Diagnose the checkpoints that the job names and keep each matrix. Returns the ids of the diagnoses, by step.

    The final checkpoint comes first: what it says is what people wait for. After it, whoever waits for the device goes before
    the next one.
    """
    store = reporter.store
    wish = dict(reporter.job.payload)
    run = queries.get_run(store, str(reporter.job.run_id), even_deleted=True)
    dataset = queries.get_dataset(store, run.dataset_id)
    frame = queries.examples(store, dataset)
    which = str(wish.pop("checkpoint"))
    config = DiagnosisConfig.parse(wish)
    there = list(queries.checkpoints(store, run.id)) if which == "all" else [queries.get_checkpoint(store, run, which)]
    done = _done(store, run, config) if which == "all" else {}
    todo = [one for one in there if one.step not in done]
    # What this job made before it was interrupted, or made room for others, is its result too.
    made = {step: one.id for step, one in done.items() if one.created_at >= reporter.job.created_at}
    with team(reporter.settings.ranks) as ranks:
        for number, checkpoint in enumerate(sorted(todo, key=lambda one: (not one.final, one.step))):
            if number:
                reporter.make_room()
            made[checkpoint.step] = _one(reporter, run, dataset, frame, checkpoint, config, number, len(todo), ranks)
    return {"diagnoses": [made[step] for step in sorted(made)]}


def _one(
    reporter: Reporter,
    run: Run,
    dataset: Dataset,
    frame: pd.DataFrame,
    checkpoint: Checkpoint,
    config: DiagnosisConfig,
    number: int,
    total: int,
    ranks: Ranks,
) -> str:
    if checkpoint.path is None:
        raise UserError(
            f"The weights of {run.name!r} at step {checkpoint.step} are not kept, so it cannot be diagnosed."
        )
    path = reporter.store.artifacts.fetch_folder(checkpoint.path)
    model, tokenizer = load_saved(path)
    settings = TrainConfig.of(run.config)
    machine = choose_machine(settings)
    model.to(machine.device)

    def progress(share: float, message: str) -> None:
        reporter.progress((number + share) / total, f"step {checkpoint.step}: {message}")

    train = frame[frame["split"] == "train"]
    accuracy = _train_accuracy(reporter.store, run, checkpoint)
    if accuracy is None:
        progress(0.0, "accuracy on the training set")
        predicted = predict(model, tokenizer, train, max_length=settings.max_length)
        accuracy = float((predicted["predicted"] == predicted["label"]).mean())
    tell(ranks, "influence", model=path, settings=settings, frame=frame, config=config)
    found = measure(model, tokenizer, frame, config, max_length=settings.max_length, progress=progress, ranks=ranks)
    row = _row(reporter.store, run, dataset, train, checkpoint, config, found, accuracy)
    row.device = ranks.title(machine.title)
    arrays = {
        "scores": found.scores,
        "train_ids": train["id"].to_numpy(dtype=np.str_),
        "probe_row": found.probe_row.astype(np.int64),
    }
    target = f"runs/{run.id}/diagnoses/{row.id}.npz"
    row.path = reporter.patiently(lambda: reporter.store.artifacts.write_arrays(target, arrays))
    reporter.write(lambda session: session.merge(row))  # it may be there: the answer to a commit can be lost
    return row.id


def _row(
    store: Store,
    run: Run,
    dataset: Dataset,
    train: pd.DataFrame,
    checkpoint: Checkpoint,
    config: DiagnosisConfig,
    found: Diagnosed,
    train_accuracy: float,
) -> Diagnosis:
    report = found.report
    control = control_diagnosis(store, run, config.estimator)
    judged = verdict(
        report.cid,
        report.ci,
        report.null,
        report.p_value,
        train_accuracy=train_accuracy,
        n_train=len(train),
        chance=float(train["label"].value_counts(normalize=True).iloc[0]),
        control_cid=control.cid if control else None,
        control_ci=(control.ci_low, control.ci_high)
        if control and control.ci_low is not None and control.ci_high is not None
        else None,
        confound=_confound_name(dataset),
    )
    if config.estimator != "cosine" and control is None and judged.code in ("confounded", "not_confounded"):
        # What counts as much is known for gradient cosines; other influences have their own scale.
        sentence = f"CID is {report.cid:.2f} by {ESTIMATORS[config.estimator]}. Whether that is much can only be told beside a no-spurious control: diagnose one in the same way."
        judged = Verdict("unclear", sentence)
    detail = report.to_dict()
    detail["probes"] = [
        {"id": probe_id, "effect": part["hedges_g"], **part}
        for probe_id, part in zip(found.probes["id"], detail["probes"], strict=True)
    ]
    detail["layers"] = [one.to_dict() for one in found.layers]
    detail["notes"] = [*found.choice.notes, *detail["notes"]]
    detail["control"] = {"diagnosis": control.id, "run": control.run_id, "cid": control.cid} if control else None
    return Diagnosis(
        id=new_id(),
        run_id=run.id,
        step=checkpoint.step,
        estimator=config.estimator,
        config=config.model_dump(mode="json"),
        n_probes=len(found.probes),
        n_train=len(train),
        cid=report.cid,
        ci_low=report.ci[0],
        ci_high=report.ci[1],
        null_low=report.null[0],
        null_high=report.null[1],
        p_value=report.p_value,
        verdict=judged.code,
        sentence=judged.sentence,
        report=detail,
        seconds=found.seconds,
    )


def control_diagnosis(store: Store, run: Run, estimator: str) -> Diagnosis | None:
    """The newest final diagnosis of a run on the no-spurious control of this run's data set, of the same seed if there is one."""
    final = (
        select(Diagnosis, Run.seed)
        .join(Run, Run.id == Diagnosis.run_id)
        .join(Dataset, Dataset.id == Run.dataset_id)
        .join(Checkpoint, (Checkpoint.run_id == Run.id) & (Checkpoint.step == Diagnosis.step) & Checkpoint.final)
        .where(
            Dataset.control_of == run.dataset_id,
            Run.encoder == run.encoder,
            Diagnosis.estimator == estimator,
            queries.THERE,
        )
        .order_by(Diagnosis.created_at.desc())
    )
    with store.reading() as session:
        found = session.execute(final).all()
    same_seed = [row[0] for row in found if row[1] == run.seed]
    return next(iter([*same_seed, *(row[0] for row in found)]), None)


def _done(store: Store, run: Run, config: DiagnosisConfig) -> dict[int, Diagnosis]:
    """The checkpoints that have a diagnosis of this kind, by step."""
    wanted = config.model_dump(mode="json")
    return {one.step: one for one in queries.diagnoses(store, run.id) if one.config == wanted}


def _train_accuracy(store: Store, run: Run, checkpoint: Checkpoint) -> float | None:
    with store.reading() as session:
        return session.scalars(
            select(Evaluation.accuracy).where(
                Evaluation.run_id == run.id, Evaluation.step == checkpoint.step, Evaluation.split == "train"
            )
        ).first()


def _confound_name(dataset: Dataset) -> str:
    return str(dataset.mapping.get("confound") or "confound")
