"""What pods reach and must not, tried from their places: a denied arrow, an allowed one beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

from . import edge, nodes
from .basics import POD_SECURITY, container, named
from .bundles import Bundle
from .programs import Missing
from .release import NAMESPACE, RELEASE

# Run in the replica, with what it has: prints one line for each attempt.
_SCRIPT: Final = """
import asyncio, os, socket, sys
from urllib.parse import urlsplit, urlunsplit
import asyncpg

def reach(host, port):
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            return "reached"
    except socket.gaierror as error:
        return f"no such name: {error}"
    except OSError:
        return "denied"

async def ask(url, statement):
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except asyncpg.InvalidPasswordError:
        return "denied"
    try:
        await connection.fetch(statement)
        return "reached"
    except asyncpg.InsufficientPrivilegeError:
        return "denied"
    finally:
        await connection.close()

def as_role(role):
    own = urlsplit(os.environ["EVOTE_DATABASE_URL"])
    password, place = own.password, own.netloc.rpartition("@")[2]
    return urlunsplit(own._replace(netloc=f"{role}:{password}@{place}"))

own = os.environ["EVOTE_DATABASE_URL"]
database = urlsplit(own)
auth, others = sys.argv[1], sys.argv[2].split(",")
print("ballot to auth:", reach(auth, 80))
print("ballot to auth's management:", reach(auth + "-management", 8001))
print("ballot to PostgreSQL:", reach(database.hostname, database.port))
print("ballot's role, its own schema:", asyncio.run(ask(own, "SELECT * FROM ballot._yoyo_migration LIMIT 1")))
for other in others:
    print(f"ballot's role, a table in {other}:", asyncio.run(ask(own, f"CREATE TABLE {other}.probe (x int)")))
    print(f"ballot's role, a row of {other}:", asyncio.run(ask(own, f"SELECT * FROM {other}._yoyo_migration")))
    print(f"ballot's password, the role evote_{other}:", asyncio.run(ask(as_role(f"evote_{other}"), "SELECT 1")))
print("ballot's role, auth's vault:", asyncio.run(ask(own, "SELECT * FROM auth.vault_evidence")))
"""
# Run in a pod beside the edge's: prints two lines for each service.
_FROM_THE_EDGE: Final = """
import socket, sys, time
from concurrent.futures import ThreadPoolExecutor

def reach(address, port):
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False

def outcome(found):
    return "reached" if all(found) else "denied" if not any(found) else f"differs: {found}"

def outcomes(service):
    found = socket.getaddrinfo(f"{service}-management.NAMESPACE.svc.cluster.local", 8001, type=socket.SOCK_STREAM)
    addresses = [place[0] for *_, place in found]
    until = time.monotonic() + 30
    # A new pod's address is not known at once to the rules of each node.
    while not all([reach(address, 8000) for address in addresses]) and time.monotonic() < until:
        time.sleep(0.2)
    return [
        f"the edge to {service}: {outcome([reach(address, 8000) for address in addresses])}",
        f"the edge to {service}'s management: {outcome([reach(address, 8001) for address in addresses])}",
    ]

with ThreadPoolExecutor() as threads:
    for lines in threads.map(outcomes, sys.argv[1:]):
        print(*lines, sep="\\n")
""".replace("NAMESPACE", NAMESPACE)
# Run in a pod with what Debian's smallest image has: prints one line for each address and port.
REACH: Final = """
for place; do
  { timeout 5 bash -c "</dev/tcp/${place/:/\\/}" 2>/dev/null && echo "$place reached" || echo "$place denied"; } &
