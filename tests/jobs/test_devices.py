"""Which devices a worker gives to jobs: the machine's GPUs, or those that CUDA_VISIBLE_DEVICES leaves."""

from pathlib import Path

import pytest

from core.actions.doctor import machine
from core.jobs.devices import devices
from core.settings import Settings
from tests.faults.stubs import stub_gpus


@pytest.mark.parametrize(
    ("named", "left"),
    [
        (None, ["GPU-0", "GPU-1", "GPU-2"]),
        ("1", ["GPU-1"]),
        ("2, 0", ["GPU-2", "GPU-0"]),
        ("GPU-2,GPU-1", ["GPU-2", "GPU-1"]),
        ("0,7,1", ["GPU-0"]),
        ("0,-1,1", ["GPU-0"]),
        ("1,1", ["GPU-1"]),
        ("MIG-4f,MIG-7b", ["MIG-4f", "MIG-7b"]),
        ("GPU-", []),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_what_cuda_may_see_is_what_jobs_get(
    named: str | None, left: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_gpus(tmp_path, monkeypatch, 3)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    found = devices()
    assert [one.uuid for one in found if one.kind == "cuda"] == left
    assert found, "there is always the CPU"


def test_the_doctor_says_that_gpus_are_hidden(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_gpus(tmp_path, monkeypatch, 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    [said] = [one for one in machine.check(settings) if one.check == "devices"]
    assert said.level == "note"
    assert "leaves none of this machine's NVIDIA GPUs" in said.sentence
