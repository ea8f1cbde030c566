"""What is told about a run or a diagnosis: the objects that the command line prints and the JSON API answers with."""

from collections.abc import Sequence
from typing import Any

from core.actions.training import Started
from core.actions.tuning import Branch
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Run

CORE_SPLITS = ("train", "dev", "test")


def dataset_summary(dataset: Dataset) -> dict[str, Any]:
    """A data set: what it holds and what its profile says."""
    return {
        "dataset": dataset.name,
        "id": dataset.id,
        "created_at": dataset.created_at.isoformat(),
        "sha256": dataset.sha256,
        "labels": dataset.labels,
        "confounds": dataset.confounds,
        "mapping": dataset.mapping,
        "sources": dataset.sources,
        "profile": dataset.profile,
    }


def run_row_summary(row: queries.RunRow) -> dict[str, Any]:
    """A line of the run list: what the run is, and the newest of its key numbers."""
    return {
        key: getattr(row, key)
        for key in (
            *("name", "id", "dataset", "method", "encoder", "seed", "group", "status", "failed_to_fit", "seconds"),
            *("demo", "split", "accuracy", "worst_cell", "floor", "cid", "verdict"),
        )
    }


def run_summary(store: Store, run: Run) -> dict[str, Any]:
    """A run: status, cost, and the evaluation of every split at its last step."""
    last: dict[str, Any] = {}
    for evaluation in queries.evaluations(store, run.id):  # by step, so that a later one takes the place of an earlier
        if evaluation.split in CORE_SPLITS:
            last[evaluation.split] = {"step": evaluation.step, **evaluation.report}
    newest = max((found["step"] for found in last.values()), default=None)
    return {
        "run": run.name,
        "id": run.id,
        "status": run.status,
        "failed_to_fit": run.failed_to_fit,
        "method": run.method,
        "encoder": run.encoder,
        "encoder_revision": run.encoder_revision,
        "seed": run.seed,
        "group": run.group,
        "seconds": run.seconds,
        "steps": run.steps,
        "device": run.device,
        "created_at": run.created_at.isoformat(),
        "config": run.config,
        "versions": run.versions,
        "data_sha256": run.data_sha256,
        "error": run.error,
        "note": run.note,
        "parent": _parent(store, run),
        "parent_step": run.parent_step,
        "rounds": [one.report for one in queries.rounds(store, [run.id])],
        "checkpoints": [one.step for one in queries.checkpoints(store, run.id)],
        "evaluation": {split: last[split] for split in CORE_SPLITS if split in last and last[split]["step"] == newest},
        "diagnoses": [
            {"diagnosis": one.id, "checkpoint": one.step, "estimator": one.estimator, "cid": one.cid}
            for one in queries.diagnoses(store, run.id)
        ],
    }


def tree_summary(branches: Sequence[Branch]) -> list[dict[str, Any]]:
    """The tree of rounds that a run belongs to, parents before their children."""
    names = {branch.run.id: branch.run.name for branch in branches}
    return [
        {
            "run": branch.run.name,
            "id": branch.run.id,
            "parent": names.get(branch.run.parent_id or ""),
            "parent_step": branch.run.parent_step,
            "depth": branch.depth,
            "method": branch.run.method,
            "status": branch.run.status,
            "rounds": list(branch.rounds),
        }
        for branch in branches
    ]


def _parent(store: Store, run: Run) -> str | None:
    parent = queries.parent_of(store, run)
    return None if parent is None else parent.name


def checkpoint_summary(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint: where in training it stands, and whether anything can go on from it."""
    return {
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "final": checkpoint.final,
        "kept": checkpoint.path is not None,
        "bytes": checkpoint.bytes,
        "created_at": checkpoint.created_at.isoformat(),
    }


def evaluation_summary(evaluation: Evaluation) -> dict[str, Any]:
    """Accuracy of a checkpoint on a split or a file."""
    return {
        "step": evaluation.step,
        "split": evaluation.split,
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "worst_cell": evaluation.worst_cell,
        "report": evaluation.report,
        "created_at": evaluation.created_at.isoformat(),
    }


def diagnosis_summary(diagnosis: Diagnosis, run: Run) -> dict[str, Any]:
    """A diagnosis: CID with its interval and null, the verdict, and each probe's part."""
    return {
        "diagnosis": diagnosis.id,
        "run": run.name,
        "checkpoint": diagnosis.step,
        "estimator": diagnosis.estimator,
        "cid": diagnosis.cid,
        "ci": [diagnosis.ci_low, diagnosis.ci_high],
        "null": [diagnosis.null_low, diagnosis.null_high],
        "p_value": diagnosis.p_value,
        "verdict": diagnosis.verdict,
        "sentence": diagnosis.sentence,
        "n_train": diagnosis.n_train,
        "probes": diagnosis.report["probes"],
        "layers": diagnosis.report.get("layers", []),
        "config": diagnosis.config,
        "device": diagnosis.device,
        "seconds": diagnosis.seconds,
    }


def diagnosis_row_summary(row: queries.DiagnosisRow) -> dict[str, Any]:
    """A line of the list of diagnoses: as `diagnosis_summary`, without the probes."""
    return {
        "diagnosis": row.id,
        "run": row.run,
        "checkpoint": row.step,
        "estimator": row.estimator,
        "cid": row.cid,
        "ci": [row.ci_low, row.ci_high],
        "null": [row.null_low, row.null_high],
        "p_value": row.p_value,
        "verdict": row.verdict,
        "sentence": row.sentence,
        "n_train": row.n_train,
        "n_probes": row.n_probes,
        "config": row.config,
        "device": row.device,
        "seconds": row.seconds,
        "created_at": row.created_at.isoformat(),
    }


def started_summary(begun: Started) -> dict[str, Any]:
    """What was put into the queue, and the ids to follow it by."""
    report = {"run": begun.run.name, "id": begun.run.id, "job": begun.job.id, "status": "queued"}
    return report if begun.diagnosis is None else {**report, "diagnosis_job": begun.diagnosis.id}


def job_summary(row: queries.JobRow) -> dict[str, Any]:
    """A job: what it is, how far it is, how it ended."""
    return {
        "job": row.id,
        "kind": row.kind,
        "run": row.run,
        "status": row.status,
        "progress": row.progress,
        "message": row.message,
        "device": row.device,
        "created_at": row.created_at.isoformat(),
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "error": row.error,
    }


def job_detail(store: Store, job_id: str) -> dict[str, Any]:
    """A job with what it made (`result`), its place in the queue and how often it was begun.

    Raises:
        NotFoundError: there is no such job.
    """
    rows = queries.list_jobs(store, job_id=job_id)
    job = queries.get_job(store, job_id)
    more = {"priority": job.priority, "attempts": job.attempts, "after": job.after_id, "result": job.result}
    return {**job_summary(rows[0]), **more}
