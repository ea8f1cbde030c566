"""What one run is, where it is kept, and whether it is already there."""

import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.training.config import TrainConfig

SPEC, RESULT, LOG, PROGRESS = "spec.json", "result.json", "log.txt", "progress.json"


@dataclass(frozen=True)
class RunSpec:
    """A run by what determines it. settings: those that are given, the seed included; the rest are the defaults.

    Two experiments that ask for the same run get the same folder. The device is no part of what a run is.
    """

    data: str
    data_folder: str
    data_sha256: str
    settings: dict[str, Any]
    device: str = "auto"
    keep_models: bool = False

    @classmethod
    def of(
        cls, data: str, folder: Path, data_sha256: str, settings: Mapping[str, Any], device: str, keep_models: bool
    ) -> "RunSpec":
        """Check the settings (text as the command line gives it is understood) and write them one way."""
        whole = TrainConfig.parse(settings).model_dump(mode="json")
        given = {key: whole[key] for key in sorted(settings)}
        return cls(data, str(folder.resolve()), data_sha256, given, device, keep_models)

    @property
    def config(self) -> TrainConfig:
        """Every setting."""
        return TrainConfig.of({**self.settings, "device": self.device})

    @property
    def name(self) -> str:
        """Of its folder: readable, and unlike that of any other run."""
        known = json.dumps([self.data_sha256, self.settings], sort_keys=True).encode()
        method, seed = self.settings.get("method", "finetune"), self.settings["seed"]
        return f"{self.data}-{method}-{seed}-{sha256(known).hexdigest()[:10]}"

    @property
    def kind(self) -> str:
        """Runs of one kind take about the same time."""
        settings = self.settings
        return " ".join((self.data, str(settings.get("method")), str(settings.get("schedule", ""))))

    @property
    def title(self) -> str:
        """For progress lines."""
        shown = (f"{key}={self.settings[key]}" for key in ("schedule", "access_rate") if key in self.settings)
        return " ".join((self.data, str(self.settings.get("method")), *shown, f"seed {self.settings['seed']}"))

    def folder(self, home: Path) -> Path:
        """Everything of the run."""
        return home / "runs" / self.name

    def write(self, home: Path) -> Path:
        """Make the folder and put the specification into it; returns the file."""
        path = self.folder(home) / SPEC
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))
        return path

    @classmethod
    def read(cls, path: Path) -> "RunSpec":
        """What `write` wrote."""
        return cls(**json.loads(path.read_text("utf-8")))


def result_of(spec: RunSpec, home: Path) -> dict[str, Any] | None:
    """The run's result, whether it went well or not; None while there is none.

    Raises:
        UserError: it was made when a setting that is not given had another default.
    """
    path = spec.folder(home) / RESULT
    if not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text("utf-8"))
    now = spec.config.model_dump(mode="json")
    then = result["config"] or {}
    changed = [key for key, value in then.items() if key != "device" and key in now and now[key] != value]
    if changed:
        told = ", ".join(f"{key} was {then[key]} and is {now[key]}" for key in changed)
        raise UserError(f"The run in {path.parent} has other defaults: {told}. Remove it, or give another --home.")
    return result


def forget(spec: RunSpec, home: Path) -> None:
    """Remove a run, so that it starts from nothing."""
    shutil.rmtree(spec.folder(home), ignore_errors=True)


def write_json(path: Path, values: Any) -> None:
    """Write a file whole or not at all; a number that is not finite becomes null, for JSON has none."""
    scratch = path.with_name(f".{path.name}.part")
    with scratch.open("w", encoding="utf-8") as handle:
        handle.write(json.dumps(_finite(values), indent=1, allow_nan=False) + "\n")
        handle.flush()
        os.fsync(handle.fileno())
    scratch.replace(path)


def _finite(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values
