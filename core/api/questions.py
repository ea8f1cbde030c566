"""What may be asked: paths, queries and bodies. Limits are those of the settings classes behind them, not copies."""

from typing import Annotated, Any, Literal, get_args

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from core.actions.annotating import LONGEST_NOTE
from core.actions.names import LONGEST
from core.actions.trying import MOST_CHARACTERS
from core.actions.tuning import KINDS
from core.training.config import Method, TrainConfig
from core.training.diagnosis_config import DiagnosisConfig, Estimator, ProbeSource

PRINTABLE = r"^[^\x00-\x1f\x7f/]+$"

Name = Annotated[
    str, Path(min_length=1, max_length=LONGEST, pattern=PRINTABLE, description="Name or id", examples=["reviews"])
]
Id = Annotated[
    str, Path(min_length=1, max_length=LONGEST, pattern=PRINTABLE, description="Id", examples=["3f2a90c1b7de"])
]
Named = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=PRINTABLE)]
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seed = Annotated[int, *DiagnosisConfig.model_fields["seed"].metadata]
"""What both a training and the diagnosis after it take."""
Probes = Annotated[int, *DiagnosisConfig.model_fields["probes"].metadata]

# --- queries ---


class Query(BaseModel):
    """A query; a parameter that is unknown is refused rather than overlooked."""

    model_config = ConfigDict(extra="forbid")


class Page(Query):
    """A part of a list. Go on with the answer's `next_offset` until it is null."""

    limit: int = Field(100, ge=1, le=1000, description="Most items in the answer")
    offset: Whole = Field(0, description="Items to leave out before the first")


class RunPage(Page):
    """Runs that have all that is given."""

    dataset: Named | None = Field(None, description="Name or id of a data set")
    group: Named | None = Field(None, description="Seed group")
    method: Named | None = Field(None, description="How it was trained")
    status: Literal["queued", "running", "done", "failed", "cancelled"] | None = None


class MetricPage(Page):
    """Numbers of a run."""

    limit: int = Field(1000, ge=1, le=10_000, description="Most numbers in the answer")
    name: list[Named] | None = Field(None, max_length=50, description="Only these metrics; may be given several times")


class ReportQuery(Query):
    """What stands in a report."""

    texts: bool = Field(True, description="Whether the texts of examples stand in it, shortened")


class ModelQuery(Query):
    """Which model."""

    checkpoint: Literal["final"] | Whole = Field("final", description="final, or a step")


class ExamplePage(Page):
    """Examples of a split."""

    split: Literal["train", "dev", "test"] = "train"


class DiagnosisPage(Page):
    """Diagnoses, of all runs or of one."""

    run: Named | None = Field(None, description="Name or id of a run")


class JobPage(Page):
    """Jobs, of all runs or of one."""

    run: Named | None = Field(None, description="Name or id of a run")
    active: bool = Field(False, description="Only those that wait or run")


class LogQuery(Query):
    """The end of a log."""

    last: int = Field(65_536, ge=1, le=1_048_576, description="Most bytes in the answer")


class ComparisonQuery(Query):
    """What is compared, and how."""

    group: list[Named] = Field(
        min_length=1, max_length=50, description="Seed groups, or runs by name or id; given once or several times"
    )
    baseline: Named | None = Field(None, description="What the others are held against; the first when not given")
    split: Literal["dev", "test", "train"] = "dev"
    test: Literal["welch", "student"] = Field("welch", description="student: as the paper has it")


# --- bodies ---

_BESIDE = ("method", "encoder", "revision", "seed", "lineage")


class Body(BaseModel):
    """A body; types are taken as they are, and a key that is unknown is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, given: Any) -> Any:
        """In JSON 4.0 is a whole number too."""
        return {key: _as_whole(value) for key, value in given.items()} if isinstance(given, dict) else given


def _as_whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


_fields: dict[str, Any] = {
    name: (field.annotation, field) for name, field in TrainConfig.model_fields.items() if name not in _BESIDE
}
TrainingSettings = create_model(
    "TrainingSettings", __base__=Body, __doc__="Settings of a training; null is `auto`.", **_fields
)
RoundSettings = create_model(
    "RoundSettings",
    __base__=Body,
    __doc__="Settings that a round changes; the parent's hold for the rest.",
    **{name: field for name, field in _fields.items() if name not in ("schedule", "label_steps", "label_epochs")},
)


def as_options(settings: BaseModel | None) -> dict[str, str]:
    """The settings that were given, as the texts that the command line's `--set` has."""
    given = {} if settings is None else settings.model_dump(exclude_unset=True)
    return {key: "auto" if value is None else str(value) for key, value in given.items()}


