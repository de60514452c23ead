"""Events → PostgreSQL. Every row follows from one topic's events alone; tables are joined when they are read."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import structlog
from evote_belenios.admission import Admissions, ExaminedCast, examine_casts
from evote_belenios.ballots import digest_of
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

    async def apply_all(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        """Apply records, the ballots among them with a few statements for them all."""
        casts: list[tuple[Record, BallotAccepted]] = []
        for record in records:
            if isinstance(record.envelope.data, BallotAccepted):
                casts.append((record, record.envelope.data))
            else:
                # Before the ballots: whether a close marker stands before one of them, its place tells.
                await self.apply(connection, record)
        await _apply_ballots(connection, casts)

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
                await _apply_ballots(connection, [(record, accepted)])
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


async def _apply_ballots(connection: asyncpg.Connection, casts: Sequence[tuple[Record, BallotAccepted]]) -> None:
    """Only admitted ballots have a row: all that the rule asks for stands before the record in its own partition."""
    # One that contradicts itself names what may be none's, or no text for a table: nothing is asked about it.
    consistent = [
        (record, cast, examined)
        for (record, cast), examined in zip(casts, examine_casts([cast for _, cast in casts]), strict=True)
        if _is_consistent(record, examined)
    ]
    if not consistent:
        return
    admissions, markers = await _standing_before(connection, [(record, cast) for record, cast, _ in consistent])
    admitted: list[tuple[Record, BallotAccepted]] = []
    for record, cast, examined in consistent:
        marker = markers.get((cast.election_uuid, record.position.partition))
        try:
            admissions[cast.election_uuid].admit(
                examined, box_closed=marker is not None and marker < record.position.offset
            )
        except BeleniosError as refusal:
            _refused(record, refusal)
        else:
            admitted.append((record, cast))
    ciphertexts = [
        (cast.election_uuid, digest, cast.tracker) for _, cast in admitted for digest in ciphertext_digests(cast.ballot)
    ]
    await connection.execute(
        "WITH taken AS (INSERT INTO ballots SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[],"
        " $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::bytea[]))"
        "INSERT INTO ciphertexts (election_uuid, digest, tracker)"
        " SELECT * FROM unnest($12::text[], $13::text[], $14::text[]) ON CONFLICT DO NOTHING",
        [record.position.partition for record, _ in admitted],
        [record.position.offset for record, _ in admitted],
        [cast.election_uuid for _, cast in admitted],
        [cast.credential for _, cast in admitted],
        [cast.tracker for _, cast in admitted],
        [cast.ballot for _, cast in admitted],
        [rfc3339(record.envelope.time) for record, _ in admitted],
        [cast.order.number for _, cast in admitted],
        [cast.order.signature.challenge for _, cast in admitted],
        [cast.order.signature.response for _, cast in admitted],
        [record.value for record, _ in admitted],
        [election_uuid for election_uuid, _, _ in ciphertexts],
        [digest for _, digest, _ in ciphertexts],
        [tracker for _, _, tracker in ciphertexts],
    )


def _is_consistent(record: Record, examined: ExaminedCast) -> bool:
    if isinstance(examined.digest, BeleniosError):
        _refused(record, examined.digest)
        return False
    return True


def _refused(record: Record, refusal: BeleniosError) -> None:
    _log.warning("not-admitted", rule=refusal.rule, position=record.position)


async def _standing_before(
    connection: asyncpg.Connection, casts: Sequence[tuple[Record, BallotAccepted]]
) -> tuple[dict[str, Admissions], dict[tuple[str, int], int]]:
    """What the tables say of these casts' credentials, by election, and by election and partition, the place of the
    first close marker."""
    admissions = {cast.election_uuid: Admissions() for _, cast in casts}
    rows = await connection.fetch(
        # A lookup in the index for each: a join would read all ballots, planned while they are few.
        "SELECT asked.*, tracker, number, (SELECT min(log_offset) FROM close_markers AS m"
        "  WHERE m.election_uuid = asked.election_uuid AND m.partition = asked.partition) AS closed_at"
        " FROM unnest($1::text[], $2::integer[], $3::text[]) AS asked (election_uuid, partition, credential)"
        " LEFT JOIN LATERAL (SELECT tracker, number FROM ballots AS b"
        "  WHERE b.election_uuid = asked.election_uuid AND b.credential = asked.credential OFFSET 0) AS found ON true",
        [cast.election_uuid for _, cast in casts],
        [record.position.partition for record, _ in casts],
        [cast.credential for _, cast in casts],
    )
    markers: dict[tuple[str, int], int] = {}
    for row in rows:
        if row["closed_at"] is not None:
            markers[row["election_uuid"], row["partition"]] = row["closed_at"]
        if row["tracker"] is not None:
            found = admissions[row["election_uuid"]]
            found.digests.add(digest_of(row["tracker"]))
            last = found.last_numbers.get(row["credential"]) or 0
            found.last_numbers.put(row["credential"], max(last, row["number"]))
    return admissions, markers


async def _apply_checkpoint(connection: asyncpg.Connection, checkpoint: CheckpointSigned) -> None:
    entries = [
        (index, entry)
        for index, entry in enumerate(checkpoint.entries, checkpoint.previous_size)
        if entry.topic == Topic.BALLOTS.value
    ]
    await connection.execute(
        "WITH signed AS (INSERT INTO checkpoints VALUES ($1) ON CONFLICT DO NOTHING)"
        "INSERT INTO log_entries SELECT *, $1 FROM unnest($2::bigint[], $3::integer[], $4::bigint[])"
        " ON CONFLICT DO NOTHING",
        checkpoint.size,
        [index for index, _ in entries],
        [entry.partition for _, entry in entries],
        [entry.offset for _, entry in entries],
    )
