"""What happens while people vote: replicas and a machine are lost, releases replaced, replicas added and taken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from . import nodes, servers
from .programs import Missing
from .release import NAMESPACE, RELEASE, WITHIN, helm, install, wait_ready

_LEADING: Final = """
import os, sys, urllib.request
request = urllib.request.Request("http://127.0.0.1:8001/metrics", headers={"Authorization": "Bearer " + sys.argv[1]})
with urllib.request.urlopen(request, timeout=5) as answer:
    for line in answer.read().decode().splitlines():
        if line.startswith("evote_ledger_leading"):
            print(line.split()[-1])
"""


_AT_ONCE: Final = 1
_NEVER: Final = 100_000
"""Percent of the processors that a replica asks for."""


_NEXT_MIGRATION: Final = "9999_next_release"
_LEADERLESS: Final = frozenset(
    {"EvoteSequencersNotOne", "EvoteBallotsUnlogged", "EvoteLoggedLate", "EvoteMonitorBlind"}
)
LED_BY_MANY: Final = frozenset({"EvoteSequencerFlaps"})
"""Who puts ballots into the log changes with each of several faults, and here they follow each other within minutes."""
WITHOUT_DATABASE: Final = _LEADERLESS | {
    *("EvoteServiceUnready", "EvoteReplicaUnready", "EvoteReadBackFails", "EvoteProjectionLags"),
}
"""While a database is away for long."""


@dataclass(frozen=True)
class Fault:
    """One thing that happens, by what is printed of it."""

    name: str
    happen: Callable[[], str]
    """It returns when all is well again; what there is to tell."""
    fires: frozenset[str] = frozenset()
    """The alerts that are right to fire of it; of any other nobody may be told."""


def all_faults(
    own: servers.Servers,
    this: Mapping[str, Any],
    following: Mapping[str, Any],
    scraper_token: str,
    wait_seen: Callable[[str], None],
) -> Sequence[Fault]:
    """In the order in which they happen.

    Args:
        own: the city's, with the tables that a release changes.
        this: the values of the release that runs.
        following: those of the next one.
        wait_seen: returns when whoever watches sees that this replica of ledger-anchor leads, and no other.
    """
    return [
        Fault("a replica of ballot is killed", lose_a_ballot),
        Fault("the leader of ledger-anchor is killed", lambda: lose_the_leader(scraper_token, wait_seen), _LEADERLESS),
        Fault(
            "one of three brokers of Kafka is killed", lambda: lose_a_server("kafka"), frozenset({"EvotePublishesFail"})
        ),
        Fault("PostgreSQL is killed", lambda: lose_a_server("postgresql"), WITHOUT_DATABASE),
        # People come through the edge of the first.
        Fault("node2 is drained", lambda: drain("node2")),
        Fault("upgrade to the next release", lambda: upgrade(following, own)),
        Fault("more replicas of ballot by load", more),
        # Helm finds a number of replicas that the autoscaler has set.
        Fault("rollback", lambda: roll_back(this), LED_BY_MANY),
        Fault("fewer replicas of ballot again", fewer),
    ]


def lose_a_ballot() -> str:
    """Without notice, as a machine that stops."""
    name = pods("ballot")[0]
    kill(name)
    wait_ready()
    return name


def lose_a_server(name: str) -> str:
    """A broker, beside which two are left; or PostgreSQL, of which there is one: nobody votes until it is back."""
    pod = f"{name}-0"
    kill(pod, servers.NAMESPACE)
    servers.wait(name)
    wait_ready()
    return pod


def lose_the_leader(scraper_token: str, wait_seen: Callable[[str], None]) -> str:
    """Another replica sequences from then on, and whoever watches sees both."""
    name = nodes.until(lambda: leader(scraper_token), "a replica of ledger-anchor leads", 60)
    wait_seen(name)
    kill(name)
    after = nodes.until(lambda: leader(scraper_token), "a replica of ledger-anchor leads again", 120)
    wait_ready()
    wait_seen(after)
    return f"{name}, then {after} leads"


def leader(scraper_token: str) -> str | None:
    """Of ledger-anchor; None while nobody leads, or nobody can be asked."""
    for name in pods("ledger-anchor"):
        try:
            told = nodes.kubectl(
                *("-n", NAMESPACE, "exec", name, "-c", "ledger-anchor"), "--", "python", "-c", _LEADING, scraper_token
            )
        except nodes.Refused:
            continue
        if told.strip() == "1.0":
            return name
    return None


def drain(node: str) -> str:
    """As before work on a machine; the budgets for disruption hold back what would be too much at once."""
    words = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
    nodes.kubectl("drain", node, *words, timeout_s=260)
    # ledger-anchor's monitor remembers on a disk of that machine: its second replica waits there. All others moved.
    for name in ("auth", "ballot", "tally"):
        nodes.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{RELEASE}-{name}", "--timeout=120s")
    left = [one for one in _pods() if one["spec"].get("nodeName") == node and not _of_daemon(one)]
    if left:
        raise Missing(f"{node} was drained, and still holds {[one['metadata']['name'] for one in left]}")
    nodes.kubectl("uncordon", node)
    wait_ready()
    return "auth, ballot and tally moved"


def upgrade(following: Mapping[str, Any], own: servers.Servers) -> str:
    """Each service's migration runs first, ballot's changes a table; then replicas are replaced one by one."""
    install(following, upgrade=True)
    if own.sql("SELECT migration_id FROM ballot._yoyo_migration ORDER BY 1 DESC LIMIT 1").strip() != _NEXT_MIGRATION:
        raise Missing("the next release's migration did not run")
    return f"{_of_one_release(following)}, with a column more in ballot's table"


def roll_back(this: Mapping[str, Any]) -> str:
    """The way back from the next release, whose tables stay; how many replicas there are is left to the autoscaler."""
    helm("rollback", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout", WITHIN)
    wait_ready()
    words = ("get", "deployment", f"{RELEASE}-ballot", "--show-managed-fields", "-o", "json")
    deployment = json.loads(nodes.kubectl("-n", NAMESPACE, *words))
    fields = {one["manager"]: one["fieldsV1"].get("f:spec", {}) for one in deployment["metadata"]["managedFields"]}
    replicas, set_by = deployment["spec"]["replicas"], [one for one in fields if "f:replicas" in fields[one]]
    if replicas != _bounds()[1] or "helm" in set_by:
        raise Missing(f"the rollback set ballot's replicas: there are {replicas}, by {set_by}")
    return f"{_of_one_release(this)}, of which there are {replicas} as before"


def more() -> str:
    """By the autoscaler and what metrics-server measures: the thresholds are moved, and not the load."""
    floor, most = _bounds()
    with _aims(_NEVER):
        nodes.until(lambda: _replicas() == floor, "there are as few replicas of ballot as there may be", 180)
    with _aims(_AT_ONCE):
        nodes.until(lambda: _replicas() == most, "there are more replicas of ballot", 180)
    wait_ready()
    return f"{floor} to {most}"


def fewer() -> str:
    """As :func:`more`; nobody waits here for the half hour of calm that the chart asks for."""
    floor, most = _bounds()
    with _aims(_NEVER):
        nodes.until(lambda: _replicas() == floor, "there are fewer replicas of ballot again", 180)
    wait_ready()
    return f"{most} to {floor}"


def pods(service: str) -> list[str]:
    """Of a service, those that run; of what has its labels for a while, as an operator's pod, nobody makes another."""
    of_service = {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/name": service}
    return [
        one["metadata"]["name"]
        for one in _pods()
        if of_service.items() <= one["metadata"]["labels"].items()
        and one["status"]["phase"] == "Running"
        and "deletionTimestamp" not in one["metadata"]
        and "ownerReferences" in one["metadata"]
    ]


def kill(name: str, namespace: str = NAMESPACE) -> None:
    """End the container's processes at once, nobody asked: no preStop, no SIGTERM."""
    pod = _pod(name, namespace)
    started = _starts(pod)
    nodes.kill_pod(pod["spec"]["nodeName"], pod["metadata"]["uid"])
    nodes.until(lambda: _starts(_pod(name, namespace)) > started, f"{name} starts again", 120)


@contextmanager
def _aims(percent: int) -> Iterator[None]:
    """The autoscaler wants so much of a processor and waits for no calm; afterwards all is as the chart has it."""
    aim = {"type": "Utilization", "averageUtilization": percent}
    calm = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}]}
    before = _autoscaler()["spec"]
    _patch(
        {
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": aim}}],
            "behavior": {"scaleDown": calm},
        }
    )
    yield
    _patch({"metrics": before["metrics"], "behavior": before["behavior"]})


