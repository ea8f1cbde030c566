"""The worker for a Ray cluster: it submits each job there, as many as fit, and sees each to its end by what Ray tells.

Where a job runs, that it ends with its node, and how many nodes there are is Ray's business. The state of record stays
the jobs table: what Ray has lost is queued again, and a process whose token no longer counts stops at its next report.

Nothing of a job hangs on this process. It may be stopped or killed; the next one takes over what runs in Ray.
"""

import contextlib
import json
import shlex
import signal
import socket
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import UserError
from core.jobs import presence, queue
from core.jobs.allocator import allocator
from core.jobs.housekeeping import Housekeeper
from core.jobs.locks import ray_lock, try_lock, watched
from core.jobs.logs import log_path
from core.jobs.processes import OWN_LOG, STOPPED, TOKEN
from core.jobs.ray_cluster import PREFIX, Need, RayCluster, RayTroubleError, Submission
from core.jobs.room import disk_has_room
from core.jobs.version import Renewal
from core.settings import PROJECT, Settings
from core.store.clock import moment
from core.store.engine import open_store
from core.store.queries import WORKER_SILENT_SECONDS
from core.store.tables import Job, Worker
from core.store.trouble import StoreTroubleError
from core.system import on_windows
from core.system.processes import KILLED

POLL_SECONDS = 1.0
BEAT_SECONDS = 3.0
SWEEP_SECONDS = 5.0
TROUBLE_SECONDS = 2.0
OUTAGE_SECONDS = 300.0
"""How long a job is believed to run while neither Ray nor the job itself says anything."""
STOP_SECONDS = 5
"""Between SIGTERM and SIGKILL for a job that is stopped through Ray."""
GIVE_UP_SECONDS = 30.0
"""After telling Ray to stop a job: the time until its row is ended whatever Ray says."""
STRAY_SECONDS = 30.0
"""How long a submission whose job is not its own any more may take to end by itself."""

_BLAMELESS = ("JOB_SUPERVISOR_ACTOR_START_TIMEOUT", "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE")


@dataclass
class Submitted:
    """A job in Ray and how far its end has got.

    known: Ray has told of it; asked_at: when a person's wish to cancel it was seen; stopped_at: when Ray was told to
    stop it, and `why`; silent_at: when it was seen to hang.
    """

    job: Job
    token: str
    known: bool = False
    asked_at: float | None = None
    stopped_at: float | None = None
    silent_at: float | None = None
    why: str = ""

    @property
    def name(self) -> str:
        """The submission's name in Ray. The row gives it, so the next executor finds it again."""
        return f"{PREFIX}{self.job.id}-{self.job.attempts}-{self.token[:8]}"


