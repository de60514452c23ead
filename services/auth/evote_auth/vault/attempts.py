"""Failed attempts by certificate, counted over all replicas."""

from __future__ import annotations

from datetime import datetime

from ..domain.attempts import FORGOTTEN_AFTER, Failures
from . import Connection


async def failures_of(connection: Connection, election_uuid: str, fingerprint: str) -> Failures | None:
    """The certificate's failures since its last success."""
    row = await connection.fetchrow(
        "SELECT failures, last_at FROM vault_failures WHERE election_uuid = $1 AND fingerprint = $2",
        election_uuid,
        fingerprint,
    )
    return None if row is None else Failures(row["failures"], row["last_at"])


async def count_failure(connection: Connection, election_uuid: str, fingerprint: str, now: datetime) -> None:
    """Add one, beginning again when the last one is forgotten; old counts of others are dropped."""
    forgotten = now - FORGOTTEN_AFTER
    await connection.execute("DELETE FROM vault_failures WHERE last_at <= $1", forgotten)
    await connection.execute(
        "INSERT INTO vault_failures AS f VALUES ($1, $2, 1, $3) ON CONFLICT (election_uuid, fingerprint)"
        " DO UPDATE SET failures = f.failures + 1, last_at = greatest(f.last_at, $3)",
        election_uuid,
        fingerprint,
        now,
    )


async def forget_failures(connection: Connection, election_uuid: str, fingerprint: str) -> None:
    """After a success."""
    await connection.execute(
        "DELETE FROM vault_failures WHERE election_uuid = $1 AND fingerprint = $2", election_uuid, fingerprint
    )
