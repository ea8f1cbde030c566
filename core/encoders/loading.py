"""From an encoder's name to a classifier in memory, and from a saved folder back; nothing but safetensors is read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from core.encoders.catalogue import FAMILIES, MAX_PARAMETERS, EncoderError, EncoderSpec, package_folder, resolve
from core.encoders.tiny import tiny_model, tiny_tokenizer

EAGER = "eager"
"""The attention in use. Influence tuning differentiates through gradients, and the fused kernels (`sdpa`) have no
second derivative. Label steps gain nothing from them on a CPU: at 27 tokens an example MiniLM took 1.26 s a batch of
64 with eager and 1.35 s with sdpa attention (one core)."""

_LARGEST = {"num_hidden_layers": 200, "hidden_size": 32_768, "vocab_size": 5_000_000, "intermediate_size": 200_000}


def load_classifier(
    encoder: EncoderSpec | str,
    *,
    labels: Sequence[str],
    seed: int,
    revision: str | None = None,
    allowed_roots: Sequence[Path] = (),
    attention: str = EAGER,
    max_parameters: int = MAX_PARAMETERS,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """An encoder with a fresh classification head, in float32 on the CPU, and its tokenizer.

    The head (and, for `tiny`, everything) is drawn from `seed` alone: the caller's random state neither matters nor
    changes. labels: their order is the order of the logits.

    Raises:
        EncoderError: unknown or unsupported encoder, no network, no safetensors, changed weights, too many parameters.
    """
    spec = resolve(encoder, revision, allowed_roots=allowed_roots) if isinstance(encoder, str) else encoder
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise EncoderError(f"A classifier needs two or more different labels; these were given: {list(labels)[:10]}.")
    with _own_random_state(seed), _quiet():
        if spec.source == "random":
            model, tokenizer = tiny_model(spec, num_labels=len(labels), attention=attention), tiny_tokenizer(spec)
        else:
            model, tokenizer = _pretrained(spec, len(labels), attention, max_parameters)
    model.config.id2label = dict(enumerate(labels))
    model.config.label2id = {label: row for row, label in enumerate(labels)}
    tokenizer.model_max_length = min(tokenizer.model_max_length, spec.max_length, longest_input(model))
    return model.eval(), tokenizer


def load_saved(folder: Path, *, attention: str = EAGER) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A classifier that was saved in Hugging Face layout: configuration, tokenizer, safetensors weights.

    Raises:
        EncoderError: the folder is missing, incomplete or not a classifier of a supported family.
    """
    if not (folder / "config.json").is_file():
        raise EncoderError(f"There is no saved model in {folder}: it has no config.json.")
    spec = EncoderSpec(
        name=str(folder),
        title=folder.name,
        source="folder",
        location=str(folder),
        revision=None,
        licence="see its run",
        suggested_label_lr=2e-5,
        max_length=512,
    )
    with _quiet():
        return _pretrained(spec, None, attention, MAX_PARAMETERS)


def labels_of(model: PreTrainedModel) -> list[str]:
    """The labels in the order of the logits."""
    names = model.config.id2label
    return [str(names[row]) for row in range(len(names))]


def longest_input(model: PreTrainedModel) -> int:
    """The most tokens that the position embeddings allow; RoBERTa and MPNet keep their first two rows for padding."""
    reserved = 2 if model.config.model_type in ("roberta", "mpnet") else 0
    return int(model.config.max_position_embeddings) - reserved


def _pretrained(
    spec: EncoderSpec, num_labels: int | None, attention: str, max_parameters: int
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    where, options = _place(spec)
    with _explained(spec):
        declared, _ = PreTrainedConfig.get_config_dict(where, **options)
    family = declared.get("model_type") if isinstance(declared, dict) else None
    if family not in FAMILIES:
        raise EncoderError(
            f"{spec.name} is of the family {str(family)[:60]!r}, which is not supported. "
            f"Choose an encoder of one of these: {', '.join(FAMILIES)}."
        )
    extra = {} if num_labels is None else {"num_labels": num_labels}
    with _explained(spec):
        config = AutoConfig.from_pretrained(where, **options, **extra, trust_remote_code=False)
    _check_size(spec, config, max_parameters)
    with _explained(spec):
        tokenizer = AutoTokenizer.from_pretrained(where, **options, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_pretrained(
            where,
            **options,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation=attention,
            dtype=torch.float32,
        )
    if not len(_SPECIAL_ONLY) < len(tokenizer) <= config.vocab_size:
        raise EncoderError(
            f"The tokenizer of {spec.name} has {len(tokenizer)} entries and its embeddings {config.vocab_size} rows: "
            "files are missing or belong to another model."
        )
    return model.eval(), tokenizer


_SPECIAL_ONLY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def _place(spec: EncoderSpec) -> tuple[str, dict[str, Any]]:
    """Where `from_pretrained` finds it, and with which options."""
    if spec.source == "hub":
        return spec.location, {"revision": spec.revision}
    if spec.source == "folder":
        return spec.location, {"local_files_only": True}
    folder = package_folder(spec)
    with (folder / "model.safetensors").open("rb") as handle:
        found = file_digest(handle, "sha256").hexdigest()
    if found != spec.sha256:
        raise EncoderError(
            f"The weights of {spec.name} are not the published ones (SHA-256 {found[:12]}… instead of "
            f"{str(spec.sha256)[:12]}…). Reinstall the package {spec.location.replace('_', '-')}."
        )
    return str(folder), {"local_files_only": True}


def _check_size(spec: EncoderSpec, config: PreTrainedConfig, max_parameters: int) -> None:
    """Refuse an encoder that is too large, knowing only its configuration: the weights are counted, not made."""
    for field, most in _LARGEST.items():
        if int(getattr(config, field, 0)) > most:
            raise EncoderError(f"The configuration of {spec.name} asks for {field} above {most}. Choose a smaller one.")
    with _explained(spec), torch.device("meta"):
        count = sum(p.numel() for p in AutoModelForSequenceClassification.from_config(config).parameters())
    if count > max_parameters:
        raise EncoderError(
            f"{spec.name} has {count / 1e6:.0f} million parameters; at most {max_parameters / 1e6:.0f} million are "
            "allowed here. Choose a smaller one."
        )


@contextmanager
def _explained(spec: EncoderSpec) -> Iterator[None]:
    """Turn what transformers raises for a missing or broken model into a sentence."""
    try:
        yield
    except EncoderError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise EncoderError(_sentence(spec, str(error))) from error


def _sentence(spec: EncoderSpec, problem: str) -> str:
    where = f"{spec.location} at {spec.revision}" if spec.source == "hub" else spec.location
    if "couldn't connect" in problem or "offline mode" in problem:
        return (
            f"{where} is not on this machine and the Hugging Face hub cannot be reached. "
            "Connect to the internet, or use minilm, which needs no network."
        )
    if (
        "no file named model.safetensors" in problem
        or "does not appear to have a file named model.safetensors" in problem
    ):
        return (
            f"{where} has no weights in the safetensors format, and no other format is loaded. Choose another encoder."
        )
    if "not a valid model identifier" in problem or "not a valid git identifier" in problem or "404" in problem:
        return f"The Hugging Face hub has no {where}, or it is not public. Check the name and the revision."
    first = " ".join(problem.split())[:200] or "unknown error"
    return f"{where} cannot be loaded: {first}"


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """Draw from `seed` inside, and leave the caller's random state as it was. Models are made on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no note that the head is new: it is meant to be."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
