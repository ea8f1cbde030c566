"""On a real Ray cluster of this machine, jobs run as they fit, end for certain, and outlive their executor and their node.

A head and a node with a core and what Ray takes for a GPU each, on loopback addresses and behind a token. Ray takes 127.0.0.1 for
the machine's outer address, so they have others.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from core.actions.datasets import add_sample
from core.actions.training import start_training
from core.jobs import queue
from core.jobs.launch import ensure_worker
from core.jobs.processes import of_job
from core.jobs.ray_cluster import Need, RayCluster, RayTroubleError
from core.jobs.supervisor import SWEEP_SECONDS, log_path
from core.settings import PROJECT, Settings, get_settings
from core.store import queries
from core.store.engine import Store
from core.store.tables import Job, Worker, now
from tests.faults.stubs import DONE, PATIENCE, status, stub_jobs, submit, until

MARK = "UNCONFOUND_TEST_CLUSTER"
HEAD, NODE, NODES = "127.0.0.2", "127.0.0.3", 2
CORE = Need("CPU", 1)
DEAF = """
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(300)
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


class Cluster(RayCluster):
    """A cluster of its own for this file, and the processes that it consists of."""

    def __init__(self) -> None:
        self.mark = secrets.token_hex(8)
        self.seen: set[psutil.Process] = set()
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # pytest's own is too long for a socket's path
        self.gcs, board, client = free_ports(3)
        super().__init__(f"http://{HEAD}:{board}", CORE)
        self.head = ("--head", f"--port={self.gcs}", f"--dashboard-host={HEAD}", f"--dashboard-port={board}",
                     f"--ray-client-server-port={client}", f"--temp-dir={self.folder}")  # fmt: skip

    def begin(self) -> None:
        self.start(HEAD, *self.head)
        until(lambda: self.count() == 1, every=0.2)
        self.node = self.start(NODE, f"--address={HEAD}:{self.gcs}")
        until(lambda: self.count() == NODES, every=0.2)

    def start(self, address: str, *options: str) -> "subprocess.Popen[bytes]":
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", f"--node-ip-address={address}",
                   "--num-cpus=1", "--num-gpus=1",
                   f"--dashboard-agent-listen-port={free_ports(1)[0]}", "--object-store-memory=80000000", "--min-worker-port=0",
                   "--max-worker-port=0", "--disable-usage-stats", *options]  # fmt: skip
        quick = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"}
        with (self.folder / f"{address}.txt").open("wb") as log:
            return subprocess.Popen(
                command, env={**os.environ, **quick, MARK: self.mark}, stdout=log, stderr=subprocess.STDOUT
            )

    def count(self) -> int:
        try:
            return len(self._nodes())
        except RayTroubleError:
            return 0

    def unfinished(self) -> list[str]:
        return [one.name for one in self.submissions().values() if not one.has_ended]

    @contextlib.contextmanager
    def theirs(self, address: str) -> Iterator[None]:
        """Something of somebody else's takes a node's core."""
        wish = {"entrypoint": "sleep 300", "submission_id": f"theirs-{secrets.token_hex(4)}", "entrypoint_num_cpus": 1,
                "entrypoint_resources": {f"node:{address}": 0.01}}  # fmt: skip
        self._ask("POST", "/api/jobs/", wish)
        try:
            until(lambda: self.free(self.submissions()) == NODES - 1, every=0.3)
            yield
        finally:
            self.stop(wish["submission_id"])

    def kill_node(self) -> None:
        """All processes of the node at once, a job's too, as when the machine's power goes."""
        root = psutil.Process(self.node.pid)
        tree = [root, *root.children(recursive=True)]
        for one in tree:
            one.suspend()  # nothing can start or tell anything any more
        for one in reversed(tree):
            one.kill()
        self.node.wait(timeout=30)

    def end(self) -> list[psutil.Process]:
        """Kill everything that was started here; what is left then."""
        for _ in range(20):
            self.seen |= set(self.processes())
            for one in self.seen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(self.seen, timeout=1)
            if not self.processes():
                break
        shutil.rmtree(self.folder, ignore_errors=True)
        return [*filter(_runs, self.seen), *self.processes()]

    def processes(self) -> list[psutil.Process]:
        """Whatever carries the mark, and what hangs below: Ray's agents write their title over their environment."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if _runs(one) and one.environ().get(MARK) == self.mark:
                    found += [one, *one.children(recursive=True)]
        return found


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def free_ports(count: int) -> list[int]:
    """Ports that are free now, below those that Ray's workers and outgoing connections get."""
    found: list[int] = []
    while len(found) < count:
        port = 5000 + secrets.randbelow(4000)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex((HEAD, port)) != 0:
                found.append(port)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)  # its GPUs are played ones
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster()
        try:
            cluster.begin()
            yield cluster
        finally:
            left = cluster.end()
        assert left == []


