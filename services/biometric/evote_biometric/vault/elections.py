"""Elections' keys, and their end."""

from __future__ import annotations

from ..domain.refusals import TemplatesErased
from ..keys import KEY_BYTES, ElectionKey, MasterKey, Randomness
from . import Connection

_TABLES = (
    "vault_election_keys",
    "vault_templates",
    "vault_orders",
    "vault_verifications",
    "vault_attempts",
    "vault_frames",
)


async def hold_open(connection: Connection, election_uuid: str) -> None:
    """Within a transaction: the election isn't erased before its end.

    Raises:
        TemplatesErased: it is erased, or certified or abandoned and about to be.
    """
    # Shared among requests, exclusive for the erasure: no template slips in behind it.
    await connection.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", election_uuid)
    over = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM vault_erasures WHERE election_uuid = $1)"
        " OR EXISTS (SELECT FROM certified_elections WHERE election_uuid = $1)"
        " OR EXISTS (SELECT FROM fates WHERE election_uuid = $1 AND abandoned)",
        election_uuid,
    )
    if over:
        raise TemplatesErased


async def election_key(
    connection: Connection, election_uuid: str, master: MasterKey, random: Randomness
) -> ElectionKey:
    """The election's key, made when it is first needed; call :func:`hold_open` before.

    Raises:
        MasterKeyChanged: it was wrapped by another master key.
    """
    await connection.execute(
        "INSERT INTO vault_election_keys VALUES ($1, $2) ON CONFLICT DO NOTHING",
        election_uuid,
        master.wrap(random(KEY_BYTES)),
    )
    wrapped = await connection.fetchval(
        "SELECT wrapped_key FROM vault_election_keys WHERE election_uuid = $1", election_uuid
    )
    return master.unwrap(wrapped)


async def erase_election(connection: Connection, election_uuid: str) -> None:
    """Destroy the key and every row, and note how many templates there were; repeating it changes nothing."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", election_uuid)
        templates = await connection.fetchval(
            "SELECT count(*) FROM vault_templates WHERE election_uuid = $1", election_uuid
        )
        await connection.execute(
            "INSERT INTO vault_erasures VALUES ($1, $2, false) ON CONFLICT DO NOTHING", election_uuid, templates
        )
        for table in _TABLES:
            await connection.execute(f"DELETE FROM {table} WHERE election_uuid = $1", election_uuid)  # noqa: S608


async def elections_to_erase(connection: Connection) -> list[str]:
    """Certified and abandoned elections whose erasure hasn't begun."""
    rows = await connection.fetch(
        "SELECT election_uuid FROM certified_elections WHERE election_uuid NOT IN"
        " (SELECT election_uuid FROM vault_erasures)"
        " UNION SELECT election_uuid FROM fates WHERE abandoned AND election_uuid NOT IN"
        " (SELECT election_uuid FROM vault_erasures) ORDER BY election_uuid"
    )
    return [row["election_uuid"] for row in rows]


async def unpublished_erasures(connection: Connection) -> list[tuple[str, int]]:
    """Erased elections, with how many templates they had, whose event isn't known to be in the log."""
    rows = await connection.fetch(
        "SELECT election_uuid, templates FROM vault_erasures WHERE NOT published ORDER BY election_uuid"
    )
    return [(row["election_uuid"], row["templates"]) for row in rows]


async def mark_published(connection: Connection, election_uuid: str) -> None:
    """The erasure's event is durable."""
    await connection.execute("UPDATE vault_erasures SET published = true WHERE election_uuid = $1", election_uuid)
