"""From a column, a seed and what the user asked for to the specification of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reproduce.data import Data, load
from benchmarks.reproduce.plans import Column, Settings
from benchmarks.reproduce.spec import RunSpec


@dataclass
class Planner:
    """Knows everything about a run that no plan says.

    Attributes:
        folder: of the data.
        encoder, revision: which encoder.
        overrides: settings that go before all others (`--set`).
        device, keep_models: passed on to the runs.
    """

    folder: Path
    encoder: str
    revision: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    keep_models: bool = False
    _data: dict[str, Data] = field(default_factory=dict)

    def data(self, stem: str) -> Data:
        """The examples of a column, read once."""
        if stem not in self._data:
            self._data[stem] = load(self.folder, stem)
        return self._data[stem]

    def spec(self, column: Column, seed: int, chosen: Settings) -> RunSpec:
        """One run. chosen: what a search has found, on top of the plan's settings.

        Raises:
            UserError: the data or the settings are not usable.
        """
        settings = {**column.settings, **chosen, "encoder": self.encoder, **self.overrides, "seed": seed}
        if self.revision:
            settings["revision"] = self.revision
        data = self.data(column.data)
        return RunSpec.of(column.data, self.folder, data.sha256, settings, self.device, self.keep_models)