@pytest.fixture
def start(
    cluster: Cluster, store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Starts executors (or other workers) that are gone after the test, as is everything they submitted."""
    monkeypatch.setenv("UNCONFOUND_RAY_CPUS_PER_JOB", "1")
    monkeypatch.setenv("UNCONFOUND_CANCEL_GRACE_SECONDS", "1")
    monkeypatch.setenv("STUB_DATABASE", str(settings.home / "unconfound.sqlite"))
    monkeypatch.setenv(
        "UNCONFOUND_RAY_COMMAND",
        f"cd {PROJECT} && PYTHONPATH={tmp_path / 'stub'} STUB_DATABASE={settings.home / 'unconfound.sqlite'} "
        f"exec {sys.executable} -m core.jobs.run",
    )
    started = []

    def begin(*options: str) -> "subprocess.Popen[bytes]":
        options = options or ("--ray", cluster.address)
        with (tmp_path / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "core", "worker", *options]
            started.append(subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log))
        return started[-1]

    yield begin
    for one in started:
        one.kill()
        one.wait(timeout=30)
    for name in cluster.unfinished():
        cluster.stop(name)
    until(lambda: not cluster.unfinished(), every=0.3)
    print((tmp_path / "worker.log").read_text())


def name_of(store: Store, job: Job) -> str:
    found = queries.get_job(store, job.id)
    return f"unconfound-{found.id}-{found.attempts}-{(found.lease_token or '')[:8]}"


def test_never_more_is_submitted_than_fits_and_what_ray_does_not_know_is_queued_again(
    cluster: Cluster, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """Each takes a GPU, as it does when nothing else is set."""
    monkeypatch.delenv("UNCONFOUND_RAY_CPUS_PER_JOB")
    seen = tmp_path / "gpus"
    stub_jobs(
        tmp_path / "stub",
        monkeypatch,
        f"    print(os.environ['CUDA_VISIBLE_DEVICES'], file=open({str(seen)!r}, 'a'))\n    time.sleep(1)\n{DONE}",
    )
    jobs = [submit(store) for _ in range(3)]
    with store.writing() as session:  # an executor that died before its submission, or a head that was restarted
        session.add(Worker(id="gone", host="elsewhere (Ray)", pid=1, pid_started=1.0, device=f"Ray at {cluster.address}",
                           code_version="", heartbeat_at=now() - timedelta(hours=1)))  # fmt: skip
    lost = queue.claim(store, "gone", f"Ray at {cluster.address}")
    start()
    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, len(cluster.unfinished()))
        return all(status(store, one.id) == "done" for one in jobs)

    until(done, every=0.1)
    assert most == NODES
    assert seen.read_text() == "0\n" * len(jobs)
    assert [queries.get_job(store, one.id).attempts for one in jobs] == [1 + (one.id == lost.id) for one in jobs]


def test_a_job_outlives_its_executor_is_adopted_by_the_next_and_cancelled_through_ray(
    cluster: Cluster, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """A supervisor of the same machine, started meanwhile, looks at the job and leaves it alone."""
    stub_jobs(tmp_path / "stub", monkeypatch, DEAF)
    job = submit(store)
    first = start()
    until(lambda: cluster.unfinished() == [name_of(store, job)], every=0.3)
    token = queries.get_job(store, job.id).lease_token
    until(lambda: of_job(token), every=0.3)
    first.kill()
    supervisor = start("--idle-exit", "600")
    until(lambda: any("(Ray)" not in one.host for one in queries.live_workers(store)))
    time.sleep(SWEEP_SECONDS + 1)
    supervisor.terminate()
    assert supervisor.wait(timeout=PATIENCE) == 0
    there = queries.get_job(store, job.id)
    assert (there.status, there.lease_token, there.attempts) == ("running", token, 1)
    assert of_job(token)

    start()
    until(lambda: queries.get_job(store, job.id).worker_id != there.worker_id)
    assert cluster.unfinished() == [name_of(store, job)]
    queue.request_cancel(store, job.id)
    until(lambda: status(store, job.id) == "cancelled")
    until(lambda: not of_job(token), every=0.3)


def test_what_ray_says_of_a_job_that_never_began_is_in_its_log(
    store: Store, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    monkeypatch.setenv("UNCONFOUND_RAY_COMMAND", "echo no such program; exit 127; :")
    job = submit(store)
    with store.writing() as session:
        session.get_one(Job, job.id).max_attempts = 1
    start()
    until(lambda: status(store, job.id) == "failed")
    assert "exit code 127 before it could say why" in queries.get_job(store, job.id).error
    assert "no such program" in log_path(store, job.id).read_text()


@pytest.mark.usefixtures("workers")
def test_where_a_cluster_is_set_its_executor_is_woken_and_jobs_wait_while_ray_does_not_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNCONFOUND_RAY_ADDRESS", "http://127.0.0.2:9")
    get_settings.cache_clear()
    job = submit(store)
    assert ensure_worker(get_settings())
    until(
        lambda: "waiting for Ray: Ray at http://127.0.0.2:9 does not answer" in queries.get_job(store, job.id).message
    )
    assert status(store, job.id) == "queued"
    assert [one.device for one in queries.live_workers(store)] == ["Ray at http://127.0.0.2:9"]


def test_a_training_whose_node_dies_goes_on_from_its_checkpoint_on_another(
    cluster: Cluster, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """What somebody else runs on the head counts, so the training begins on the node."""
    monkeypatch.setattr("core.actions.training.ensure_worker", lambda settings: False)
    options = {"label_epochs": "4", "checkpoints": "8"}
    with cluster.theirs(HEAD):
        begun = start_training(store, settings, add_sample(store, settings, "textlen"), encoder="tiny", options=options)
        start()
        until(lambda: len(queries.checkpoints(store, begun.run.id)) >= 2)
        cluster.kill_node()
    killed = time.monotonic()
    until(lambda: queries.get_job(store, begun.job.id).attempts == 2)
    print(f"node killed → submitted again {time.monotonic() - killed:.1f} s")
    until(lambda: status(store, begun.job.id) in queries.ENDED)
    assert status(store, begun.job.id) == "done"
    assert queries.get_run(store, begun.run.id).status == "done"
    assert "Going on after step" in log_path(store, begun.job.id).read_text()
