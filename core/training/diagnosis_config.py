"""What a diagnosis needs to be repeated. No torch here: pages read it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError

Estimator = Literal["cosine", "embedding"]
ProbeSource = Literal["train", "dev", "first"]

ESTIMATORS = {
    "cosine": "gradient cosine over all parameters",
    "embedding": "cosine of the vectors that the last layer reads",
}


class DiagnosisConfig(BaseModel):
    """Which influence, of the training set on which probes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    estimator: Estimator = "cosine"
    probes: int = Field(40, ge=2, le=2000)
    probe_source: ProbeSource = "train"
    seed: int = Field(2021, ge=0, le=2**31 - 1)
    draws: int = Field(2000, ge=200, le=100_000)

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> "DiagnosisConfig":
        """Check settings as they come from a page or the command line.

        Raises:
            UserError: one of them is unknown or out of range; the message names it.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise UserError(
                f"The diagnosis setting {name} = {first.get('input')!r} is not usable: {first['msg']}."
            ) from error
