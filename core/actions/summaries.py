"""What is told about a run or a diagnosis: the objects that the command line prints and the exports contain."""

from typing import Any

from core.store import queries
from core.store.engine import Store
from core.store.tables import Dataset, Diagnosis, Job, Run

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


def _parent(store: Store, run: Run) -> str | None:
    return None if run.parent_id is None else queries.get_run(store, run.parent_id).name


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
        "config": diagnosis.config,
        "device": diagnosis.device,
        "seconds": diagnosis.seconds,
    }


def job_summary(job: Job | queries.JobRow) -> dict[str, Any]:
    """A job: what it is, how far it is, how it ended."""
    return {
        "job": job.id,
        "kind": job.kind,
        "run": job.run_id if isinstance(job, Job) else job.run,
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "device": job.device,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "error": job.error,
    }
