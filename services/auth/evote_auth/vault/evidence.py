"""Sealed evidence, and the releases that it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg

from . import Connection


async def keep_evidence(
    connection: Connection, election_uuid: str, voter_ref: str, evidence_sha256: str, sealed: bytes
) -> None:
    """Store sealed evidence."""
    await connection.execute(
        "INSERT INTO vault_evidence VALUES ($1, $2, $3, $4)", evidence_sha256, election_uuid, voter_ref, sealed
    )


@dataclass(frozen=True)
class EvidencedRelease:
    """A CredentialReleased event and the evidence that it names; None when the vault has no such evidence."""

    partition: int
    offset: int
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


async def evidenced_releases(pool: asyncpg.Pool, election_uuid: str) -> AsyncIterator[EvidencedRelease]:
    """The election's releases in the order of the log, as of one moment."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = connection.cursor(
            "SELECT partition, log_offset, evidence_sha256, sealed FROM releases"
            " LEFT JOIN vault_evidence USING (election_uuid, evidence_sha256)"
            " WHERE election_uuid = $1 ORDER BY partition, log_offset",
            election_uuid,
        )
        async for row in rows:
            yield EvidencedRelease(row["partition"], row["log_offset"], row["evidence_sha256"], row["sealed"])
