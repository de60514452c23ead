"""Events → PostgreSQL. Every row follows from one topic's events alone; tables are joined when they are read."""

from __future__ import annotations

import asyncpg
import structlog
from evote_belenios.admission import Admissions, ballot_digest
from evote_belenios.errors import BeleniosError
from evote_eventlog.events import (
    AnchorVerified,
    BallotAccepted,
    BallotBoxClosed,
    CheckpointSigned,
    CheckpointWitnessed,
    CredentialsPublished,
    ElectionAbandoned,
    ElectionClosed,
    ElectionOpened,
    Topic,
)
from evote_eventlog.record import Record
from evote_platform.clock import rfc3339

from .domain.cast import ciphertext_digests

_log = structlog.get_logger(__name__)


class BallotProjection:
    """What ballot knows of the log: elections, credentials, ballots, their order, and who vouches for it."""

    name = "ballot"
    topics = frozenset({Topic.ELECTIONS, Topic.IDENTITY, Topic.BALLOTS, Topic.LEDGER})
    tables = (
        "elections",
        "abandoned_elections",
        "closed_elections",
        "credentials",
        "ballots",
        "ciphertexts",
        "close_markers",
        "log_entries",
        "checkpoints",
        "witnessed_sizes",
        "verified_anchors",
    )

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        """Apply one record; events that ballot has no use for change nothing."""
        match record.envelope.data:
            case ElectionAbandoned() as abandoned:
                await connection.execute(
                    "INSERT INTO abandoned_elections VALUES ($1) ON CONFLICT DO NOTHING", abandoned.election_uuid
                )
            case ElectionOpened() as opened:
                await _apply_opened(connection, opened)
            case ElectionClosed() as closed:
                await connection.execute(
                    "INSERT INTO closed_elections VALUES ($1) ON CONFLICT DO NOTHING", closed.election_uuid
                )
            case CredentialsPublished() as published:
                await _apply_credentials(connection, published)
            case BallotAccepted() as accepted:
                await _apply_ballot(connection, record, accepted)
            case BallotBoxClosed() as marker:
                await connection.execute(
                    "INSERT INTO close_markers VALUES ($1, $2, $3, $4)",
                    record.position.partition,
                    record.position.offset,
                    marker.election_uuid,
                    marker.partitions,
                )
            case CheckpointSigned() as checkpoint:
                await _apply_checkpoint(connection, checkpoint)
            case CheckpointWitnessed() as witnessed:
                await connection.execute(
                    "INSERT INTO witnessed_sizes VALUES ($1) ON CONFLICT DO NOTHING", witnessed.size
                )
            case AnchorVerified() as anchor:
                await connection.execute(
                    "INSERT INTO verified_anchors VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                    anchor.ledger,
                    anchor.size,
                    anchor.chain,
                    anchor.transaction,
                    anchor.block,
                )


async def _apply_opened(connection: asyncpg.Connection, opened: ElectionOpened) -> None:
    await connection.execute(
        # Of a writer that lost its lock: the abandonment before it stands, and nobody may vote in what nobody counts.
        "INSERT INTO elections SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS"
        " (SELECT FROM abandoned_elections WHERE election_uuid = $1) ON CONFLICT DO NOTHING",
        opened.election_uuid,
        opened.election_json,
        opened.credentials_sha256,
        opened.opens_at,
        opened.closes_at,
    )


async def _apply_credentials(connection: asyncpg.Connection, published: CredentialsPublished) -> None:
    await connection.execute(
        "INSERT INTO credentials (election_uuid, credentials_sha256, credential)"
        " SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING",
        published.election_uuid,
        published.credentials_sha256,
        # A weight is the tally's business; the list tells who may vote.
        [credential.partition(",")[0] for credential in published.credentials],
    )


async def _apply_ballot(connection: asyncpg.Connection, record: Record, cast: BallotAccepted) -> None:
    """Only admitted ballots have a row: all that the rule asks for stands before the record in its own partition."""
    try:
        digest = ballot_digest(cast)
        admissions = await _admissions(connection, cast, digest)
        marker = await connection.fetchval(
            "SELECT min(log_offset) FROM close_markers WHERE election_uuid = $1 AND partition = $2",
            cast.election_uuid,
            record.position.partition,
        )
        admissions.admit(cast, box_closed=marker is not None and marker < record.position.offset)
    except BeleniosError as refusal:
        _log.warning("not-admitted", rule=refusal.rule, position=record.position)
        return
    await connection.execute(
        "INSERT INTO ballots VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        record.position.partition,
        record.position.offset,
        cast.election_uuid,
        cast.credential,
        cast.tracker,
        cast.ballot,
        rfc3339(record.envelope.time),
        cast.order.number,
        cast.order.signature.challenge,
        cast.order.signature.response,
        record.value,
    )
    await connection.execute(
        "INSERT INTO ciphertexts (election_uuid, digest, tracker)"
        " SELECT $1, unnest($2::text[]), $3 ON CONFLICT DO NOTHING",
        cast.election_uuid,
        list(ciphertext_digests(cast.ballot)),
        cast.tracker,
    )


async def _admissions(connection: asyncpg.Connection, cast: BallotAccepted, digest: bytes) -> Admissions:
    """What the tables say of the record's ballot and credential."""
    row = await connection.fetchrow(
        "SELECT COALESCE(max(number), 0) AS last_number, COALESCE(bool_or(tracker = $3), false) AS stands"
        " FROM ballots WHERE election_uuid = $1 AND credential = $2",
        cast.election_uuid,
        cast.credential,
        cast.tracker,
    )
    assert row is not None  # noqa: S101 - an aggregate gives one row
    return Admissions({digest} if row["stands"] else set(), {cast.credential: row["last_number"]})


async def _apply_checkpoint(connection: asyncpg.Connection, checkpoint: CheckpointSigned) -> None:
    entries = [
        (checkpoint.previous_size + number, entry.partition, entry.offset, checkpoint.size)
        for number, entry in enumerate(checkpoint.entries)
        if entry.topic == Topic.BALLOTS.value
    ]
    await connection.execute("INSERT INTO checkpoints VALUES ($1) ON CONFLICT DO NOTHING", checkpoint.size)
    await connection.executemany("INSERT INTO log_entries VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", entries)
