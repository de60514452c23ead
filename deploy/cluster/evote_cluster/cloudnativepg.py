"""CloudNativePG's operator as its release has it, with its plugin for backups, and what happens to the databases that
it keeps for the chart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from . import nodes, probes, programs, servers
from .basics import Resource, named, run_here
from .bundles import Bundle
from .certificates import Authority
from .faults import LED_BY_MANY, WITHOUT_DATABASE, Fault, kill
from .programs import Missing
from .release import NAMESPACE, RELEASE, wait_ready

KIND: Final = "clusters.postgresql.cnpg.io"
PLUGIN: Final = "barman-cloud.cloudnative-pg.io"
MAIN: Final = f"{RELEASE}-pg"
FACES: Final = f"{MAIN}-biometric"
"""The chart's clusters."""
_MODULE: Final = "github.com/cloudnative-pg/cloudnative-pg"
_PLUGINS_MODULE: Final = "github.com/cloudnative-pg/plugin-barman-cloud"
_SYSTEM: Final = "cnpg-system"
_MANAGER: Final = "cnpg-controller-manager"
_BARMAN: Final = "barman-cloud"
_HEALTHY: Final = "Cluster in healthy state"
_ASTRAY: Final = "forked off current database system timeline"
"""What PostgreSQL says of a standby that can't follow the primary any more, and runs on."""
_AHEAD: Final = "does not contain minimum recovery point"
"""What it says where the primary lacks what this standby has."""
_EACH_OTHERS: Final = frozenset({"postgresql", "status"})
_FOLLOWERS: Final = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
WHEN_LOST: Final = frozenset(
    {
        *WITHOUT_DATABASE,
        *LED_BY_MANY,
        *("EvoteNoSynchronousStandby", "EvoteStandbyMissing", "EvoteArchivingFails"),
    }
)
"""The alerts that are right to fire where instances go, one after the other."""


def install(images: Mapping[str, Bundle], folder: Path) -> None:
    """Start the operator and its plugin, and return when they take resources."""
    nodes.apply(*_operator(images["cloudnative-pg"]))
    _wait(_MANAGER)
    nodes.apply(*_plugin(images, folder))
    _wait(_BARMAN)


def faults(names: Sequence[str]) -> Sequence[Fault]:
    """What happens to these clusters, in the order in which it happens."""
    return [
        *(Fault(f"the primary of {name} is killed", partial(lose_the_primary, name), WHEN_LOST) for name in names),
        # It has a broker, and replicas of every service.
        Fault(
            f"the machine of the primary of {MAIN} stops, and comes back",
            lose_its_machine,
            WHEN_LOST | {"EvotePublishesFail", "EvoteKafkaUnderMinIsr"},
        ),
        *(
            Fault(f"primary and standbys of {name} are killed", partial(lose_all_at_once, name), WHEN_LOST)
            for name in names
        ),
    ]


def lose_the_primary(name: str) -> str:
    """All its processes at once. It starts again; the operator may have made another one primary until then."""
    before = primary(name)
    kill(before)
    wait_healthy(name)
    wait_ready()
    return f"{before}, then {primary(name)} is"


def lose_all_at_once(name: str) -> str:
    """As when the power of all machines fails; the disks stay, and with them all that was answered."""
    before = primary(name)
    with ThreadPoolExecutor() as threads:
        for killed in [threads.submit(kill, pod) for pod in cluster(name)["status"]["instanceNames"]]:
            killed.result()
    wait_healthy(name)
    wait_ready()
    return f"{before}, then {primary(name)} is"


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


def fence_the_standbys(name: str) -> None:
    """Stop PostgreSQL in them, as an administrator may; nothing is committed until :func:`fence_nobody`."""
    told = cluster(name)["status"]
    _fence(name, [one for one in told["instanceNames"] if one != told["currentPrimary"]])


def fence_nobody(name: str) -> None:
    """Let all instances run."""
    _fence(name, [])


def primary(name: str = MAIN) -> str:
    """The pod of the instance that takes writes."""
    return str(cluster(name)["status"]["currentPrimary"])


def wait_healthy(name: str = MAIN, within_s: float = 300) -> None:
    """Return when every instance is ready, there is the primary that the operator wants, and all others follow it.

    One that has gone another way is made anew, as docs/runbooks/incidents.md has it. Raises :class:`Missing` where the
    primary is the one that has: then what was committed is lost.
    """

    def healthy() -> bool:
        told = cluster(name)
        status = told.get("status", {})
        leads = status.get("currentPrimary")
        if not leads or leads != status.get("targetPrimary"):
            return False
        try:
            follow = sql(leads, _FOLLOWERS).split()
        except nodes.Refused:  # it doesn't run yet
            return False
        for one in {pod.removeprefix("pod/") for pod in pods(name)} - {leads, *follow}:
            _make_anew_if_astray(one)
        all_there = (told["spec"]["instances"], _HEALTHY) == (status.get("readyInstances"), status.get("phase"))
        return all_there and len(follow) == told["spec"]["instances"] - 1

    nodes.until(healthy, f"all instances of {name} are ready", within_s)


