"""A checkpoint as a folder or zip file that `transformers` loads, with a model card."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from core.errors import UserError
from core.reports.model_card import model_card
from core.store import queries
from core.store.artifacts import whole_file
from core.store.engine import Store
from core.store.tables import Checkpoint, Run
from core.system.files import move
from core.views.charts import safe_filename

_KINDS = (".safetensors", ".json", ".txt", ".model")
"""Endings of what belongs to a model: weights, configuration, tokenizer. Nothing that is pickled is among them."""
_PLACES = ("_name_or_path", "name_or_path")
"""Where the libraries note the folder of this machine that a model came from."""
_OLDEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Model:
    """A checkpoint that can be exported: its files in `folder`, and what is written anew beside them."""

    name: str
    step: int
    folder: Path
    written: dict[str, bytes]

    def files(self) -> Iterator[tuple[str, Path | bytes]]:
        """Each file's name with where it lies or what it holds."""
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and path.suffix in _KINDS and path.name[0] != "." and path.name not in self.written:
                yield path.name, path
        yield from self.written.items()


def model_of(store: Store, run: Run, which: str | int = "final") -> Model:
    """The checkpoint of a run at a step, or its last (`final`).

    Raises:
        UserError: there is no such checkpoint, its weights are not kept, or the artifact root does not answer.
    """
    checkpoint = queries.get_checkpoint(store, run, which)
    folder = None if checkpoint.path is None else store.artifacts.fetch_folder(checkpoint.path)
    if folder is None:
        raise UserError(
            f"The weights of {run.name!r} at step {checkpoint.step} are not kept, so there is no model to export. "
            + ("The precomputed demo has none: train a run of your own." if run.demo else "Choose another checkpoint.")
        )
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise UserError(
            f"The model of {run.name!r} at step {checkpoint.step} is missing from the artifact folder. Restore it from a "
            "backup, or choose another checkpoint."
        )
    return Model(safe_filename(run.name), checkpoint.step, folder, _written(store, run, checkpoint, folder))


def _written(store: Store, run: Run, checkpoint: Checkpoint, folder: Path) -> dict[str, bytes]:
    found = {"README.md": model_card(store, run, checkpoint).encode("utf-8")}
    for name in ("config.json", "tokenizer_config.json"):
        path = folder / name
        if path.is_file():
            about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            about = {key: value for key, value in about.items() if key not in _PLACES}
            longest = run.config.get("max_length")
            if name == "tokenizer_config.json" and isinstance(longest, int):
                # So `truncation=True` cuts where the training cut.
                about["model_max_length"] = min(int(about.get("model_max_length", longest)), longest)
            found[name] = (json.dumps(about, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")
    return found


def export_model(store: Store, run: Run, target: Path, which: str | int = "final") -> Model:
    """Write a model to `target`, there whole or not at all: a zip file where that is its ending, else a folder.

    Raises:
        UserError: as `model_of`, or `target` is a folder with something in it, or cannot be written.
    """
    model, target = model_of(store, run, which), target.resolve()
    try:
        if target.suffix.lower() == ".zip":
            with whole_file(target) as scratch, scratch.open("wb") as handle:
                write_zip(model, handle)
        else:
            _write_folder(model, target)
    except OSError as error:
        raise UserError(
            f"The model cannot be written to {target} ({error.strerror or type(error).__name__}). Name another place with --output."
        ) from error
    return model


def zipped_model(store: Store, run: Run, which: str | int = "final") -> tuple[str, IO[bytes]]:
    """A file name, and the zip file as an open temporary file that goes when it is closed.

    Raises:
        UserError: as `model_of`.
    """
    model = model_of(store, run, which)
    handle = TemporaryFile(prefix="unconfound-")  # noqa: SIM115 - whoever sends it closes it
    try:
        write_zip(model, handle)
        handle.seek(0)
    except BaseException:
        handle.close()
        raise
    return f"{model.name}-step-{model.step}.zip", handle


def write_zip(model: Model, handle: IO[bytes]) -> None:
    """The model's files under a folder of its name, block by block; the same model gives the same bytes."""
    with ZipFile(handle, "w") as archive:
        for name, content in model.files():
            about = ZipInfo(f"{model.name}/{name}", _OLDEST)
            about.external_attr = 0o644 << 16
            about.compress_type = ZIP_STORED if name.endswith(".safetensors") else ZIP_DEFLATED
            if isinstance(content, bytes):
                archive.writestr(about, content)
                continue
            about.file_size = content.stat().st_size
            with content.open("rb") as source, archive.open(about, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _write_folder(model: Model, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(
            f"{target} is there already and is not an empty folder. Name a new one with --output, or a file that ends in .zip."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        for name, content in model.files():
            if isinstance(content, bytes):
                (scratch / name).write_bytes(content)
            else:
                shutil.copyfile(content, scratch / name)
        move(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
