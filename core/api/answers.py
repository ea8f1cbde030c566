"""What is answered: the objects of `core/actions/summaries`, described. A key that is not described here is passed on."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """An object in an answer."""

    model_config = ConfigDict(extra="allow")


class PageOf(Answer):
    """A part of a list."""

    next_offset: int | None = Field(description="Where the next part begins; null at the end")


class Health(Answer):
    """Whether the server and its store can be used."""

    status: str = Field(examples=["ok"])
    version: str = Field(description="Hash of the code that answers", examples=["8d0f3a6c21be"])
    counts: dict[str, Any] = Field(description="Data sets, runs, diagnoses, and jobs by status")
    workers: list[dict[str, Any]] = Field(description="Workers that gave a sign of life lately")
    paused_since: str | None = Field(description="Since when no job is started")
    writing: bool = Field(description="Whether the server has a token, and so takes writes")


# --- data sets ---


class Dataset(Answer):
    """A data set with its profile."""

    dataset: str = Field(description="Its name", examples=["reviews"])
    id: str
    created_at: str
    sha256: str
    labels: list[str]
    confounds: list[str]
    mapping: dict[str, Any]
    sources: dict[str, Any]
    profile: dict[str, Any] = Field(
        description="By split: cells, alignment (Cramér's V), confound-only floor; warnings"
    )


class DatasetPage(PageOf):
    """Data sets, newest first."""

    datasets: list[Dataset]


class Example(Answer):
    """A labelled text."""

    id: str
    text: str
    text_b: str | None
    label: str
    confound: str


class ExamplePage(PageOf):
    """Examples of a split, in the order of the rows of a matrix."""

    examples: list[Example]


# --- runs ---


class RunRow(Answer):
    """A line of the run list, with the newest of its key numbers."""

    name: str
    id: str
    dataset: str
    method: str
    encoder: str
    seed: int
    group: str | None
    status: str
    failed_to_fit: bool
    seconds: float | None
    demo: bool
    split: str | None = Field(description="Split of accuracy, worst cell and floor")
    accuracy: float | None
    worst_cell: float | None
    floor: float | None = Field(description="The best that the confound alone would reach")
    cid: float | None
    verdict: str | None


class RunPage(PageOf):
    """Runs, newest first."""

    runs: list[RunRow]


class Run(Answer):
    """A run: configuration, cost, and the evaluation of every split at its last step."""

    run: str = Field(description="Its name")
    id: str
    status: str
    method: str
    encoder: str
    seed: int
    group: str | None
    config: dict[str, Any]
    error: str | None
    note: str = Field(description="Markdown, as it was written: not sanitised")
    parent: str | None
    rounds: list[dict[str, Any]]
    checkpoints: list[int]
    evaluation: dict[str, Any]
    diagnoses: list[dict[str, Any]]


class RunDeleted(Answer):
    """A run that is in no list any more, and until when it can be brought back."""

    run: str = Field(description="The name it had")
    id: str
    deleted_at: str
    until: str


class RunRestored(Answer):
    """A run that is back."""

    run: str = Field(description="Its name, with a number where the old one is taken")
    id: str


class Metric(Answer):
    """One number at one step."""

    name: str
    step: int
    value: float


class MetricPage(PageOf):
    """Numbers of a run, by name and step."""

    metrics: list[Metric]


class Checkpoint(Answer):
    """A model as it stood after a label step."""

    step: int
    epoch: float
    final: bool
    kept: bool = Field(description="Whether its weights are kept, so that it can be diagnosed and gone on from")
    bytes: int
    created_at: str


class Checkpoints(Answer):
    """Checkpoints by step."""

    run: str
    checkpoints: list[Checkpoint]


class Rounds(Answer):
    """Tuning rounds of a run: the step each followed, and loss, difference and CID by epoch."""

    run: str
    rounds: list[dict[str, Any]]


class Evaluation(Answer):
    """Accuracy of a checkpoint on a split; that of an evaluated file is named `file:…`."""

    step: int
    split: str
    n: int
    accuracy: float
    worst_cell: float
    report: dict[str, Any] = Field(description="Every cell with its interval")
    created_at: str


class Evaluations(Answer):
    """Evaluations by step and split."""

    run: str
    evaluations: list[Evaluation]


class Tree(Answer):
    """The tree of rounds that a run belongs to, parents before their children."""

    tree: list[dict[str, Any]]


# --- diagnoses ---


class DiagnosisRow(Answer):
    """A diagnosis without its probes."""

    diagnosis: str = Field(description="Its id")
    run: str
    checkpoint: int
    estimator: str
    cid: float | None
    ci: list[float | None]
    null: list[float | None]
    p_value: float | None
    verdict: str
    sentence: str
    n_train: int


class DiagnosisPage(PageOf):
    """Diagnoses, newest first."""

    diagnoses: list[DiagnosisRow]


class Diagnosis(DiagnosisRow):
    """A diagnosis: CID with its interval and null, the verdict, each probe's part and each layer's."""

    probes: list[dict[str, Any]]
    layers: list[dict[str, Any]] = Field(
        description="Shares of CID by layer; they add up to it. Empty for old diagnoses"
    )


class Matrix(PageOf):
    """Rows of an influence matrix: row i says how training example i pulls on each probe."""

    diagnosis: str
    n_train: int
    n_probes: int
    probe_ids: list[str]
    probe_rows: list[int] = Field(description="Each probe's own row in the training set; −1 if it is none of it")
    train_ids: list[str]
    scores: list[list[float | None]] = Field(description="One list a training example, one number a probe")


# --- comparisons ---


class Comparison(Answer):
    """Groups side by side, and tests between every two of them."""

    split: str
    baseline: str
    test: str
    correction: str
    effect: str
    groups: list[dict[str, Any]]
    comparisons: dict[str, Any]
    configuration: list[dict[str, Any]]
    access: list[dict[str, Any]]
    courses: list[dict[str, Any]]
    verdict: list[str]
    notes: list[str]


# --- jobs ---


class JobRow(Answer):
    """A line of the queue."""

    job: str = Field(description="Its id")
    kind: str
    run: str | None
    status: str
    progress: float
    message: str
    device: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: str | None


class JobPage(PageOf):
    """Jobs, newest first."""

    jobs: list[JobRow]
    paused_since: str | None
    hung: dict[str, float] = Field(description="Running jobs without progress: id → minutes of silence")


class Job(JobRow):
    """A job with what it made and its place in the queue."""

    priority: int
    attempts: int
    after: str | None
    result: dict[str, Any] | None


class Log(Answer):
    """The end of what a job printed."""

    job: str
    log: str
    bytes: int = Field(description="How many bytes there are in all")


class JobStatus(Answer):
    """What has become of a job."""

    job: str
    status: str


class Paused(Answer):
    """Whether the queue is paused."""

    paused: bool


class Started(Answer):
    """What was put into the queue; watch it at /jobs/{job}."""

    run: str
    id: str = Field(description="Id of the run")
    job: str
    status: str


class StartedGroup(Answer):
    """Runs that were put into the queue under one group name."""

    group: str
    runs: list[Started]


class Queued(Answer):
    """A job on a run that was there."""

    run: str
    job: str
    status: str
