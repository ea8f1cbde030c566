"""The tables. What a run needs to be repeated stands in its row; large arrays are files named by a relative path."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


def new_id() -> str:
    """A server-made identifier: 12 hexadecimal digits, safe in a path and in a URL."""
    return uuid4().hex[:12]


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone, so it is put back on the way out; PostgreSQL answers in its server's zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


# SQLite holds any text and any number whatever a column declares; PostgreSQL does not.
DEVICE = Text().with_variant(String(120), "sqlite")
# The e-mail address of who made it, where people sign in. Nobody's is everybody's.
OWNER = String(255)
WIDE = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """Common ground: constraint names that migrations can find again, and the Python types of JSON and time columns."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON, list[str]: JSON}


class Dataset(Base):
    """Labelled text with a confound column; the examples themselves are one parquet file."""

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    path: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    labels: Mapped[list[str]]
    confounds: Mapped[list[str]]
    mapping: Mapped[dict[str, Any]]
    profile: Mapped[dict[str, Any]]
    sources: Mapped[dict[str, Any]]
    control_of: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))
    sample: Mapped[str | None] = mapped_column(String(60))
    owner: Mapped[str | None] = mapped_column(OWNER, index=True)


class Run(Base):
    """One model: how it was made, how far it got, what it reached.

    A deleted run stays for a while, so that it can be brought back. Its name is free meanwhile: `name` is then a
    placeholder that nobody can give, and `deleted_name` keeps what it was called.
    """

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), index=True)
    group: Mapped[str | None] = mapped_column(String(120), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    parent_step: Mapped[int | None]
    method: Mapped[str] = mapped_column(String(40))
    encoder: Mapped[str] = mapped_column(String(255))
    encoder_revision: Mapped[str | None] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(WIDE)
    config: Mapped[dict[str, Any]]
    data_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20), default="queued", index=True)
    failed_to_fit: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    seconds: Mapped[float | None]
    steps: Mapped[int | None]
    device: Mapped[str | None] = mapped_column(DEVICE)
    versions: Mapped[dict[str, Any]] = mapped_column(default=dict)
    error: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")
    demo: Mapped[bool] = mapped_column(default=False)
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
    deleted_name: Mapped[str | None] = mapped_column(String(120))
    owner: Mapped[str | None] = mapped_column(OWNER, index=True)


class Metric(Base):
    """One number at one step. The triple is unique, so that a repeated write cannot double a point."""

    __tablename__ = "metrics"
    __table_args__ = (UniqueConstraint("run_id", "name", "step"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    step: Mapped[int]
    value: Mapped[float]


class Checkpoint(Base):
    """A model as it stood after a label step; the folder loads with `transformers`."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("run_id", "step"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    step: Mapped[int]
    epoch: Mapped[float]
    final: Mapped[bool] = mapped_column(default=False)
    path: Mapped[str | None] = mapped_column(String(255))
    bytes: Mapped[int] = mapped_column(WIDE, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Round(Base):
    """A tuning round of a run: the label step it followed, its tuning steps, and J, difference and CID by epoch."""

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("run_id", "number"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    number: Mapped[int]
    step: Mapped[int]
    first: Mapped[int]
    last: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40))
    report: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Evaluation(Base):
    """Accuracy of one checkpoint on one split, with every example's prediction in a parquet file."""

    __tablename__ = "evaluations"
    __table_args__ = (UniqueConstraint("run_id", "step", "split"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    step: Mapped[int]
    split: Mapped[str] = mapped_column(String(80))
    n: Mapped[int]
    accuracy: Mapped[float]
    worst_cell: Mapped[float]
    report: Mapped[dict[str, Any]]
    path: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Diagnosis(Base):
    """The influence of the whole training set on P probes at one checkpoint; the matrix is an npz file."""

    __tablename__ = "diagnoses"
    __table_args__ = (Index("ix_diagnoses_run_id_step", "run_id", "step"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    step: Mapped[int]
    estimator: Mapped[str] = mapped_column(String(40))
    config: Mapped[dict[str, Any]]
    n_probes: Mapped[int]
    n_train: Mapped[int]
    cid: Mapped[float | None]
    ci_low: Mapped[float | None]
    ci_high: Mapped[float | None]
    null_low: Mapped[float | None]
    null_high: Mapped[float | None]
    p_value: Mapped[float | None]
    verdict: Mapped[str] = mapped_column(String(20))
    sentence: Mapped[str] = mapped_column(Text)
    report: Mapped[dict[str, Any]]
    path: Mapped[str] = mapped_column(String(255))
    seconds: Mapped[float]
    device: Mapped[str | None] = mapped_column(DEVICE)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Job(Base):
    """Work that waits, runs or has ended.

    A process is told by its number and the moment it began (`pid`, `pid_started`), since numbers are used again.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_claim", "status", "priority", "created_at"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    after_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    payload: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(String(20), default="queued")
    priority: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=3)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    worker_id: Mapped[str | None] = mapped_column(String(12))
    lease_token: Mapped[str | None] = mapped_column(String(32))
    lease_expires_at: Mapped[datetime | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    progress_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(Text, default="")
    pid: Mapped[int | None]
    pid_started: Mapped[float | None]
    device: Mapped[str | None] = mapped_column(DEVICE)
    exit_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(OWNER, index=True)


class Worker(Base):
    """A supervisor that is, or was, looking after the jobs table."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    pid_started: Mapped[float | None]
    device: Mapped[str] = mapped_column(DEVICE)
    code_version: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime] = mapped_column(default=now)
    heartbeat_at: Mapped[datetime] = mapped_column(default=now)
    stopped_at: Mapped[datetime | None]


class Pause(Base):
    """While there is a row, no job is started. who, why: as far as they were told."""

    __tablename__ = "pauses"

    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str | None] = mapped_column(String(120))
    why: Mapped[str | None] = mapped_column(Text)


class Dismissal(Base):
    """A line of the attention list that somebody has put away; `key` names what it was about."""

    __tablename__ = "dismissals"

    key: Mapped[str] = mapped_column(String(160), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
