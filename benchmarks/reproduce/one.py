"""`python -m benchmarks.reproduce.one SPEC_FILE`: carry out one run and write `result.json` beside its specification.

Exit code 0: done. 1: failed, and the result says why. 3: stopped by SIGTERM or SIGINT; the next call goes on from
there. 4: another process is at this run. A second signal ends it at once.
"""

import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.system.imports import ALONE, importing
from core.system.processes import leave

with importing(without=ALONE):
    import torch
    from filelock import FileLock

    from benchmarks.reproduce.data import Data, load
    from benchmarks.reproduce.record import FolderRecorder
    from benchmarks.reproduce.spec import RESULT, RunSpec, write_json
    from core.encoders.loading import load_saved
    from core.errors import UserError
    from core.jobs.locks import try_lock
    from core.jobs.version import code_version
    from core.settings import Settings
    from core.training.config import TrainConfig
    from core.training.device import choose_machine, versions
    from core.training.diagnosis import diagnose
    from core.training.diagnosis_config import DiagnosisConfig
    from core.training.state import drop_state
    from core.training.trainer import TrainResult, train

DONE, FAILED, STOPPED, BUSY = 0, 1, 3, 4
PROBES = 40
CURVES = ("cid", "round_cid")


class StoppedError(Exception):
    """Somebody asked the run to stop, and its state is saved."""


def main(spec_file: Path) -> int:
    """Run, write the result, clean up."""
    folder = spec_file.parent
    lock = FileLock(folder / "lock", thread_local=False)
    if not try_lock(lock):
        print("Another process is at this run.", file=sys.stderr)
        return BUSY
    spec = RunSpec.read(spec_file)
    stopping = _listen()
    try:
        result = carry_out(spec, folder, stopping)
    except StoppedError:
        return STOPPED
    except Exception as error:  # noqa: BLE001 - the last line of defence: the result says what happened
        traceback.print_exc()
        result = _failure(spec, error)
    write_json(folder / RESULT, result)
    _tidy(folder, keep_models=spec.keep_models)
    return DONE if result["status"] == "done" else FAILED


def carry_out(spec: RunSpec, folder: Path, stopping: Callable[[], bool]) -> dict[str, Any]:
    """Train or go on training, diagnose the final model, and gather what the run is worth.

    Raises:
        StoppedError: `stopping` became true before the end.
        UserError: unusable settings or data.
    """
    data = load(Path(spec.data_folder), spec.data)
    if data.sha256 != spec.data_sha256:
        raise UserError(f"The files of {spec.data} in {spec.data_folder} have changed since the run was planned.")
    recorder = FolderRecorder(folder, stopping)
    trained = train(spec.config, data.frame, folder, recorder, allowed_roots=Settings().local_models)
    if trained.status == "stopped":
        raise StoppedError
    diagnosis = _diagnosis(spec.config, data, recorder)
    return _result(spec, "done") | {
        "steps": trained.steps,
        "failed_to_fit": trained.failed_to_fit,
        "evaluations": {split: found.report for split, found in trained.evaluations.items()},
        "diagnosis": diagnosis,
        "seconds": _seconds(trained, recorder) | {"diagnosis": diagnosis["seconds"]},
        "curves": {name: points for name in CURVES if (points := recorder.curve(name))},
        "rounds": sorted(recorder.rounds, key=lambda report: report["number"]),
        "notes": recorder.notes(),
        "splits": data.splits,
        "device": trained.device,
        "threads": torch.get_num_threads(),
    }


def _diagnosis(config: TrainConfig, data: Data, recorder: FolderRecorder) -> dict[str, Any]:
    """CID of the final model, or why it has none: a collapsed model's influence can be undefined."""
    model, tokenizer = load_saved(recorder.final_model())
    model.to(choose_machine(config).device)

    def progress(share: float, message: str) -> None:
        recorder.progress(round(1000 * share), 1000, f"diagnosis: {message}")
        if recorder.should_stop():
            raise StoppedError

    began = time.perf_counter()
    wanted = DiagnosisConfig(probes=PROBES, seed=config.seed)
    try:
        found = diagnose(model, tokenizer, data.frame, wanted, max_length=config.max_length, progress=progress)
    except UserError as error:
        return {"error": str(error), "cid": None, "seconds": time.perf_counter() - began}
    report = found.report.to_dict()
    kept = ("cid", "ci", "null", "p_value", "n_probes", "n_defined", "cells", "notes", "draws", "methods")
    return {name: report[name] for name in kept} | {"config": wanted.model_dump(), "seconds": found.seconds}


def _seconds(trained: TrainResult, recorder: FolderRecorder) -> dict[str, float]:
    """training: all of `train`, evaluations included; rounds: tuning rounds; label_steps: until the last one, less rounds."""
    rounds = sum(report["seconds"] for report in recorder.rounds)
    until = recorder.curve("seconds")[-1][1]
    return {"training": trained.seconds, "rounds": rounds, "label_steps": until - rounds}


def _result(spec: RunSpec, status: str) -> dict[str, Any]:
    return {
        "format": 1,
        "status": status,
        "run": spec.name,
        "data": spec.data,
        "data_sha256": spec.data_sha256,
        "settings": spec.settings,
        "config": spec.config.model_dump(mode="json"),
        "seed": spec.settings["seed"],
        "versions": versions(),
        "code": code_version(),
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _failure(spec: RunSpec, error: Exception) -> dict[str, Any]:
    first = (str(error).splitlines() or [""])[0]
    said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {first:.300}"
    return _result(spec, "failed") | {"error": said}


def _tidy(folder: Path, *, keep_models: bool) -> None:
    """A run with a result needs no state any more, and its weights only if somebody wants them."""
    drop_state(folder)
    if not keep_models:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _listen() -> Callable[[], bool]:
    """Whether a signal has asked the run to stop, from now on."""
    asked: list[int] = []

    def hear(number: int, _frame: Any) -> None:
        asked.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
    return lambda: bool(asked)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1])))
