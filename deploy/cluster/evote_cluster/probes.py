"""What a pod reaches and must not, tried from where it runs: a denied arrow, and an allowed one beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from . import nodes
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
# Run with what Debian's smallest image has.
_REACH: Final = "timeout 3 bash -c '</dev/tcp/'$0'/'$1 2>/dev/null && echo reached || echo denied"
_GET: Final = """
timeout 10 bash -c 'exec 3<>/dev/tcp/'$0'/'$1' && printf "GET '$2' HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3'
"""
_ALLOWED: Final = ("ballot to PostgreSQL", "ballot's role, its own schema")


def probe() -> Iterator[str]:
    """Each attempt and how it went; raises :class:`Missing` at the first that is not as it must be."""
    deployment = f"deployment/{RELEASE}-ballot"
    arguments = [f"{RELEASE}-auth", "auth,ledger,tally"]
    told = nodes.kubectl("-n", NAMESPACE, "exec", deployment, "-c", "ballot", "--", "python", "-c", _SCRIPT, *arguments)
    for line in told.splitlines():
        what, _, outcome = line.rpartition(": ")
        wanted = "reached" if what in _ALLOWED else "denied"
        if outcome != wanted:
            raise Missing(f"{line}, and must be {wanted}: the cluster does not hold the policies, or the roles")
        yield line


@dataclass(frozen=True)
class Try:
    """A connection, from a pod of a namespace to a port of the release's pod."""

    what: str
    namespace: str
    pod: str
    to: str
    port: int
    allowed: bool


def hold(tries: Sequence[Try]) -> Iterator[str]:
    """Each and how it went; raises :class:`Missing` at the first that is not as it must be."""
    for one in tries:
        words = ("bash", "-c", _REACH, address(one.to), str(one.port))
        outcome = nodes.kubectl("-n", one.namespace, "exec", one.pod, "--", *words).strip()
        wanted = "reached" if one.allowed else "denied"
        if outcome != wanted:
            raise Missing(f"{one.what}: {outcome}, and must be {wanted}: the cluster does not hold the policies")
        yield f"{one.what}: {outcome}"


def get(namespace: str, pod: str, to: str, port: int, path: str) -> tuple[int, str]:
    """What a pod of the release answers another one: status and body."""
    told = nodes.kubectl("-n", namespace, "exec", pod, "--", "bash", "-c", _GET, address(to), str(port), path)
    head, _, body = told.replace("\r\n", "\n").partition("\n\n")
    return int(head.split()[1]), body


def address(pod: str) -> str:
    """Of the release's pod, its own."""
    return nodes.kubectl("-n", NAMESPACE, "get", "pod", pod, "-o", "jsonpath={.status.podIP}")
