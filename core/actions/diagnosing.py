"""Starting a diagnosis of a run's checkpoints."""

from core.errors import UserError
from core.jobs.launch import ensure_worker
from core.jobs.queue import submit
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job, Run
from core.training.diagnosis_config import DiagnosisConfig


def start_diagnosis(
    store: Store,
    settings: Settings,
    run: Run,
    *,
    checkpoint: str = "final",
    estimator: str = "cosine",
    probes: int = 40,
    probe_source: str = "train",
    seed: int | None = None,
) -> Job:
    """Queue the measuring of every training example's influence on a set of probes.

    Args:
        checkpoint: "final", "all", or a label step that has a checkpoint.
        probe_source: "train" (equal per label × confound cell), "dev" (the same, held out) or "first" (the first rows
            of the training set, as the paper did).
        seed: of the choice of probes; the run's own when not given.

    Raises:
        UserError: there is no such checkpoint, or a setting is out of range; nothing was queued.
    """
    config = DiagnosisConfig.parse(
        {
            "estimator": estimator,
            "probes": probes,
            "probe_source": probe_source,
            "seed": run.seed if seed is None else seed,
        }
    )
    if run.demo:
        raise UserError(
            f"{run.name!r} is the precomputed demo and has no weights to diagnose. Train a run of your own first."
        )
    if checkpoint != "all":
        queries.get_checkpoint(store, run, checkpoint)
    elif not queries.checkpoints(store, run.id):
        raise UserError(
            f"The run {run.name!r} has no checkpoint yet (status: {run.status}). Wait until it has trained."
        )
    with store.writing() as session:
        job = submit(
            session,
            "diagnose",
            {"checkpoint": checkpoint, **config.model_dump(mode="json")},
            run_id=run.id,
            max_queue=settings.max_queue,
        )
    ensure_worker(settings)
    return job
