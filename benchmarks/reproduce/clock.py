"""How long is left, from the finished runs of the same kind; what is not known is said, not guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Any

from benchmarks.reproduce.spec import RunSpec


@dataclass(frozen=True)
class Left:
    """seconds: of the runs whose kind is known, over all slots; unknown: waiting or running runs of other kinds."""

    seconds: float
    unknown: int

    def __str__(self) -> str:
        if self.unknown:
            return f"{words(self.seconds)} left and {self.unknown} of a kind not timed yet"
        return f"{words(self.seconds)} left"


class Clock:
    """Learns what a run of each kind takes."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    def learn(self, spec: RunSpec, result: Mapping[str, Any]) -> None:
        """A run is done."""
        if result["status"] == "done":
            seconds = result["seconds"]
            self._taken.setdefault(spec.kind, []).append(seconds["training"] + seconds["diagnosis"])

    def left(self, waiting: Iterable[RunSpec], running: Iterable[tuple[RunSpec, float]], slots: int) -> Left:
        """waiting: runs that have not begun; running: runs and the seconds since they began."""
        seconds, unknown = 0.0, 0
        for spec, elapsed in [*((one, 0.0) for one in waiting), *running]:
            if spec.kind in self._taken:
                seconds += max(0.0, mean(self._taken[spec.kind]) - elapsed)
            else:
                unknown += 1
        return Left(seconds / slots, unknown)


def words(seconds: float) -> str:
    """Such as 40 s, 12 min, 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
