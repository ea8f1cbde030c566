"""Runs an image's own commands on this machine: its files laid out and made read-only, its environment, and no other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy import images

KEPT = ("LANG", "OMP_NUM_THREADS", "UNCONFOUND_CALIBRATE", "HF_HUB_OFFLINE")


@dataclass(frozen=True)
class Container:
    """An image's files in a folder, and how its commands are run there."""

    image: str
    folder: Path
    packages: Path
    """What is /opt/venv in the image."""
    settings: dict[str, str]

    @property
    def code(self) -> Path:
        """What is /app in the image."""
        return self.folder / "app"

    @property
    def home(self) -> Path:
        """What is /data in the image."""
        return self.folder / "data"

    @property
    def places(self) -> dict[str, Path]:
        """Where the image's folders are on this machine."""
        return {"/data": self.home, "/hub": self.folder / "hub", "/tmp": self.folder / "tmp"}

    def environment(self) -> dict[str, str]:
        """The image's variables, with its folders where they are here."""
        said = {name: str(self.places.get(value, value)) for name, value in images.environment(self.image).items()}
        path = os.pathsep.join(
            [str(self.packages / "bin"), os.path.dirname(os.path.realpath(sys.executable)), os.defpath]
        )
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, **said, "PATH": path, "TMPDIR": said["HOME"], **self.settings}

    def lay(self) -> None:
        """Lay out what the image has below /app, and take away everybody's right to write there."""
        images.lay(images.stages()["code"], self.code)
        for place in self.places.values():
            place.mkdir(exist_ok=True)
        for path in [*self.code.rglob("*"), self.code]:
            path.chmod(0o555 if path.is_dir() else 0o444)

    def run(self, words: list[str], *, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """One command to its end."""
        return subprocess.run(
            [*images.bare(), *words],
            cwd=self.code,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def is_healthy(self) -> bool:
        """What the image's HEALTHCHECK says, word for word."""
        return self.run(images.command(self.image, "HEALTHCHECK")).returncode == 0

    @contextmanager
    def started(self) -> "Iterator[subprocess.Popen[bytes]]":
        """The image's CMD, word for word, until it is healthy; stopped as `docker stop` does."""
        log = self.folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*images.bare(), *images.command(self.image, "CMD")],
                cwd=self.code,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            deadline = time.monotonic() + 90
            while not self.is_healthy():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{self.image} did not become healthy:\n{log.read_text()[-3000:]}")
                time.sleep(0.5)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=40)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
