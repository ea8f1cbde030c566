"""One line of the check."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is and what to do about it.

    level: `ok`; `note`, which is worth knowing and stops nothing; `problem`, which is wrong or will be.
    cure: what to do; "" where there is nothing to do. things: what exactly is meant, such as paths.
    """

    check: str
    level: Level
    sentence: str
    cure: str = ""
    things: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "things": list(self.things)}