class Training(Body):
    """What is to be trained."""

    dataset: Named = Field(description="Name or id of a data set", examples=["reviews"])
    method: Literal[(*get_args(Method), "no-spurious")] = Field(  # type: ignore[valid-type]
        "finetune", description="How; no-spurious: finetuning on the data set's control"
    )
    encoder: str = Field("minilm", min_length=1, max_length=500, examples=["minilm"])
    revision: str | None = Field(None, max_length=64, description="Commit of a hub encoder")
    settings: TrainingSettings | None = Field(
        None, description="Settings that are not the default", examples=[{"label_epochs": 10}]
    )
    then_diagnose: Literal["final", "all"] | None = Field(None, description="A diagnosis after it")
    probes: Probes = Field(40, description="Of that diagnosis")
    name: str | None = Field(None, max_length=LONGEST, description="Made from data set, method and seed if not given")

    def shared(self) -> dict[str, Any]:
        """Arguments that `start_training` and `start_group` have in common."""
        kept = self.model_dump(include={"method", "encoder", "revision", "then_diagnose", "probes", "name"})
        return {**kept, "options": as_options(self.settings)}


class OneTraining(Training):
    """One run."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset": "reviews", "seed": 2021, "settings": {"label_epochs": 10}}]}
    )

    seed: Seed = 2021
    group: str | None = Field(None, max_length=LONGEST, description="Seed group it is added to")


class GroupTraining(Training):
    """One run for each seed, all of them or none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset": "reviews", "seeds": [2021, 2022, 2023], "then_diagnose": "final"}]}
    )

    seeds: list[Seed] = Field(min_length=1, max_length=50)
    group: str | None = Field(None, max_length=LONGEST, description="A new name, or a group to add seeds to")


class Tuning(Body):
    """A round from a checkpoint of a run; it makes a child run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "influence", "settings": {"round_epochs": 5}}]})

    kind: Literal[KINDS]  # type: ignore[valid-type]
    checkpoint: Literal["final"] | Whole = Field("final", description="`final`, or a label step")
    settings: RoundSettings | None = None
    then_label_steps: int | None = Field(
        None, ge=0, le=10_000_000, description="Label steps after the round; an epoch when not given"
    )
    then_diagnose: bool = Field(False, description="Diagnose the final model afterwards")
    probes: Probes = Field(40, description="Of that diagnosis")
    name: str | None = Field(None, max_length=LONGEST)


class RunChange(Body):
    """What is written on a run; what is not given stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "The warm-up was too short."}]})

    name: Named | None = Field(None, description="Another name")
    note: str | None = Field(None, max_length=LONGEST_NOTE, description="A note in Markdown; an empty one clears it")


class Deleting(Query):
    """How a run is deleted."""

    cancel: bool = Field(False, description="Cancel what works on it first")


class Diagnosing(Body):
    """How a run's checkpoint is diagnosed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"checkpoint": "final", "probes": 40}]})

    checkpoint: Literal["final", "all"] | Whole = Field("final", description="`final`, `all`, or a label step")
    estimator: Estimator = "cosine"
    probes: Probes = 40
    probe_source: ProbeSource = "train"
    seed: Seed | None = Field(None, description="Of the choice of probes; the run's own when not given")


class Trying(Body):
    """A text to try on a checkpoint."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Negative . A short headline ."}]})

    text: str = Field(min_length=1, max_length=MOST_CHARACTERS)
    text_b: str | None = Field(None, max_length=MOST_CHARACTERS, description="Second text, where the data set has them")
    checkpoint: Literal["final"] | Whole = Field("final", description="`final`, or a label step")
    label: str | None = Field(
        None, max_length=1000, description="Influence is measured for it; the predicted one if not given"
    )
    confound: str | None = Field(
        None, max_length=1000, description="The text's confound value; what it shows if not given"
    )
    rows: Literal["sample", "all"] = Field("sample", description="Training examples that are scored")
