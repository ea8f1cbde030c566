"""What a diagnosis needs to be repeated. No torch here: pages read it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from core.errors import UserError
from core.influence import catalogue

ESTIMATORS = {name: one.title for name, one in catalogue.ESTIMATORS.items()}
"""Name and title of every estimator of influence."""


MOST_PROBES = 2000


def _known(name: str) -> str:
    if name not in ESTIMATORS:
        raise PydanticCustomError("unknown_estimator", f"there are {', '.join(ESTIMATORS)}")
    return name


Estimator = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(ESTIMATORS), "title": "Estimator"})
]
ProbeSource = Literal["train", "dev", "first"]


class DiagnosisConfig(BaseModel):
    """Which influence, of the training set on which probes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    estimator: Estimator = "cosine"
    probes: int = Field(40, ge=2, le=MOST_PROBES)
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