class RayExecutor:
    """Claims jobs as the cluster has room for them."""

    def __init__(self, settings: Settings, *, idle_seconds: float | None = None) -> None:
        """Args: idle_seconds: leave after this long with nothing to do and no dashboard up; None stays for ever."""
        assert settings.ray_address is not None
        if on_windows():
            raise UserError(
                "Jobs are sent to a Ray cluster from Linux or macOS only. Unset UNCONFOUND_RAY_ADDRESS to run them on this machine."
            )
        cores = settings.ray_cpus_per_job
        self.settings = settings
        self.store = open_store(settings)
        self.home = settings.home.resolve()
        self.idle_seconds = idle_seconds
        self.cluster = RayCluster(settings.ray_address, Need("CPU", cores) if cores else Need("GPU", settings.ranks))
        self.title = f"Ray at {self.cluster.address}"
        self.machine = socket.gethostname()
        self.host = f"{self.machine} (Ray)"
        """Another name than a supervisor's of this machine, which would look for the jobs' processes here."""
        self.works: list[Submitted] = []
        self.strays: dict[str, float] = {}
        self.stopping = False
        self.outdated = False
        """The code has changed: leave, and let a new executor take over what runs."""
        self.renewal = Renewal()
        self.worker_id = ""
        self.heard_at = time.monotonic()
        self._beat_at = self._swept_at = 0.0
        self._housekeeper = Housekeeper(self.store, settings)
        self._told = ""

    def run(self) -> bool:
        """Work until told to stop; what runs in Ray goes on. Returns False where another executor is there already.

        Raises:
            UserError: the store cannot be used.
        """
        lock = ray_lock(self.home)
        if not try_lock(lock):
            return False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self.store.migrate()
        self.worker_id = presence.register(self.store, self.host, self.title)
        try:
            while True:
                self._serve()
                lock.release()
                # A job submitted between the last look at the queue and the release found the lock taken.
                if self.stopping or self.outdated or not queue.is_waiting(self.store) or not try_lock(lock):
                    return True
        finally:
            with contextlib.suppress(StoreTroubleError):
                presence.unregister(self.store, self.worker_id)

    def _serve(self) -> None:
        idle_since = time.monotonic()
        while not self.stopping and not self.outdated:
            try:
                self._turn()
                self._tell("")
            except StoreTroubleError as trouble:
                self._tell(f"{trouble} Trying again.")
                time.sleep(TROUBLE_SECONDS)
            except RayTroubleError as trouble:
                # The store may be in trouble too; what could not be written is written at the next turn.
                with contextlib.suppress(StoreTroubleError):
                    self._bridge(str(trouble))
                time.sleep(TROUBLE_SECONDS)
            if self.works:
                idle_since = time.monotonic()
            elif self.idle_seconds is not None and time.monotonic() - idle_since > self.idle_seconds:
                if not watched(self.home):
                    return
                idle_since = time.monotonic()
            time.sleep(POLL_SECONDS)

    def _turn(self) -> None:
        """One look at everything. It may break off anywhere when Ray or the store is in trouble, and is then repeated."""
        beating = time.monotonic() - self._beat_at >= BEAT_SECONDS
        if beating:
            presence.beat(self.store, self.worker_id)
        there = self.cluster.submissions()
        self.heard_at = time.monotonic()
        for work in sorted(self.works, key=lambda work: not work.known):  # one that Ray refuses keeps no other waiting
            self._look(work, there.get(work.name), beating=beating)
        if beating:
            self._beat_at = time.monotonic()
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._recover()
            self._end_hung()
            self._end_strays(there)
            self._housekeeper.look()
            self._swept_at = time.monotonic()
        self.outdated = self.renewal.is_due()
        if not self.outdated:
            self._fill(there)

    # --- starting ---

    def _fill(self, there: dict[str, Submission]) -> None:
        """Submit what waits, as far as it fits."""
        if not queue.is_waiting(self.store) or not disk_has_room(self.store, self.settings):
            return
        if self.settings.url.startswith("sqlite") and self.cluster.machines() > 1:
            self._explain(
                "waiting: the Ray cluster has several machines, and a SQLite file must be used from one only. "
                "Set UNCONFOUND_DATABASE_URL to a PostgreSQL database."
            )
            return
        free = self.cluster.free(there) + self._ahead(there)
        if free == 0:
            self._explain(self._why_full())
        for _ in range(free):
            job = queue.claim(self.store, self.worker_id, self.title)
            if job is None:
                return
            assert job.lease_token is not None
            work = Submitted(job, job.lease_token)
            self.works.append(work)
            self._submit(work)

    def _ahead(self, there: dict[str, Submission]) -> int:
        pending = sum(one.status == "PENDING" for one in there.values())
        return max(0, self.settings.ray_ahead - pending)

    def _why_full(self) -> str:
        title = self.cluster.need.title
        if self.cluster.has_any():
            return f"waiting for a free {title} in the Ray cluster"
        cure = "" if self.cluster.need.resource != "GPU" else ". To run on CPU cores, set UNCONFOUND_RAY_CPUS_PER_JOB"
        return f"waiting: no node of the Ray cluster has a {title}{cure}"

    def _explain(self, message: str) -> None:
        if queue.paused_since(self.store) is None:
            queue.explain_wait(self.store, message)

    def _submit(self, work: Submitted) -> None:
        # When the answer is lost, the next look at Ray's list tells whether it came to it; if not, it is sent again.
        own = f"cd {shlex.quote(str(PROJECT))} && exec {shlex.quote(sys.executable)} -m core.jobs.run"
        self.cluster.submit(
            work.name,
            f"{self.settings.ray_command or own} {work.job.id}",
            self._environment(work.token),
            {"job": work.job.id, "kind": work.job.kind, "attempt": str(work.job.attempts)},
        )

    def _environment(self, token: str) -> dict[str, str]:
        environment = {
            **allocator(),
            TOKEN: token,
            OWN_LOG: "1",
            "TOKENIZERS_PARALLELISM": "false",
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONUNBUFFERED": "1",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on a GPU
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS),
        }
        threads = self.settings.threads or int(self.settings.ray_cpus_per_job or 0)
        if threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        if self.settings.ray_send_settings:
            given = self.settings.model_dump(mode="json", include=self.settings.model_fields_set)
            for name, value in {**given, "home": str(self.home)}.items():
                if value is not None and not name.startswith(("ray_", "api_", "oidc_", "allowed_", "admins")):
                    text = value if isinstance(value, str) else json.dumps(value)
                    environment[f"UNCONFOUND_{name.upper()}"] = text
        return environment

    # --- watching ---

    def _look(self, work: Submitted, found: Submission | None, *, beating: bool) -> None:
        """See how a job is by what Ray tells, and bring it one step nearer to its end if it is to end."""
        if found is None and not work.known:
            if self._cancel_requested(work.job.id):
                self._drop(work, "it was not submitted yet")
            else:
                self._submit(work)
            return
        if found is None:
            self._drop(work, "Ray no longer knows it; its head was restarted, most likely")
            return
        work.known = True
        if found.has_ended:
            self._bury(work, found)
            return
        try:
            if beating:
                queue.renew(self.store, work.job.id, work.token)
            if found.status == "PENDING":
                self._look_at_pending(work, beating=beating)
            else:
                self._decide(work)
        except queue.LeaseLostError:  # it has ended its row itself, or somebody else has it
            self.works.remove(work)

    def _look_at_pending(self, work: Submitted, *, beating: bool) -> None:
        """A job that waits in Ray: it has no process yet that could say so, or could be asked to stop."""
        if self._cancel_requested(work.job.id):
            self.cluster.stop(work.name)
            queue.finish(self.store, work.job.id, work.token, "cancelled")
            self.works.remove(work)
        elif beating:
            with self.store.writing() as session:
                message = f"pending in Ray: waiting for a free {self.cluster.need.title}"
                queue.report(session, work.job.id, work.token, 0.0, message)

    def _decide(self, work: Submitted) -> None:
        """Whether a running job has to end: first it is asked, then stopped through Ray, then its row is ended anyway."""
        moment, job_id = time.monotonic(), work.job.id
        if work.stopped_at is not None:
            if moment - work.stopped_at > GIVE_UP_SECONDS:
                self._drop(work, f"{work.why}, and Ray could not stop it")
        elif work.asked_at is not None:
            if moment - work.asked_at > self.settings.cancel_grace_seconds:
                self._end(work, "it did not stop when asked")
        elif self._cancel_requested(job_id):
            work.asked_at = moment
        elif self._age(work.job) > timedelta(hours=self.settings.max_job_hours):
            with contextlib.suppress(UserError):  # it has just ended
                queue.request_cancel(self.store, job_id)

    def _end_hung(self) -> None:
        """Stop jobs that have made no progress for too long; they go back into the queue."""
        silent = queue.hung(self.store, self.settings.hung_end_minutes)
        for work in self.works:
            if work.job.id not in silent:
                work.silent_at = None
            elif work.silent_at is None:
                work.silent_at = time.monotonic()  # after an outage or a sleep: let the job speak first
            elif work.stopped_at is None and time.monotonic() - work.silent_at > min(60, self._hung_seconds()):
                self._end(work, f"it made no progress for {silent[work.job.id]:.0f} min")

    def _hung_seconds(self) -> float:
        return self.settings.hung_end_minutes * 60

    def _end(self, work: Submitted, why: str) -> None:
        self.cluster.stop(work.name)
        work.stopped_at, work.why = time.monotonic(), why

    def _bury(self, work: Submitted, found: Submission) -> None:
        """Ray says that a job's process has ended: end its row where it did not do so itself."""
        job_id, token = work.job.id, work.token
        if self._is_ours(work) and found.message and found.exit_code != STOPPED:
            self._keep_message(work, found)
        if work.asked_at is not None:
            queue.finish(self.store, job_id, token, "cancelled", exit_code=found.exit_code)
        else:
            why = work.why or _epitaph(found)
            queue.give_back(self.store, job_id, token, why, counts=found.error not in _BLAMELESS)
        self.works.remove(work)

    def _drop(self, work: Submitted, why: str) -> None:
        """Look after a job no longer: put it back into the queue, or end it where that was asked for."""
        queue.give_back(self.store, work.job.id, work.token, why)
        self.works.remove(work)

    def _keep_message(self, work: Submitted, found: Submission) -> None:
        """Append what Ray has to say to the job's log, which lacks it: the process died before it opened it, or at once."""
        path = log_path(self.store, work.job.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(f"--- Ray on {work.name}: {found.status}\n{found.message.rstrip()}\n---\n")

    def _is_ours(self, work: Submitted) -> bool:
        with self.store.reading() as session:
            job = session.get(Job, work.job.id)
            return job is not None and job.status == "running" and job.lease_token == work.token

    def _cancel_requested(self, job_id: str) -> bool:
        with self.store.reading() as session:
            job = session.get(Job, job_id)
            return job is None or job.cancel_requested_at is not None

    # --- recovering ---

    def _bridge(self, trouble: str) -> None:
        """While Ray does not answer: what runs there goes on, and is looked after for as long as it may be alive."""
        self._tell(f"{trouble} What runs there goes on. Trying again.")
        presence.beat(self.store, self.worker_id)
        self._explain(f"waiting for Ray: {trouble}")
        deaf = time.monotonic() - self.heard_at > OUTAGE_SECONDS
        for work in list(self.works):
            with self.store.reading() as session:
                job = session.get(Job, work.job.id)
                spoke = None if job is None else job.progress_at
            if deaf and (spoke is None or self._now() - spoke > timedelta(seconds=OUTAGE_SECONDS)):
                self._drop(work, f"neither it nor Ray has said anything for {OUTAGE_SECONDS / 60:.0f} min")
                continue
            try:
                queue.renew(self.store, work.job.id, work.token)
            except queue.LeaseLostError:
                self.works.remove(work)

    def _recover(self) -> None:
        """Take over the jobs of executors on this cluster that are gone; queue again what other machines have lost."""
        mine = {work.token for work in self.works}
        for job, worker in queue.under_way(self.store):
            token = job.lease_token
            if token is None or token in mine:
                continue
            if worker is not None and worker.device == self.title:
                if self._is_gone(worker) and queue.adopt(self.store, job, self.worker_id):
                    self.works.append(Submitted(job, token, known=True))
            elif worker is None or worker.host != self.machine:
                queue.take_back(self.store, job.id, token)

    def _is_gone(self, worker: Worker) -> bool:
        if worker.stopped_at is not None or worker.id == self.worker_id:
            return True
        if worker.host == self.host:
            return not presence.lives(worker)
        return self._now() - worker.heartbeat_at > timedelta(seconds=WORKER_SILENT_SECONDS)

    def _end_strays(self, there: dict[str, Submission]) -> None:
        """Stop what still runs in Ray although its job has ended, or has been given to another process."""
        mine = {work.name for work in self.works}
        before, self.strays = self.strays, {}
        for name, found in there.items():
            if found.has_ended or name in mine or self._is_looked_after(name):
                continue
            self.strays[name] = before.get(name, time.monotonic())
            if time.monotonic() - self.strays[name] > STRAY_SECONDS:
                self.cluster.stop(name)

    def _is_looked_after(self, name: str) -> bool:
        """Whether another executor may have it: the row says so, or there is none, as for another store's jobs."""
        job_id, _attempt, start = name.removeprefix(PREFIX).split("-")
        with self.store.reading() as session:
            job = session.get(Job, job_id)
        return job is None or (job.status == "running" and (job.lease_token or "").startswith(start))

    def _age(self, job: Job) -> timedelta:
        return timedelta() if job.started_at is None else self._now() - job.started_at

    def _now(self) -> datetime:
        with self.store.reading() as session:
            return moment(session)

    def _tell(self, message: str) -> None:
        """Print a sentence when there is another one than before."""
        if message and message != self._told:
            print(message, file=sys.stderr, flush=True)
        self._told = message

    def _stop(self, _signal: int, _frame: object) -> None:
        self.stopping = True


def _epitaph(found: Submission) -> str:
    if found.status == "STOPPED":
        return "it was stopped in Ray from outside"
    if found.exit_code is None:
        return f"Ray lost it with its node, or could not start it ({found.error or 'no reason given'})"
    if found.exit_code == STOPPED:
        return "its process was told from outside to stop"
    if found.exit_code in (KILLED, 128 - KILLED):
        return "it was killed from outside, most often because the node ran out of memory (try a smaller batch_size)"
    return f"its process ended with exit code {found.exit_code} before it could say why"