done
wait
"""
May = Callable[[Mapping[str, str], str], bool]
"""By a pod's labels and a port's name, whether whoever tries may go there."""
_ALLOWED: Final = ("ballot to PostgreSQL", "ballot's role, its own schema")


def side_by_side(*checks: Callable[[], Iterable[str]]) -> Iterator[str]:
    """What checks tell, of each when it is through; raises what one of them raises.

    Whoever is denied hears nothing, and whoever starts something waits: the processors are others' meanwhile.
    """
    with ThreadPoolExecutor(len(checks)) as threads:
        for told in as_completed([threads.submit(_told, check) for check in checks]):
            yield from told.result()


def _told(check: Callable[[], Iterable[str]]) -> Sequence[str]:
    return list(check())


def probe_ballot() -> Iterator[str]:
    """Each attempt from a replica and how it went; raises :class:`Missing` at the first that is not as it must be."""
    deployment = f"deployment/{RELEASE}-ballot"
    arguments = [f"{RELEASE}-auth", "auth,ledger,tally"]
    told = nodes.kubectl("-n", NAMESPACE, "exec", deployment, "-c", "ballot", "--", "python", "-c", _SCRIPT, *arguments)
    for line in told.splitlines():
        what, _, outcome = line.rpartition(": ")
        wanted = "reached" if what in _ALLOWED else "denied"
        if outcome != wanted:
            raise Missing(f"{line}, and must be {wanted}: the cluster does not hold the policies, or the roles")
        yield line


def probe_edge(python: Bundle) -> Iterator[str]:
    """From a pod that stands where the edge's do, and has their arrows: to the services' public ports and no other.

    Args:
        python: an image with Python, which the edge has none of.
    """
    services = [f"{RELEASE}-{name}" for name in ("auth", "ballot", "ledger-anchor", "tally")]
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "containers": [container("probe", python, command=["/app/bin/python", "-c", _FROM_THE_EDGE, *services])],
    }
    nodes.apply(named("Pod", "probe", edge.NAMESPACE, spec=pod))
    words = ("-n", edge.NAMESPACE)
    nodes.kubectl(*words, "wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=240s")
    told = nodes.kubectl(*words, "logs", "probe")
    nodes.kubectl(*words, "delete", "pod", "probe", "--now")
    wanted = [(f"the edge to {one}: reached", f"the edge to {one}'s management: denied") for one in services]
    if told.splitlines() != [line for both in wanted for line in both]:
        raise Missing(f"{told}\nThe edge must reach each service's public port, and no other port of it.")
    yield from told.splitlines()


def reach(
    who: str, place: tuple[str, str, str], may: May, beside: Mapping[str, tuple[str, bool]] = MappingProxyType({})
) -> Iterator[str]:
    """All ports of the release's pods, and some places beside it, tried from a pod; raises :class:`Missing`.

    The policies let others to the ports that are denied here, so something listens there.

    Args:
        who: the pod, in words.
        place: its namespace, its name, its container.
        may: whether it may go to a port of the release's pods.
        beside: by address and port others, in words, and whether it may go there.
    """
    namespace, pod, container_name = place
    found = json.loads(nodes.kubectl("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"]
    # From a pod to itself no policy says anything.
    others = [one for one in found if (one["metadata"]["namespace"], one["metadata"]["name"]) != (namespace, pod)]
    places = {
        **arrows(who, others, may),
        **{where: (f"{who} to {what}", wanted) for where, (what, wanted) in beside.items()},
    }

    outcomes: dict[str, str] = {}

    def settled() -> bool:
        words = ("bash", "-c", REACH, "bash", *places)
        told = nodes.kubectl("-n", namespace, "exec", pod, "-c", container_name, "--", *words)
        outcomes.update(dict(map(str.split, told.splitlines())))
        return all(outcomes.get(where) == "reached" for where, (_, wanted) in places.items() if wanted)

    # A new pod's address is not known at once to the rules of each node. What is denied for good, the judge names.
    with suppress(Missing):
        nodes.until(settled, f"{who} reaches what it may", 30)
    yield from judge(places, outcomes)


def arrows(who: str, pods: Sequence[Mapping[str, Any]], may: May) -> Mapping[str, tuple[str, bool]]:
    """By address and port all ports that pods which run have: what is tried there, and whether ``who`` may."""
    return {
        f"{pod['status']['podIP']}:{port['containerPort']}": (
            f"{who} to {pod['metadata']['name']}'s port {port['name']}",
            may(pod["metadata"].get("labels", {}), port["name"]),
        )
        for pod in pods
        if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
    }


def judge(places: Mapping[str, tuple[str, bool]], outcomes: Mapping[str, str]) -> Iterator[str]:
    """Each attempt and how it went; raises :class:`Missing` at the first that is not as it must be."""
    for place, (what, allowed) in places.items():
        outcome, wanted = outcomes.get(place), "reached" if allowed else "denied"
        if outcome != wanted:
            raise Missing(f"{what}: {outcome}, and must be {wanted}: the cluster does not hold the policies")
        yield f"{what}: {outcome}"
