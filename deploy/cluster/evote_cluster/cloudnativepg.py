"""CloudNativePG's operator as its release has it, and what happens to the database that it keeps for the chart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

from . import nodes, programs
from .basics import Resource
from .bundles import Bundle
from .faults import Fault, kill
from .release import NAMESPACE, RELEASE, wait_ready

_MODULE: Final = "github.com/cloudnative-pg/cloudnative-pg"
_SYSTEM: Final = "cnpg-system"
_MANAGER: Final = "cnpg-controller-manager"
_CLUSTER: Final = f"{RELEASE}-pg"
_HEALTHY: Final = "Cluster in healthy state"


def install(image: Bundle) -> None:
    """Start the operator, and return when it takes resources."""
    nodes.apply(*_manifests(image))
    nodes.kubectl("-n", _SYSTEM, "rollout", "status", f"deployment/{_MANAGER}", "--timeout=300s", timeout_s=330)


def faults() -> Sequence[Fault]:
    """In the order in which they happen."""
    return [
        Fault("PostgreSQL's primary is killed", lose_the_primary),
        Fault("the machine of PostgreSQL's primary stops, and comes back", lose_its_machine),
    ]


def lose_the_primary() -> str:
    """All its processes at once. It starts again; the operator may have made another one primary until then."""
    before = primary()
    kill(before)
    wait_healthy()
    wait_ready()
    return f"{before}, then {primary()} is"


def lose_its_machine() -> str:
    """As when its power fails: what was on it is gone, the disks stay. A standby becomes primary meanwhile."""
    before = _away_from_the_first()
    machine = _node_of(before)
    nodes.stop(machine)
    after = nodes.until(lambda: _another_that_serves(before), "a standby has become primary", 240)
    nodes.start_again(machine)
    wait_healthy()
    wait_ready()
    return f"{before} on {machine}, then {after} is"


def primary() -> str:
    """The pod of the instance that takes writes."""
    return str(_cluster()["status"]["currentPrimary"])


def wait_healthy() -> None:
    """Return when every instance is ready, and there is the primary that the operator wants."""

    def healthy() -> bool:
        told = _cluster()
        status = told["status"]
        wanted = (told["spec"]["instances"], _HEALTHY, status["targetPrimary"])
        return wanted == (status.get("readyInstances"), status["phase"], status["currentPrimary"])

    nodes.until(healthy, "all instances of PostgreSQL are ready", 300)


def _manifests(image: Bundle) -> Iterator[Resource]:
    version, folder = programs.sources(programs.CLOUDNATIVEPG, _MODULE)
    release = (folder / f"releases/cnpg-{version.removeprefix('v')}.yaml").read_text("utf-8")
    for resource in yaml.safe_load_all(release):
        if resource["kind"] == "Deployment":
            pod = resource["spec"]["template"]["spec"]
            # A city runs several. One that is lost with the primary's machine is replaced after five minutes.
            pod["nodeSelector"] = {"kubernetes.io/hostname": "node1"}
            (manager,) = pod["containers"]
            manager |= {"image": image.reference, "imagePullPolicy": "IfNotPresent"}
            for variable in manager["env"]:
                if variable["name"] == "OPERATOR_IMAGE_NAME":
                    variable["value"] = image.reference
        yield resource


def _away_from_the_first() -> str:
    """The primary, on a machine that may stop: on the first are Kafka, names, the operator and people's way in."""
    before = primary()
    if _node_of(before) != "node1":
        return before
    others: list[str] = [name for name in _cluster()["status"]["instanceNames"] if name != before]
    patch = {"status": {"targetPrimary": others[0], "phase": "Switchover in progress"}}
    words = ("patch", "clusters.postgresql.cnpg.io", _CLUSTER, "--subresource=status", "--type=merge")
    nodes.kubectl("-n", NAMESPACE, *words, "-p", json.dumps(patch))
    nodes.until(lambda: primary() == others[0], f"{others[0]} is primary", 180)
    wait_healthy()
    return others[0]


def _another_that_serves(before: str) -> str | None:
    now = primary()
    return now if now != before else None


def _node_of(pod: str) -> str:
    return nodes.kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")


def _cluster() -> dict[str, Any]:
    words = ("get", "clusters.postgresql.cnpg.io", _CLUSTER, "-o", "json")
    found: dict[str, Any] = json.loads(nodes.kubectl("-n", NAMESPACE, *words))
    return found
