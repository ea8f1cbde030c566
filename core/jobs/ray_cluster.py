"""A Ray cluster as its REST API tells of it: what was submitted to it, and how much more fits.

Plain HTTP to the head's dashboard, so that whoever submits needs no Ray of the very version of the cluster. The jobs API
is documented and versioned: https://docs.ray.io/en/latest/cluster/running-applications/job-submission/rest.html. What the
nodes have and what of it is taken comes from where `ray list nodes` and `ray status` have it.
"""

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from core.errors import UserError

PREFIX = "unconfound-"
"""Begins the name of everything that we submit."""

TIMEOUT_SECONDS = 10.0
SETTLED_SECONDS = 15.0
"""Ray's own figures of what is taken are up to five seconds old; what runs for longer than this is surely in them."""


class RayTroubleError(UserError):
    """Ray does not answer at the moment, or not as it should."""


@dataclass(frozen=True)
class Need:
    """What a job takes of a node: a GPU or several, or some CPU cores."""

    resource: str
    amount: float

    @property
    def title(self) -> str:
        """A name for people."""
        if self.resource == "GPU":
            return "GPU" if self.amount == 1 else f"node with {self.amount:g} GPUs"
        return f"slot of {self.amount:g} CPU cores"


@dataclass(frozen=True)
class Submission:
    """What Ray knows of something submitted. `message` ends with the last lines that a failed one printed."""

    name: str
    status: str
    message: str
    node: str | None
    exit_code: int | None
    error: str | None

    @property
    def has_ended(self) -> bool:
        """Whether no process of it is left, nor will be."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")


class RayCluster:
    """One cluster, by the address of its dashboard."""

    def __init__(self, address: str, need: Need) -> None:
        self.address = address.rstrip("/")
        self.need = need
        self._running_since: dict[str, float] = {}

    def submissions(self) -> dict[str, Submission]:
        """Everything that this program has submitted and Ray still knows, by name.

        Raises:
            RayTroubleError: Ray does not answer.
        """
        found = {}
        for one in self._ask("GET", "/api/jobs/"):
            name = one.get("submission_id") or ""
            if name.startswith(PREFIX):
                found[name] = Submission(
                    name=name,
                    status=one["status"],
                    message=one.get("message") or "",
                    node=one.get("driver_node_id"),
                    exit_code=one.get("driver_exit_code"),
                    error=one.get("error_type"),
                )
        running = {name for name, one in found.items() if one.status == "RUNNING"}
        moment = time.monotonic()
        self._running_since = {name: self._running_since.get(name, moment) for name in running}
        return found

    def submit(self, name: str, command: str, environment: dict[str, str], metadata: dict[str, str]) -> None:
        """Have a shell command run on a node that has what a job needs.

        Raises:
            RayTroubleError: Ray does not answer or refuses; it may have taken the command all the same.
        """
        needed = "entrypoint_num_gpus" if self.need.resource == "GPU" else "entrypoint_num_cpus"
        wish = {
            "submission_id": name,
            "entrypoint": command,
            "runtime_env": {"env_vars": environment},
            "metadata": metadata,
            needed: self.need.amount,
        }
        self._ask("POST", "/api/jobs/", wish)

    def stop(self, name: str) -> None:
        """SIGTERM to the processes of something submitted, and after a few seconds SIGKILL. It need not exist.

        Raises:
            RayTroubleError: Ray does not answer.
        """
        self._ask("POST", f"/api/jobs/{quote(name)}/stop", may_be_gone=True)

    def free(self, there: dict[str, Submission]) -> int:
        """How many more jobs fit now. What we have submitted counts from the moment it was, pending or not.

        Raises:
            RayTroubleError: Ray does not answer.
        """
        resource, amount = self.need.resource, self.need.amount
        used = self._used()
        moment = time.monotonic()
        ours = [one for one in there.values() if not one.has_ended]
        fits = 0
        for node, total in self._totals().items():
            settled = [
                one
                for one in ours
                if one.node == node and moment - self._running_since.get(one.name, moment) > SETTLED_SECONDS
            ]
            others = max(0.0, used.get(node, {}).get(resource, 0.0) - amount * len(settled))
            fits += int((total - others + 1e-6) // amount)
        return max(0, fits - len(ours))

    def machines(self) -> int:
        """How many machines the cluster's nodes are on; several nodes at loopback addresses are one.

        Raises:
            RayTroubleError: Ray does not answer.
        """
        return len({"here" if ip_address(node["node_ip"]).is_loopback else node["node_ip"] for node in self._nodes()})

    def has_any(self) -> bool:
        """Whether any node has what a job needs, free or not.

        Raises:
            RayTroubleError: Ray does not answer.
        """
        return any(total + 1e-6 >= self.need.amount for total in self._totals().values())

    def _totals(self) -> dict[str, float]:
        return {node["node_id"]: node["resources_total"].get(self.need.resource, 0.0) for node in self._nodes()}

    def _nodes(self) -> list[dict[str, Any]]:
        answer = self._ask("GET", "/api/v0/nodes?detail=1&limit=10000")
        return [node for node in answer["data"]["result"]["result"] if node["state"] == "ALIVE"]

    def _used(self) -> dict[str, dict[str, float]]:
        """What is taken on each node; nothing is known of it in the first seconds of a cluster."""
        answer = self._ask("GET", "/api/cluster_status")
        report = (answer["data"].get("clusterStatus") or {}).get("loadMetricsReport") or {}
        return {
            node: {resource: float(pair[0]) for resource, pair in usage.items()}
            for node, usage in (report.get("usageByNode") or {}).items()
        }

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, may_be_gone: bool = False) -> Any:
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get("RAY_AUTH_TOKEN"):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
            self.address + path,
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404 and may_be_gone:
                return None
            if error.code in (401, 403):
                raise RayTroubleError(
                    f"Ray at {self.address} wants a token. Put the cluster's into the variable RAY_AUTH_TOKEN."
                ) from error
            last = (error.read().decode(errors="replace").strip().splitlines() or [""])[-1]
            raise RayTroubleError(
                f"Ray at {self.address} refuses {method} {path} ({error.code}: {last:.200})."
            ) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RayTroubleError(
                f"Ray at {self.address} does not answer ({reason}). Check that its head runs with a dashboard there "
                "(pip install -r requirements-ray.txt; ray start --head)."
            ) from error
