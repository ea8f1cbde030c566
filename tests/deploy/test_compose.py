"""compose.yaml: valid by the Compose specification, and what its services may and may not do."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from core.jobs.supervisor import LAST_GRACE_SECONDS
from core.settings import PROJECT, Settings
from tests.deploy import images

FILE = PROJECT / "compose.yaml"
OURS = ("web", "worker", "worker-cpu")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """The services with their anchors resolved."""
    return dict(yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"])


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])


def test_it_follows_the_compose_specification() -> None:
    done = subprocess.run(
        [images.tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_images_are_pinned_or_built_from_a_stage_that_exists(services: dict[str, dict[str, Any]]) -> None:
    known = images.stages()
    for name, service in services.items():
        if "build" in service:
            stage = known[service["build"]["target"]]
            taken = {rest.split("=")[0] for one in images.lineage(f"{stage.name}-packages") for rest in one.all("ARG")}
            assert set(service["build"]["args"]) <= taken, name
        else:
            assert re.fullmatch(r"[a-z]+:\d+\.\d+-[a-z]+", service["image"]), name


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_no_rights_they_do_not_need(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    # What the image writes is a volume or lies in memory.
    variables = images.environment(service["build"]["target"])
    places = {one.split(":")[1] for one in service["volumes"]} | {one.split(":")[0] for one in service["tmpfs"]}
    assert {variables["UNCONFOUND_HOME"], variables["HOME"]} <= places
    assert name == "web" or variables["HF_HOME"] in places


def test_the_grace_of_a_container_is_longer_than_that_of_its_jobs(services: dict[str, dict[str, Any]]) -> None:
    job = Settings.model_fields["cancel_grace_seconds"].default
    for name in ("worker", "worker-cpu"):
        assert seconds(services[name]["stop_grace_period"]) > 2 * job + LAST_GRACE_SECONDS


def test_only_the_gpu_worker_reserves_gpus_and_says_what_for(services: dict[str, dict[str, Any]]) -> None:
    (device,) = services["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu", "compute", "utility"]}
    said = set(images.environment("worker")["NVIDIA_DRIVER_CAPABILITIES"].split(","))
    assert said == set(device["capabilities"]) - {"gpu"}
    assert all("deploy" not in services[name] for name in ("web", "worker-cpu", "postgres"))
    assert services["worker-cpu"]["build"]["args"]["TORCH"] == "cpu"


def test_a_profile_starts_the_dashboard_with_one_worker(services: dict[str, dict[str, Any]]) -> None:
    started = {
        profile: {name for name, one in services.items() if profile in one["profiles"]}
        for profile in ("gpu", "cpu", "postgres")
    }
    assert started == {"gpu": {"web", "worker"}, "cpu": {"web", "worker-cpu"}, "postgres": {"postgres"}}
    for name in OURS:
        (other,) = services[name]["depends_on"].items()
        assert other == ("postgres", {"condition": "service_healthy", "required": False})


def test_both_work_on_one_store_and_only_the_worker_starts_jobs(services: dict[str, dict[str, Any]]) -> None:
    assert {one for name in OURS for one in services[name]["volumes"] if one.endswith(":/data")} == {"store:/data"}
    assert images.environment("web")["UNCONFOUND_START_WORKER"] == "false"


def test_only_this_machine_reaches_the_dashboard_and_nobody_the_database(services: dict[str, dict[str, Any]]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services["web"]["ports"])
    assert [name for name, one in services.items() if "ports" in one] == ["web"]


def test_no_secret_stands_in_the_file() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert re.findall(r"(?i)(?:password|token|secret)\w*: (.*)", text) == ["${POSTGRES_PASSWORD:-}"]
