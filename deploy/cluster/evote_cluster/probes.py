"""What ballot reaches and must not, tried from a running replica: a denied arrow, and an allowed one beside it."""

from __future__ import annotations

from collections.abc import Iterator
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