def wait_backed_up(name: str = MAIN) -> None:
    """Return when the archive that a cluster writes has a base backup."""
    archive = archive_of(name)

    def backed_up() -> bool:
        words = ("get", "backups.postgresql.cnpg.io", "-l", f"cnpg.io/scheduled-backup={archive}", "-o", "json")
        found = json.loads(nodes.kubectl("-n", NAMESPACE, *words))["items"]
        failed = [one["status"].get("error") for one in found if one.get("status", {}).get("phase") == "failed"]
        if failed:
            raise Missing(f"the backup of {name} failed: {failed}")
        return any(one.get("status", {}).get("phase") == "completed" for one in found)

    nodes.until(backed_up, f"the archive of {name} has a base backup", 600)


def back_up(name: str) -> None:
    """Make a base backup now, and not when its time is; return when it is there."""
    backup = f"{name}-now"
    spec = {"cluster": {"name": name}, "method": "plugin", "pluginConfiguration": {"name": PLUGIN}}
    nodes.apply(named("Backup", backup, NAMESPACE, "postgresql.cnpg.io/v1", spec=spec))

    def there() -> bool:
        words = ("get", "backups.postgresql.cnpg.io", backup, "-o", "json")
        status = json.loads(nodes.kubectl("-n", NAMESPACE, *words)).get("status", {})
        if status.get("phase") == "failed":
            raise Missing(f"the backup of {name} failed: {status.get('error')}")
        return bool(status.get("phase") == "completed")

    nodes.until(there, f"a base backup of {name} is made", 600)


def archive_of(name: str) -> str:
    """The archive that a cluster writes."""
    (archive,) = (str(one["parameters"]["serverName"]) for one in cluster(name)["spec"]["plugins"])
    return archive


def archive_now(name: str = MAIN) -> None:
    """Return when all that was committed is in the archive, and one commit after it."""
    statements = "SELECT pg_current_xact_id();\nSELECT pg_walfile_name(pg_switch_wal());\n"
    *_, segment = sql(primary(name), statements).split()

    def archived() -> bool:
        last = sql(primary(name), "SELECT last_archived_wal FROM pg_stat_archiver").strip()
        return _holds(last, segment)

    nodes.until(archived, f"{segment} of {name} is in the archive", 300)


def sql(pod: str, statements: str) -> str:
    """What psql says in an instance, without heads, as PostgreSQL's administrator."""
    words = ("psql", "-d", "evote", "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-")
    return nodes.kubectl("-n", NAMESPACE, "exec", "-i", pod, "-c", "postgres", "--", *words, stdin=statements)


def pods(name: str) -> list[str]:
    """Of a cluster, all that are there."""
    words = ("get", "pods", "-l", f"cnpg.io/cluster={name}", "-o", "name")
    return nodes.kubectl("-n", NAMESPACE, *words).split()


def cluster(name: str = MAIN) -> dict[str, Any]:
    """As Kubernetes has it."""
    found: dict[str, Any] = json.loads(nodes.kubectl("-n", NAMESPACE, "get", KIND, name, "-o", "json"))
    return found


def probe(name: str, archive: str, outside: str) -> Iterator[str]:
    """What the primary's pod reaches, and must not; raises :class:`Missing`.

    Of what stands beside the release, its own policy alone keeps it from anything: others let everybody in.

    Args:
        archive: the store of its backups, by address and port.
        outside: something beside the cluster that others of the release reach, by address and port.
    """
    words = ("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns", "-o", "jsonpath={.items[0].status.podIP}")
    names = nodes.kubectl(*words)
    broker, address = next(iter(servers.broker_addresses().items()))
    beside = {
        f"{names}:53": ("names", True),
        f"{names}:8080": ("another port of who knows names", False),
        f"{nodes.API}:{nodes.API_PORT}": ("Kubernetes", True),
        archive: ("its archive", True),
        f"{address}:{servers.KAFKA_PORT}": (f"a broker beside its archive, {broker.partition('.')[0]}", False),
        outside: ("a machine outside", False),
    }
    yield from probes.reach(
        f"{name}'s primary", (NAMESPACE, primary(name), "postgres"), partial(may_follow, name), beside
    )


