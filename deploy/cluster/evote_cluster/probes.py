"""What ballot and the edge reach and must not, tried from their places: a denied arrow, an allowed one beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

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
    print(f"ballot's role, the schema {other}:", asyncio.run(ask(own, f"CREATE TABLE {other}.probe (x int)")))
    print(f"ballot's password, the role evote_{other}:", asyncio.run(ask(as_role(f"evote_{other}"), "SELECT 1")))
"""
_FROM_THE_EDGE: Final = """
import socket, sys, time

def reach(place):
    host, port = place.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=3):
            return "reached"
    except socket.gaierror as error:
        return f"no such name: {error}"
    except OSError:
        return "denied"

allowed, denied = (words.split(",") for words in sys.argv[1:])
until = time.monotonic() + 30
for place in allowed:
    # A new pod's address is not known to the network's rules at once.
    while reach(place) != "reached" and time.monotonic() < until:
        time.sleep(0.2)
    print(f"the edge to {place}: {reach(place)}")
for place in denied:
    print(f"the edge to {place}: {reach(place)}")
"""
_ALLOWED: Final = ("ballot to PostgreSQL", "ballot's role, its own schema")


def probe(python: Bundle) -> Iterator[str]:
    """Each attempt and how it went; raises :class:`Missing` at the first that is not as it must be.

    Args:
        python: an image with Python, which the edge has none of.
    """
    yield from _probe_ballot()
    yield from _probe_edge(python)


def _probe_ballot() -> Iterator[str]:
    deployment = f"deployment/{RELEASE}-ballot"
    arguments = [f"{RELEASE}-auth", "auth,ledger,tally"]
    told = nodes.kubectl("-n", NAMESPACE, "exec", deployment, "-c", "ballot", "--", "python", "-c", _SCRIPT, *arguments)
    for line in told.splitlines():
        what, _, outcome = line.rpartition(": ")
        wanted = "reached" if what in _ALLOWED else "denied"
        if outcome != wanted:
            raise Missing(f"{line}, and must be {wanted}: the cluster does not hold the policies, or the roles")
        yield line


def _probe_edge(python: Bundle) -> Iterator[str]:
    """From a pod that stands where the edge's do, and has their arrows: to the services' public ports and no other."""
    services = [f"{RELEASE}-{name}" for name in ("auth", "ballot", "ledger-anchor", "tally")]
    allowed = [f"{name}.{NAMESPACE}.svc.cluster.local:80" for name in services]
    denied = [f"{name}-management.{NAMESPACE}.svc.cluster.local:8001" for name in services]
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "containers": [
            container(
                "probe", python, command=["/app/bin/python", "-c", _FROM_THE_EDGE, *map(",".join, (allowed, denied))]
            )
        ],
    }
    nodes.apply(named("Pod", "probe", edge.NAMESPACE, spec=pod))
    words = ("-n", edge.NAMESPACE)
    nodes.kubectl(*words, "wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    told = nodes.kubectl(*words, "logs", "probe").splitlines()
    nodes.kubectl(*words, "delete", "pod", "probe", "--now")
    if told != (
        wanted := [
            f"the edge to {place}: {how}"
            for how, places in (("reached", allowed), ("denied", denied))
            for place in places
        ]
    ):
        raise Missing(f"{told}, and must be {wanted}: the cluster does not hold the policies")
    yield from told
