"""What a comparison of methods over seeds holds."""

from dataclasses import asdict, dataclass
from typing import Any

from core.actions.access_rates import AccessPoint
from core.actions.courses import Course
from core.actions.seed_groups import SeedResult, Unfinished
from core.statistics.compare import Difference, Spread
from core.statistics.seeds import Estimate


@dataclass(frozen=True)
class Summary:
    """A group over its seeds. accuracy_interval resamples seeds × examples; None without stored predictions."""

    accuracy: Spread
    worst_cell: Spread
    balanced_accuracy: Spread
    cid: Spread
    seconds: Spread
    accuracy_interval: Estimate | None


@dataclass(frozen=True)
class GroupResult:
    """A seed group: its runs, and means with (`all`) and without (`fitted`) those that failed to fit.

    floor: the best accuracy from the confound alone on this split. configurations_tried: different settings, apart
    from the seed, among all runs of this data set and method in the store. is_control: its data set is the no-spurious
    control of another one that is compared. same_texts: evaluated on the same texts as the baseline.
    """

    group: str
    method: str
    dataset: str
    encoder: str
    n: int
    failed_to_fit: int
    floor: float | None
    configurations_tried: int
    is_control: bool
    same_texts: bool
    runs: tuple[SeedResult, ...]
    unfinished: tuple[Unfinished, ...]
    all: Summary
    fitted: Summary


@dataclass(frozen=True)
class SettingDifference:
    """A setting that is not the same everywhere, and the values (one, where its runs agree) that each group has."""

    key: str
    values: dict[str, list[Any]]


@dataclass(frozen=True)
class Comparisons:
    """Every two groups by every measure, with and without the runs that failed to fit."""

    all: tuple[Difference, ...]
    fitted: tuple[Difference, ...]


@dataclass(frozen=True)
class GroupComparison:
    """Groups side by side on one split, the baseline first.

    verdict: what it comes to, in sentences of which the first is the headline. access: accuracy against access rate,
    where that differs. courses: CID of every run over its training.
    """

    split: str
    baseline: str
    test: str
    correction: str
    effect: str
    groups: tuple[GroupResult, ...]
    comparisons: Comparisons
    configuration: tuple[SettingDifference, ...]
    access: tuple[AccessPoint, ...]
    courses: tuple[Course, ...]
    verdict: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: what is undefined is None."""
        return asdict(self)
