"""Models on disk, in Hugging Face layout, each folder there whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from core.system.files import flush, move


def checkpoint_folder(run: Path, step: int) -> Path:
    """Where a run keeps the model after a label step."""
    return run / "checkpoints" / f"step-{step:08d}"


def save_checkpoint(run: Path, step: int, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Path:
    """Save configuration (with the labels' names), tokenizer and safetensors weights; `load_saved` reads them."""
    target = checkpoint_folder(run, step)
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with whole_folder(target) as scratch:
            model.save_pretrained(scratch)
            tokenizer.save_pretrained(scratch)
    finally:
        if bars:
            transformers_logging.enable_progress_bar()
    return target


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to fill; when all went well it is flushed to the disk and takes the place of `target`.

    A reader finds the old folder, the new one or (for the moment between two renames, or after a crash in it) none;
    never half of one. What a crash leaves behind has a name that starts with a dot and is cleared at the next write.
    """
    scratch, old = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.old")
    for leftover in (scratch, old):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        for path in sorted(scratch.rglob("*")):
            flush(path)
        flush(scratch)
        if target.exists():
            move(target, old)
        move(scratch, target)
        flush(target.parent)
    finally:
        for leftover in (scratch, old):
            shutil.rmtree(leftover, ignore_errors=True)
