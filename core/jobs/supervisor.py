"""The worker: one process that looks after the jobs table and runs each job in a process of its own.

A fresh process a job (never a fork: CUDA cannot be forked) gives back all memory when it ends, takes nothing down with
it when it crashes, and can be ended for certain: first it is asked, then SIGTERM, then SIGKILL for all it has started.

A job whose process ends without a word goes back into the queue. So does one whose worker is gone: the next worker ends
what is left of it first, since two processes must never work on one run.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import UserError
from core.jobs import presence, processes, queue
from core.jobs.calibrate import known_speed
from core.jobs.devices import devices
from core.jobs.environment import job_environment
from core.jobs.housekeeping import Housekeeper
from core.jobs.locks import inherited, let_go, named, supervisor_lock, try_lock, watched
from core.jobs.logs import LogSender, log_path
from core.jobs.processes import RANK_DIED, STOPPED, end_job, end_tree
from core.jobs.room import disk_has_room
from core.jobs.slots import Slot, Work, slots
from core.jobs.spares import Spare
from core.jobs.version import Renewal
from core.settings import PROJECT, Settings
from core.store.engine import open_store
from core.store.queries import list_jobs
from core.store.tables import Job
from core.store.trouble import StoreTroubleError
from core.system.processes import KILLED, apart

__all__ = ["Supervisor", "end_tree", "log_path"]

POLL_SECONDS = 0.3
HEARTBEAT_SECONDS = 3.0
SWEEP_SECONDS = 5.0
TROUBLE_SECONDS = 2.0
AWAKE_SECONDS = 60.0
CORES_TO_SPARE = 4
"""Cores a device from which on the next job's process is made ready while a job runs."""
LAST_GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL for a job that was asked to stop before."""


class Supervisor:
    """Claims jobs, one a device at a time, and sees each to its end."""

    def __init__(self, settings: Settings, *, idle_seconds: float | None = None) -> None:
        """Args: idle_seconds: leave after this long with nothing to do and no dashboard up; None stays for ever."""
        self.settings = settings
        self.store = open_store(settings)
        self.home = settings.home.resolve()
        self.idle_seconds = idle_seconds
        self.slots = slots(devices(), self.home, settings.ranks)
        self.stopping = False
        self.outdated = False
        """The code has changed: what runs is seen to its end, nothing new is started, and a new worker takes over."""
        self.renewal = Renewal()
        self.logs = LogSender(self.store)
        self.worker_id = ""
        self._beat_at = self._swept_at = 0.0
        self._housekeeper = Housekeeper(self.store, settings)
        self._calibration: subprocess.Popen[bytes] | None = None

    def run(self) -> bool:
        """Work until told to stop. Returns False at once when another supervisor looks after this store already.

        Raises:
            UserError: the store cannot be used.
        """
        lock = supervisor_lock(self.home)
        if not try_lock(lock):
            return False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        processes.adopt_orphans()
        self.store.migrate()
        device = ", ".join(slot.title for slot in self.slots)
        self.worker_id = presence.register(self.store, socket.gethostname(), device)
        try:
            while True:
                self._serve()
                lock.release()
                # A job submitted between the last look at the queue and the release found the lock taken.
                if (
                    self.stopping
                    or self.outdated
                    or not list_jobs(self.store, active=True, limit=1)
                    or not try_lock(lock)
                ):
                    return True
        finally:
            self.logs.close()
            with contextlib.suppress(StoreTroubleError):
                presence.unregister(self.store, self.worker_id)

    def _serve(self) -> None:
        idle_since = time.monotonic()
        trouble_since: float | None = None
        while not ((self.stopping or self.outdated) and self._is_idle()):
            try:
                self._turn()
            except StoreTroubleError as trouble:
                # Jobs wait by themselves; what could not be written now is written when the store answers again.
                moment = time.monotonic()
                if trouble_since is None:
                    trouble_since = moment
                    print(f"{trouble} Trying again.", file=sys.stderr, flush=True)
                if self.stopping and moment - trouble_since > self.settings.cancel_grace_seconds:
                    self._kill_all()
                    break
                time.sleep(TROUBLE_SECONDS)
                continue
            trouble_since = None
            if not self._is_idle():
                idle_since = time.monotonic()
            elif self.idle_seconds is not None and time.monotonic() - idle_since > self.idle_seconds:
                if not watched(self.home):
                    break
                idle_since = time.monotonic()
            time.sleep(POLL_SECONDS)
        self._end_calibration()
        self._end_spares()

    def _turn(self) -> None:
        """One look at everything. It may break off anywhere when the store is in trouble, and is then repeated."""
        self._heartbeat()
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._recover()
            self._end_hung()
            processes.reap(self._children())
            self._housekeeper.look()
            self._swept_at = time.monotonic()
        for slot in self.slots:
            if slot.work is not None:
                self._look(slot, slot.work)
        self.outdated = self.outdated or self.renewal.is_due()
        if self.stopping or self.outdated:
            self._end_spares()
        else:
            self._fill()

    def _is_idle(self) -> bool:
        return all(slot.work is None for slot in self.slots)

    # --- starting ---

    def _fill(self) -> None:
        """Start what waits, as far as there are free devices."""
        if not queue.is_waiting(self.store):
            if self._is_idle():
                self._calibrate()
            self._prepare()
            return
        if not disk_has_room(self.store, self.settings):
            return
        free = [slot for slot in self.slots if slot.is_free()]
        if not free and self._is_idle():
            queue.explain_wait(self.store, "waiting for the device: a process of an earlier worker still holds it")
        for slot in free:
            try:
                job = queue.claim(self.store, self.worker_id, slot.title, slot.spare.token if slot.spare else None)
            except StoreTroubleError:
                slot.let_spare_go()  # its token may be some job's by now
                raise
            if job is None:
                return
            self._end_calibration()
            self._start(slot, job)

    def _start(self, slot: Slot, job: Job) -> None:
        assert job.lease_token is not None
        path = log_path(self.store, job.id)
        spare, slot.spare = slot.spare, None
        held = slot.hold()
        if held is None:
            if spare:
                spare.end()
            queue.give_back(self.store, job.id, job.lease_token, "its device was taken", counts=False)
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            child = spare.take(job.id, path, slot.locks) if spare else None
            child = child or self._process(slot, job.id, job.lease_token, path, held)
        except OSError as error:
            if spare:
                spare.end()
            queue.give_back(
                self.store,
                job.id,
                job.lease_token,
                f"its process could not be started ({error.strerror})",
                counts=False,
            )
            raise StoreTroubleError(f"A job's process cannot be started ({error.strerror}).") from error
        finally:
            let_go(held)  # the job holds it from here on
        slot.work = Work(job, job.lease_token, child)
        self.logs.follow(job.id)
        self._note(slot.work)

    def _process(
        self, slot: Slot, job_id: str, token: str, log: Path, held: Sequence[int]
    ) -> "subprocess.Popen[bytes]":
        with log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "core.jobs.run", job_id],
                cwd=PROJECT,
                env={**job_environment(self.settings, token, slot.visible), **named(slot.locks)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                **apart(),
                **inherited(held),
            )

    def _note(self, work: Work) -> None:
        with self._owned(work):
            queue.started(self.store, work.job.id, work.token, work.child.pid, processes.began(work.child.pid))
        work.noted = True

    # --- watching ---

    def _look(self, slot: Slot, work: Work) -> None:
        """See how a job's process is, and bring it one step nearer to its end if it is to end."""
        if work.child.poll() is not None:
            self._bury(work)
            slot.work = None
            return
        if not work.noted:
            self._note(work)
        moment = time.monotonic()
        if work.ended_at is None:
            self._decide(work, moment)
        if work.ended_at is None or work.killed:
            return
        patience = self.settings.cancel_grace_seconds
        if work.asked_at is not None:
            patience = min(patience, LAST_GRACE_SECONDS)
        if moment - work.ended_at > patience:
            work.killed = True
            end_job(work.token)

    def _decide(self, work: Work, moment: float) -> None:
        """Whether a job has to end, and if so, SIGTERM."""
        grace = self.settings.cancel_grace_seconds
        if self.stopping:
            self._end(work, "the worker was stopped", blameless=True)
        elif work.lost:
            self._end(work, "another process has taken it over")
        elif work.asked_at is not None:
            if moment - work.asked_at > grace:
                self._end(work, "it did not stop when asked")
        elif self._cancel_requested(work.job.id):
            work.asked_at = moment
        elif moment - work.began_at > self.settings.max_job_hours * 3600:
            with contextlib.suppress(UserError):  # it has just ended
                queue.request_cancel(self.store, work.job.id)

    def _end_hung(self) -> None:
        """End jobs that have made no progress for too long; they go back into the queue."""
        silent = queue.hung(self.store, self.settings.hung_end_minutes)
        for slot in self.slots:
            work = slot.work
            if work is None or work.ended_at is not None:
                continue
            if work.job.id not in silent:
                work.silent_at = None
            elif work.silent_at is None:
                work.silent_at = time.monotonic()  # a machine that slept: let the job speak first
            elif time.monotonic() - work.silent_at > min(AWAKE_SECONDS, self.settings.hung_end_minutes * 60):
                self._end(work, f"it made no progress for {silent[work.job.id]:.0f} min")

    def _end(self, work: Work, why: str, *, blameless: bool = False) -> None:
        work.ended_at, work.why, work.blameless = time.monotonic(), why, blameless
        processes.ask(work.token, self.home)

    def _bury(self, work: Work) -> None:
        """A job's process is gone: end what it left behind, and its row where it did not do so itself."""
        end_job(work.token, home=self.home)
        code = work.child.wait()
        self.logs.ended(work.job.id)
        if work.lost:
            return
        job_id, token = work.job.id, work.token
        if work.asked_at is not None:
            queue.finish(self.store, job_id, token, "cancelled", exit_code=code)
        else:
            queue.give_back(self.store, job_id, token, work.why or _epitaph(code), counts=not work.blameless)

    def _kill_all(self) -> None:
        for slot in self.slots:
            if slot.work is not None:
                end_job(slot.work.token)

    def _cancel_requested(self, job_id: str) -> bool:
        with self.store.reading() as session:
            job = session.get(Job, job_id)
            return job is None or job.cancel_requested_at is not None

    @contextlib.contextmanager
    def _owned(self, work: Work) -> Iterator[None]:
        """Write for a job; learn so that it is somebody else's, or ended, by now."""
        try:
            yield
        except queue.LeaseLostError:
            work.lost = True

    # --- recovering ---

    def _recover(self) -> None:
        """Put jobs whose worker is gone back into the queue, after ending what is left of them."""
        mine = {slot.work.token for slot in self.slots if slot.work is not None}
        host = socket.gethostname()
        for job, worker in queue.under_way(self.store):
            token = job.lease_token
            if token is None or token in mine:
                continue
            if worker is not None and worker.host != host:
                # Its processes cannot be seen from here. They end by themselves well before the lease does.
                queue.take_back(self.store, job.id, token)
                continue
            if worker is not None and worker.id != self.worker_id and presence.lives(worker):
                continue
            end_job(token, grace=self.settings.cancel_grace_seconds, home=self.home)
            queue.give_back(self.store, job.id, token, "the worker ended while it ran")

    # --- calibration ---

    def _calibrate(self) -> None:
        """Measure the machine's speed beside the empty queue, once; see `core.jobs.calibrate`."""
        if self._calibration is not None or not self.settings.calibrate or known_speed(self.store) is not None:
            return
        with (self.home / "worker.log").open("ab") as log:
            self._calibration = subprocess.Popen(
                [sys.executable, "-m", "core.jobs.calibrate"],
                cwd=PROJECT,
                env=job_environment(self.settings, "", self.slots[0].visible),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **apart(),
            )

    def _children(self) -> set[int]:
        """The processes whose end this one waits for itself."""
        there = [slot.work.child for slot in self.slots if slot.work]
        there += [slot.spare.child for slot in self.slots if slot.spare]
        there += [self._calibration] if self._calibration else []
        return {one.pid for one in there}

    def _end_calibration(self) -> None:
        """Make room for a job; a measurement that was broken off is begun again when the queue is empty."""
        if self._calibration is None:
            return
        if self._calibration.poll() is None:
            end_tree(self._calibration.pid, grace=0)
            self._calibration.wait()
            self._calibration = None

    # --- spare processes ---

    def _prepare(self) -> None:
        """Have a process ready for the next job of each device, once nothing else is to be done.

        Beside a job one is made only where cores are left for it. One that has died by itself is not replaced until a job
        was started: a machine on which it dies for want of memory is not to be asked again and again.
        """
        if not self.settings.spare_process or (self._calibration is not None and self._calibration.poll() is None):
            return
        roomy = (os.cpu_count() or 1) >= CORES_TO_SPARE * len(self.slots)
        for slot in self.slots:
            if slot.spare is None and (slot.work is None or roomy):
                token = queue.new_token()
                with contextlib.suppress(OSError):  # no more processes: a job will say so
                    slot.spare = Spare.start(
                        token, job_environment(self.settings, token, slot.visible), self.home / "worker.log"
                    )

    def _end_spares(self) -> None:
        for slot in self.slots:
            slot.let_spare_go()

    def _heartbeat(self) -> None:
        """Renew the sign of life and the leases."""
        if time.monotonic() - self._beat_at < HEARTBEAT_SECONDS:
            return
        presence.beat(self.store, self.worker_id)
        for slot in self.slots:
            if slot.work is not None and not slot.work.lost:
                self._renew(slot.work)
        self._beat_at = time.monotonic()

    def _renew(self, work: Work) -> None:
        if work.child.poll() is None:
            with self._owned(work):
                queue.renew(self.store, work.job.id, work.token)

    def _stop(self, _signal: int, _frame: object) -> None:
        self.stopping = True


def _epitaph(code: int) -> str:
    if code == STOPPED:
        return "its process was told from outside to stop"
    if code == RANK_DIED:
        return "one of the processes that shared its work died (the log says which, and how)"
    if code == KILLED:
        return "it was killed from outside, most often because the machine ran out of memory (try a smaller batch_size)"
    if code < 0:
        return f"it was ended by the signal {signal.Signals(-code).name}"
    return f"its process ended with exit code {code} before it could say why"
