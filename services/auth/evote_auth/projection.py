"""Events → PostgreSQL: the elections, what of their lists is published, and the releases."""

from __future__ import annotations

import asyncpg
from evote_eventlog.errors import PoisonError
from evote_eventlog.events import (
    CredentialReleased,
    CredentialsPublished,
    ElectionAbandoned,
    ElectionClosed,
    ElectionDrafted,
    ElectionOpened,
    OfficersActed,
    Topic,
)
from evote_eventlog.record import Record


class AuthProjection:
    """What auth knows of the log."""

    name = "auth"
    topics = frozenset({Topic.ELECTIONS, Topic.IDENTITY})
    tables = ("elections", "fates", "closed_elections", "published_parts", "releases", "officers_acts")

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        """Apply one record; events that auth has no use for change nothing."""
        match record.envelope.data:
            case ElectionDrafted() as drafted:
                if "\0" in drafted.name:
                    # PostgreSQL stores no NUL; retrying for ever would stop every election.
                    raise PoisonError("an election's name with a NUL character")
                await connection.execute(
                    "INSERT INTO elections VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    drafted.election_uuid,
                    drafted.name,
                    drafted.group,
                )
            case ElectionOpened() | ElectionAbandoned() as fate:
                # The first one stands. A second one, of a writer that lost its lock, must neither end an election that
                # people vote in nor begin one that was given up.
                await connection.execute(
                    "INSERT INTO fates VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    fate.election_uuid,
                    isinstance(fate, ElectionAbandoned),
                )
            case ElectionClosed() as closed:
                await connection.execute(
                    "INSERT INTO closed_elections VALUES ($1) ON CONFLICT DO NOTHING", closed.election_uuid
                )
            case CredentialsPublished() as published:
                await connection.execute(
                    "INSERT INTO published_parts VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    published.election_uuid,
                    published.credentials_sha256,
                    published.part,
                    published.parts,
                )
            case CredentialReleased() as released:
                await connection.execute(
                    "INSERT INTO releases VALUES ($1, $2, $3, $4)",
                    record.position.partition,
                    record.position.offset,
                    released.election_uuid,
                    released.evidence_sha256,
                )
            case OfficersActed() as acted:
                await connection.execute(
                    "INSERT INTO officers_acts VALUES ($1, $2, $3, $4)",
                    record.position.partition,
                    record.position.offset,
                    acted.election_uuid,
                    acted.evidence_sha256,
                )
