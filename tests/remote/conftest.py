"""An S3 server of its own for these tests, with one bucket; each test has a root of its own in it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from core.settings import Settings, get_settings
from tests.faults.conftest import workers
from tests.remote.server import S3Server

__all__ = ["workers"]
BUCKET = "unconfound"
ACCESS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "not-so-secret-word",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as patch:
        found = S3Server(free_port())
        for name, value in {**ACCESS, "AWS_ENDPOINT_URL": found.url}.items():
            patch.setenv(name, value)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        import boto3

        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield found
        found.end()


@pytest.fixture
def root(server: S3Server) -> str:
    """A fresh artifact root."""
    return f"s3://{BUCKET}/{uuid4().hex[:8]}"


@pytest.fixture
def settings(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a first host: its home, its database, the artifact root on S3."""
    monkeypatch.setenv("UNCONFOUND_HOME", str(tmp_path / "one"))
    monkeypatch.setenv("UNCONFOUND_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.sqlite'}")
    monkeypatch.setenv("UNCONFOUND_ARTIFACTS_URL", root)
    monkeypatch.setenv("UNCONFOUND_WORKER_IDLE_SECONDS", "5")
    monkeypatch.setenv("UNCONFOUND_MIN_FREE_MB", "50")
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def objects(root: str) -> list[str]:
    """Every key below a root, relative to it, asked of the server itself."""
    import boto3

    prefix = root.removeprefix(f"s3://{BUCKET}/") + "/"
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return sorted(one["Key"].removeprefix(prefix) for page in pages for one in page.get("Contents", []))
