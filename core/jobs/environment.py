"""The environment variables that a worker gives to a job's process."""

import os

from core.jobs.allocator import allocator
from core.jobs.processes import TOKEN, WORKER
from core.settings import Settings
from core.system.processes import in_utf8


def job_environment(settings: Settings, token: str, gpus: str | None) -> dict[str, str]:
    """This process's own variables, and what a job has besides.

    Args:
        token: of the job's lease; all that the job starts inherit it, and are found by it.
        gpus: what CUDA may see, by UUID; None leaves it as it is.
    """
    environment = {
        **os.environ,
        **allocator(),
        **in_utf8(),
        "UNCONFOUND_HOME": str(settings.home.resolve()),
        TOKEN: token,
        WORKER: str(os.getpid()),
        "TOKENIZERS_PARALLELISM": "false",
        # Threads that wait should sleep: spinning, they take the very cores that a busy machine's other work needs.
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
        "PYTHONUNBUFFERED": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on a GPU
    }
    ranks, threads = settings.ranks, settings.threads
    if threads is None and ranks > 1 and "OMP_NUM_THREADS" not in os.environ:
        threads = os.cpu_count()
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(max(1, threads // ranks))
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpus
    return environment
