"""A run's record in plain files: what the trainer tells, one JSON line each."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.reproduce.spec import PROGRESS
from core.training.evaluation import Evaluation
from core.training.recorder import Metric, Recorder, RoundReport

Row = dict[str, Any]


class Ledger:
    """Rows by key, in a file to which they are appended; of two rows with one key the later counts."""

    def __init__(self, path: Path, key: tuple[str, ...]) -> None:
        self.path, self.key = path, key
        self.rows: dict[tuple[Any, ...], Row] = {}
        self._hold(self._read())

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows."""
        self._hold(rows)
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write("".join(json.dumps(row) + "\n" for row in rows))

    def keep(self, wanted: Callable[[Row], bool]) -> None:
        """Forget all rows but these, in the file too."""
        self.rows = {key: row for key, row in self.rows.items() if wanted(row)}
        scratch = self.path.with_suffix(".part")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in self.rows.values()), "utf-8")
        scratch.replace(self.path)

    def __iter__(self) -> Any:
        return iter(self.rows.values())

    def _hold(self, rows: Sequence[Row]) -> None:
        self.rows.update({tuple(row[name] for name in self.key): row for row in rows})

    def _read(self) -> list[Row]:
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:  # cut off by a kill; the trainer reports it once more
                continue
        return found


class FolderRecorder(Recorder):
    """Keeps everything in the run's folder and asks `stopping` whether somebody wants the run to end."""

    def __init__(self, folder: Path, stopping: Callable[[], bool]) -> None:
        self.folder, self.stopping = folder, stopping
        self.numbers = Ledger(folder / "metrics.jsonl", ("step", "name"))
        self.rounds = Ledger(folder / "rounds.jsonl", ("number",))
        self.evaluations = Ledger(folder / "evaluations.jsonl", ("step", "split"))
        self.checkpoints = Ledger(folder / "checkpoints.jsonl", ("step",))

    def rewind(self, step: int, tuning_step: int) -> None:
        """Forget what comes after these steps."""
        self.numbers.keep(lambda row: row["step"] <= (tuning_step if row["name"].startswith("round_") else step))
        self.rounds.keep(lambda row: row["last"] <= tuning_step)
        for ledger in (self.evaluations, self.checkpoints):
            ledger.keep(lambda row: row["step"] <= step)

    def progress(self, step: int, total: int, message: str) -> None:
        """Where the run is, for whoever looks at it."""
        told = {"step": step, "total": total, "message": message}
        scratch = self.folder / f".{PROGRESS}.part"
        scratch.write_text(json.dumps(told), "utf-8")
        scratch.replace(self.folder / PROGRESS)

    def metrics(self, rows: Sequence[Metric]) -> None:
        """Keep numbers."""
        self.numbers.add([asdict(row) for row in rows])

    def round(self, report: RoundReport) -> None:
        """Keep a round's report."""
        self.rounds.add([asdict(report)])

    def checkpoint(self, step: int, epoch: float, folder: Path, *, final: bool) -> None:
        """Keep where a model is, seen from the run's folder."""
        path = folder.resolve().relative_to(self.folder.resolve()).as_posix()
        self.checkpoints.add([{"step": step, "epoch": epoch, "folder": path, "final": final}])

    def evaluation(self, step: int, split: str, evaluation: Evaluation) -> None:
        """Keep a report, and the predictions as a table."""
        self.evaluations.add([{"step": step, "split": split, "report": evaluation.report}])
        evaluation.predictions.to_csv(self.folder / f"predictions-{split}-{step}.csv", index=False)

    def note(self, sentence: str) -> None:
        """Keep a sentence, and say it in the log."""
        print(sentence, flush=True)
        with (self.folder / "notes.txt").open("a", encoding="utf-8") as handle:
            handle.write(sentence + "\n")

    def flush(self) -> None:
        """Nothing waits: every report is in its file when the call returns."""

    def should_stop(self) -> bool:
        """Whether somebody asked the run to stop."""
        return self.stopping()

    def curve(self, name: str) -> list[tuple[int, float]]:
        """(step, value) of a metric, in order."""
        return sorted((row["step"], row["value"]) for row in self.numbers if row["name"] == name)

    def final_model(self) -> Path:
        """Where the final model is."""
        return self.folder / next(row["folder"] for row in self.checkpoints if row["final"])

    def notes(self) -> list[str]:
        """Every different sentence that was noted, over all attempts."""
        path = self.folder / "notes.txt"
        return list(dict.fromkeys(path.read_text("utf-8").splitlines())) if path.exists() else []