def _patch(spec: Mapping[str, Any]) -> None:
    words = ("patch", "hpa", f"{RELEASE}-ballot", "--type=merge", "-p", json.dumps({"spec": spec}))
    nodes.kubectl("-n", NAMESPACE, *words)


def _replicas() -> int:
    """Of ballot, as many as the autoscaler wants."""
    return int(_autoscaler()["status"].get("desiredReplicas", 0))


def _bounds() -> tuple[int, int]:
    spec = _autoscaler()["spec"]
    return int(spec["minReplicas"]), int(spec["maxReplicas"])


def _autoscaler() -> dict[str, Any]:
    words = ("get", "hpa", f"{RELEASE}-ballot", "-o", "json")
    found: dict[str, Any] = json.loads(nodes.kubectl("-n", NAMESPACE, *words))
    return found


def _pods(namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(nodes.kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
    return found


def _pod(name: str, namespace: str) -> dict[str, Any]:
    return next(one for one in _pods(namespace) if one["metadata"]["name"] == name)


def _starts(pod: Mapping[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"]["containerStatuses"])


def _of_daemon(pod: Mapping[str, Any]) -> bool:
    return any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", ()))


def _of_one_release(chosen: Mapping[str, Any]) -> str:
    """That each service's pods run the image of these values, and no other; raises :class:`Missing`."""
    found = digests(_pods())
    if wrong := other_images(found, chosen):
        raise Missing(f"not of this release: {wrong}")
    return f"{len(found)} services and fronts are of it, ballot's image is {next(iter(found['ballot']))[:19]}"


def digests(pods: Sequence[Mapping[str, Any]]) -> Mapping[str, set[str]]:
    """By the services and fronts of the release the images that run, by their digests; of none that is leaving."""
    found: dict[str, set[str]] = {}
    for one in pods:
        labels, stays = one["metadata"]["labels"], "deletionTimestamp" not in one["metadata"]
        if labels.get("app.kubernetes.io/part-of") == "evote" and one["status"]["phase"] == "Running" and stays:
            image = one["spec"]["containers"][0]["image"]
            found.setdefault(labels["app.kubernetes.io/name"], set()).add(image.rpartition("@")[2])
    return found


def other_images(found: Mapping[str, set[str]], chosen: Mapping[str, Any]) -> list[str]:
    """Of what these values make run, what runs otherwise or in a mixture, or not at all."""
    wanted = {
        "ledger-anchor" if key == "ledgerAnchor" else key: {part["image"]["digest"]}
        for key, part in chosen.items()
        if isinstance(part, Mapping) and "image" in part and part.get("enabled", True)
    }
    return [f"{name}: {sorted(found.get(name, ()))}" for name in wanted if found.get(name) != wanted[name]]


def timed(fault: Fault) -> str:
    """Let it happen; one line of it."""
    begun = time.monotonic()
    told = fault.happen()
    return f"{fault.name}: {told} ({time.monotonic() - begun:.0f} s)"
