"""Does it work on this machine? A dashboard, a job with the smallest encoder and the doctor, in a folder that goes again.

    python tools/smoke.py

For systems without `make`, and for the workflow that tries Windows and macOS. Exit code 0: yes.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SECONDS = 300
ADD_SAMPLE = """
from core.actions.datasets import add_sample
from core.settings import get_settings
from core.store.engine import open_store
print(add_sample(open_store(), get_settings(), "textlen").name)
"""


def main(home: Path) -> None:
    """Everything once; raises where something does not work."""
    os.environ.update(
        UNCONFOUND_HOME=str(home),
        UNCONFOUND_WORKER_IDLE_SECONDS="5",
        UNCONFOUND_CALIBRATE="false",
        UNCONFOUND_MIN_FREE_MB="50",
        PYTHONUTF8="1",
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "streamlit",
                "run",
                "app.py",
                "--server.port",
                str(port),
                "--server.headless",
                "true",
            ],
            cwd=PROJECT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for path in ("/_stcore/health", "/api/v1/health", "/"):
            answer = ask(f"http://127.0.0.1:{port}{path}", server)
            print(f"{path}: {answer[:80]!r}")
        dataset = python("-c", ADD_SAMPLE).strip()
        trained = core(
            "train",
            "--dataset",
            dataset,
            *["--encoder", "tiny", "--set", "label_epochs=1", "--name", "smoke"],
            "--wait",
        )
        print(f"a run with the encoder tiny: {trained['status']}")
        diagnosed = core("diagnose", "smoke", "--probes", "4", "--wait")
        print(f"its diagnosis: CID {diagnosed['cid']}" if "cid" in diagnosed else "its diagnosis: done")
        checked = core("doctor")
        print(f"doctor: {len(checked['findings'])} findings, healthy: {checked['healthy']}")
    except BaseException:
        print((home / "server.log").read_text("utf-8", "replace")[-3000:], file=sys.stderr)
        worker = home / "worker.log"
        print(worker.read_text("utf-8", "replace")[-3000:] if worker.exists() else "no worker.log", file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.wait(60)
    wait_until_the_worker_leaves()


def ask(url: str, server: "subprocess.Popen[bytes]") -> str:
    """What the server answers, as soon as it does."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
                return str(answer.read(200).decode())
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"{url} did not answer.")


def python(*arguments: str) -> str:
    """What a Python prints; its errors go where ours go."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, encoding="utf-8", timeout=SECONDS, check=True
    )
    return done.stdout


def core(*arguments: str) -> dict[str, object]:
    """A command of the command line, as its JSON."""
    found: dict[str, object] = json.loads(python("-m", "core", *arguments, "--json"))
    return found


def wait_until_the_worker_leaves() -> None:
    """Unwatched and idle, it does so by itself; its files can be removed then."""
    sys.path.insert(0, str(PROJECT))
    from core.store import queries
    from core.store.engine import open_store

    deadline = time.monotonic() + 60
    store = open_store()
    while queries.live_workers(store) and time.monotonic() < deadline:
        time.sleep(0.5)
    left = not queries.live_workers(store)
    store.engine.dispose()
    if not left:
        raise RuntimeError("The worker did not leave.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="unconfound-smoke-", ignore_cleanup_errors=True) as folder:
        main(Path(folder))
    print("It works.")
