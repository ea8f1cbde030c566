"""Whether the files of a run's state are all there, told without torch."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import IO


def is_whole_state(files: Mapping[str, IO[bytes]]) -> bool:
    """Whether open files are one whole state, as `core.training.state` writes it: the JSON part names the tensors' SHA-256."""
    if not {"state.json", "tensors.safetensors"} <= set(files):
        return False
    try:
        values = json.load(files["state.json"])
        files["tensors.safetensors"].seek(0)
        digest = sha256()
        while block := files["tensors.safetensors"].read(1 << 20):
            digest.update(block)
        return bool(values["tensors_sha256"] == digest.hexdigest())
    except (OSError, ValueError, KeyError, TypeError):
        return False
