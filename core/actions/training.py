"""Starting a training: one run and one job."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.actions.names import free_name
from core.encoders.catalogue import resolve
from core.jobs.launch import ensure_worker
from core.jobs.queue import submit
from core.settings import Settings
from core.store.engine import Store
from core.store.tables import Dataset, Job, Run
from core.training.config import TrainConfig


@dataclass(frozen=True)
class Started:
    """What was put into the queue."""

    run: Run
    job: Job
    diagnosis: Job | None = None


def start_training(
    store: Store,
    settings: Settings,
    dataset: Dataset,
    *,
    method: str = "finetune",
    encoder: str = "minilm",
    revision: str | None = None,
    seed: int = 2021,
    options: Mapping[str, str] | None = None,
    name: str | None = None,
    group: str | None = None,
    then_diagnose: str | None = None,
    probes: int = 40,
) -> Started:
    """Queue a training run, and a diagnosis after it where one is wanted.

    Args:
        options: further settings of `TrainConfig`, as text, as on the command line's `--set`.
        then_diagnose: "final" or "all" (every checkpoint); None for no diagnosis.

    Raises:
        UserError: an option, the encoder or the name is not usable; nothing was queued.
    """
    spec = resolve(encoder, revision, allowed_roots=settings.local_models)
    config = TrainConfig.parse(
        {**(options or {}), "method": method, "encoder": spec.name, "seed": str(seed)}
        | ({"revision": spec.revision} if spec.revision else {})
    )
    run = Run(
        name=free_name(store, Run, name, f"{dataset.name}-{method}-{seed}"),
        dataset_id=dataset.id,
        group=group,
        method=method,
        encoder=spec.name,
        encoder_revision=spec.revision,
        seed=seed,
        config=config.model_dump(mode="json"),
        data_sha256=dataset.sha256,
    )
    with store.writing() as session:
        session.add(run)
        session.flush()
        job = submit(session, "train", {}, run_id=run.id, max_queue=settings.max_queue)
        diagnosis = None
        if then_diagnose is not None:
            wish = {"checkpoint": then_diagnose, "probes": probes, "seed": seed}
            diagnosis = submit(session, "diagnose", wish, run_id=run.id, after=job, max_queue=settings.max_queue)
    ensure_worker(settings)
    return Started(run, job, diagnosis)
