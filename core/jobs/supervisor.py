"""The worker: one process that looks after the jobs table and runs each job in a process of its own.

A fresh process a job (never a fork: CUDA cannot be forked) gives back all memory when it ends, takes nothing down with
it when it crashes, and can be ended for certain: first it is asked, then SIGTERM, then SIGKILL for its whole tree.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
from sqlalchemy import update

from core.jobs import queue
from core.jobs.allocator import allocator
from core.jobs.calibrate import known_speed
from core.jobs.devices import Device, devices
from core.jobs.locks import supervisor_lock, try_lock, watched
from core.jobs.version import code_version
from core.settings import PROJECT, Settings
from core.store.engine import Store, open_store
from core.store.queries import list_jobs
from core.store.tables import Job, Worker, now

POLL_SECONDS = 0.3
HEARTBEAT_SECONDS = 3.0


def log_path(store: Store, job_id: str) -> Path:
    """The file that holds what a job printed."""
    return store.artifacts.path(f"jobs/{job_id}.log")


class Supervisor:
    """Claims jobs one at a time and sees each to its end."""

    def __init__(self, settings: Settings, *, idle_seconds: float | None = None) -> None:
        """Args: idle_seconds: leave after this long with nothing to do and no dashboard up; None stays for ever."""
        self.settings = settings
        self.store = open_store(settings)
        self.home = settings.home.resolve()
        self.idle_seconds = idle_seconds
        self.device: Device = devices()[0]
        self.stopping = False
        self.worker_id = ""
        self._beat_at = 0.0
        self._calibration: subprocess.Popen[bytes] | None = None

    def run(self) -> bool:
        """Work until told to stop. Returns False at once when another supervisor looks after this store already."""
        lock = supervisor_lock(self.home)
        if not try_lock(lock):
            return False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self.store.migrate()
        self._register()
        self._clear_leftovers()
        try:
            while True:
                self._serve()
                lock.release()
                # A job submitted between the last look at the queue and the release found the lock taken.
                if self.stopping or not list_jobs(self.store, active=True, limit=1) or not try_lock(lock):
                    return True
        finally:
            self._unregister()

    def _serve(self) -> None:
        idle_since = time.monotonic()
        while not self.stopping:
            self._heartbeat()
            job = queue.claim(self.store, self.worker_id, self.device.title) if self._disk_has_room() else None
            if job is not None:
                self._end_calibration()
                self._run_job(job)
                idle_since = time.monotonic()
            elif self.idle_seconds is not None and time.monotonic() - idle_since > self.idle_seconds:
                if not watched(self.home):
                    return
                idle_since = time.monotonic()
            else:
                self._calibrate()
                time.sleep(POLL_SECONDS)
        self._end_calibration()

    def _calibrate(self) -> None:
        """Measure the machine's speed beside the empty queue, once; see `core.jobs.calibrate`."""
        if self._calibration is not None or not self.settings.calibrate or known_speed(self.store) is not None:
            return
        with (self.home / "worker.log").open("ab") as log:
            self._calibration = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.calibrate"],
                cwd=PROJECT,
                env=self._environment(""),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _end_calibration(self) -> None:
        """Make room for a job; a measurement that was broken off is begun again when the queue is empty."""
        if self._calibration is None:
            return
        if self._calibration.poll() is None:
            end_tree(self._calibration.pid, grace=0)
            self._calibration.wait()
            self._calibration = None

    def _run_job(self, job: Job) -> None:
        assert job.lease_token is not None
        path = log_path(self.store, job.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.run", job.id],
                cwd=PROJECT,
                env=self._environment(job.lease_token),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            queue.started(self.store, job.id, job.lease_token, child.pid)
            cancelled = self._watch(job, job.lease_token, child)
        except queue.LeaseLostError:
            end_tree(child.pid, grace=self.settings.cancel_grace_seconds)
            child.wait()
            return
        code = child.wait()
        # A job ends its own row when it is done or has failed; one still 'running' here was stopped or died without a word.
        if cancelled:
            queue.finish(self.store, job.id, job.lease_token, "cancelled", exit_code=code)
        elif self.stopping:
            queue.give_back(self.store, job.id, job.lease_token, "the worker was stopped")
        else:
            queue.finish(self.store, job.id, job.lease_token, "failed", error=_epitaph(code), exit_code=code)

    def _watch(self, job: Job, token: str, child: subprocess.Popen[bytes]) -> bool:
        """Wait for the job's process. Returns whether somebody cancelled it."""
        asked_at: float | None = None
        deadline = time.monotonic() + self.settings.max_job_hours * 3600
        renew_at = 0.0
        while child.poll() is None:
            self._heartbeat()
            moment = time.monotonic()
            if moment >= renew_at:
                queue.renew(self.store, job.id, token)
                renew_at = moment + HEARTBEAT_SECONDS
            if self.stopping:
                end_tree(child.pid, grace=self.settings.cancel_grace_seconds)
            elif moment > deadline and asked_at is None:
                queue.request_cancel(self.store, job.id)
            elif asked_at is None and self._cancel_requested(job.id):
                asked_at = moment
            elif asked_at is not None and moment - asked_at > self.settings.cancel_grace_seconds:
                end_tree(child.pid, grace=self.settings.cancel_grace_seconds)
            time.sleep(POLL_SECONDS)
        end_tree(child.pid, grace=0)
        return asked_at is not None

    def _cancel_requested(self, job_id: str) -> bool:
        with self.store.reading() as session:
            job = session.get(Job, job_id)
            return job is None or job.cancel_requested_at is not None

    def _clear_leftovers(self) -> None:
        for job in queue.abandoned(self.store):
            if job.pid is not None and _is_job(job.pid, job.id):
                end_tree(job.pid, grace=0)
            if job.lease_token is not None:
                queue.give_back(self.store, job.id, job.lease_token, "the worker ended while it ran")

    def _disk_has_room(self) -> bool:
        """Whether a job may start; where not, those that wait say why."""
        free = int(psutil.disk_usage(str(self.home)).free) // (1024 * 1024)
        if free >= self.settings.min_free_mb:
            return True
        queue.explain_wait(
            self.store, f"waiting for disk space: {free} MiB are free, {self.settings.min_free_mb} are needed to start"
        )
        return False

    def _environment(self, token: str) -> dict[str, str]:
        environment = {
            **os.environ,
            **allocator(),
            "UNCONFOUND_HOME": str(self.home),
            "UNCONFOUND_JOB_TOKEN": token,
            "TOKENIZERS_PARALLELISM": "false",
            # Threads that wait should sleep: spinning, they take the very cores that a busy machine's other work needs.
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
            "PYTHONUNBUFFERED": "1",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on a GPU
        }
        if self.settings.threads is not None:
            environment["OMP_NUM_THREADS"] = str(self.settings.threads)
        if self.device.uuid is not None:
            environment["CUDA_VISIBLE_DEVICES"] = self.device.uuid
        return environment

    def _register(self) -> None:
        with self.store.writing() as session:
            session.execute(update(Worker).where(Worker.stopped_at.is_(None)).values(stopped_at=now()))
            worker = Worker(
                host=socket.gethostname(), pid=os.getpid(), device=self.device.title, code_version=code_version()
            )
            session.add(worker)
            session.flush()
            self.worker_id = worker.id

    def _heartbeat(self) -> None:
        if time.monotonic() - self._beat_at < HEARTBEAT_SECONDS:
            return
        self._beat_at = time.monotonic()
        with self.store.writing() as session:
            session.execute(update(Worker).where(Worker.id == self.worker_id).values(heartbeat_at=now()))

    def _unregister(self) -> None:
        with self.store.writing() as session:
            session.execute(update(Worker).where(Worker.id == self.worker_id).values(stopped_at=now()))

    def _stop(self, _signal: int, _frame: object) -> None:
        self.stopping = True


def end_tree(pid: int, *, grace: float) -> None:
    """SIGTERM to a process and all below it; after `grace` seconds SIGKILL to whatever is left."""
    try:
        parent = psutil.Process(pid)
        tree = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        _signal(process, signal.SIGTERM)
    _gone, alive = psutil.wait_procs(tree, timeout=grace)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def _signal(process: psutil.Process, which: signal.Signals) -> None:
    try:
        process.send_signal(which)
    except psutil.NoSuchProcess:
        return


def _is_job(pid: int, job_id: str) -> bool:
    try:
        return any(part == job_id for part in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def _epitaph(code: int) -> str:
    if code == -signal.SIGKILL:
        return "The job was killed from outside, most often because the machine ran out of memory. Try a smaller batch_size."
    if code < 0:
        return f"The job was ended by the signal {signal.Signals(-code).name}. Its log says how far it came."
    return f"The job's process ended with exit code {code} before it could say why. Its log may tell."