def may_follow(name: str, labels: Mapping[str, str], port: str) -> bool:
    """Of the release's pods, an instance reaches the other ones of its cluster, at the ports for that."""
    return labels.get("cnpg.io/cluster") == name and port in _EACH_OTHERS


def _holds(last: str, segment: str) -> bool:
    """Whether an archive whose last file is this has a segment of the log: timeline, then its place in it.

    Of another timeline nothing follows, nor of what is named like a segment and is none: the ``.partial`` one in which
    a timeline ended, a ``.backup``, a ``.history``.
    """
    return last.isalnum() and last[:8] == segment[:8] and last >= segment


def _make_anew_if_astray(instance: str) -> None:
    """Delete an instance that says so, with its volume: the operator makes another one of the primary."""
    words = ("-n", NAMESPACE, "logs", instance, "-c", "postgres", "--since=20s")
    try:
        said = nodes.kubectl(*words)
    except nodes.Refused:  # it doesn't run
        return
    if _AHEAD in said:
        raise Missing(f"{instance} has what its primary lacks: what was committed is lost")
    if _ASTRAY in said:
        nodes.kubectl("-n", NAMESPACE, "delete", f"pvc/{instance}", f"pod/{instance}", "--wait=false")
        print(f"{instance} had gone another way than its primary, and is made anew", flush=True)


def _fence(name: str, instances: Sequence[str]) -> None:
    fenced = {"cnpg.io/fencedInstances": json.dumps(instances) if instances else None}
    patch = {"metadata": {"annotations": fenced}}
    nodes.kubectl("-n", NAMESPACE, "patch", KIND, name, "--type=merge", "-p", json.dumps(patch))


def _wait(deployment: str) -> None:
    words = ("rollout", "status", f"deployment/{deployment}", "--timeout=300s")
    nodes.kubectl("-n", _SYSTEM, *words, timeout_s=330)


def _operator(image: Bundle) -> Iterator[Resource]:
    version, folder = programs.sources(programs.CLOUDNATIVEPG, _MODULE)
    release = (folder / f"releases/cnpg-{version.removeprefix('v')}.yaml").read_text("utf-8")
    for resource in yaml.safe_load_all(release):
        if resource["kind"] == "Deployment":
            run_here(resource, image, {"OPERATOR_IMAGE_NAME": image.reference})
        yield resource


def _plugin(images: Mapping[str, Bundle], folder: Path) -> Iterator[Resource]:
    """Its release's own, with certificates of ours: there is no cert-manager here that would issue them."""
    _, sources = programs.sources(programs.BARMAN_CLOUD, _PLUGINS_MODULE)
    for resource in yaml.safe_load_all((sources / "manifest.yaml").read_text("utf-8")):
        if resource["apiVersion"].startswith("cert-manager.io/"):
            continue
        if resource["kind"] == "Deployment":
            run_here(resource, images["barman-plugin"], {"SIDECAR_IMAGE": images["barman-sidecar"].reference})
        yield resource
    # The client's is its own authority: asked for one that the plugin trusts, which is that certificate itself, the
    # operator would send no other.
    client = Authority(f"{_BARMAN}-client", folder)
    server = Authority(f"{_BARMAN}-server", folder).issue(_BARMAN, _BARMAN, ends=[_BARMAN])
    for end, (certificate, key) in {"server": server, "client": (client.certificate, client.key)}.items():
        data = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
        # By this label the operator is allowed to read it, and reads it anew.
        secret = named("Secret", f"{_BARMAN}-{end}-tls", _SYSTEM, type="kubernetes.io/tls", stringData=data)
        secret["metadata"]["labels"] = {"cnpg.io/reload": "true"}
        yield secret


def _away_from_the_first() -> str:
    """The primary, on a machine that may stop: on the first are Kafka, names, the operator and people's way in."""
    before = primary()
    if _node_of(before) != "node1":
        return before
    others: list[str] = [name for name in cluster()["status"]["instanceNames"] if name != before]
    patch = {"status": {"targetPrimary": others[0], "phase": "Switchover in progress"}}
    words = ("patch", KIND, MAIN, "--subresource=status", "--type=merge")
    nodes.kubectl("-n", NAMESPACE, *words, "-p", json.dumps(patch))
    nodes.until(lambda: primary() == others[0], f"{others[0]} is primary", 180)
    wait_healthy()
    return others[0]


def _another_that_serves(before: str) -> str | None:
    now = primary()
    return now if now != before else None


def _node_of(pod: str) -> str:
    return nodes.kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
