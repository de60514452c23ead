"""Events → PostgreSQL. Every row follows from the events of one topic alone, so replays are exact.

Topics are consumed independently of each other: nothing here reads what another topic wrote, and the
tables are joined only when they are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import asyncpg
from evote_belenios.admission import ballot_digests
from evote_eventlog.events import (
    BallotAccepted,
    BallotBoxClosed,
    CheckpointSigned,
    CredentialsPublished,
    ElectionEventData,
    Topic,
)
from evote_eventlog.record import Record
from evote_platform.clock import rfc3339

from .domain.facts import FACT_CLASSES, FactKey, key_of, stands
from .store import PROJECTION_NAME


class TallyProjection:
    """What tally knows of the log: the elections' facts, the rolls, the ballots and their order."""

    name = PROJECTION_NAME
    topics = frozenset({Topic.ELECTIONS, Topic.TALLY, Topic.IDENTITY, Topic.BALLOTS, Topic.LEDGER})
    # ``examined`` is not written here: a replay empties it, because it follows from the others.
    tables = ("facts", "credential_parts", "ballots", "close_markers", "ballot_entries", "checkpoints", "examined")

    async def apply_all(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        """Apply records, the ballots among them with one statement."""
        casts: list[tuple[Record, BallotAccepted]] = []
        for record in records:
            if isinstance(record.envelope.data, BallotAccepted):
                casts.append((record, record.envelope.data))
            else:
                await self.apply(connection, record)
        await _apply_ballots(connection, casts)

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        """Apply one record; events that tally has no use for change nothing."""
        data = record.envelope.data
        if isinstance(data, FACT_CLASSES):
            await _apply_fact(connection, record, data)
        elif isinstance(data, CredentialsPublished):
            await _apply_credentials(connection, data)
        elif isinstance(data, BallotAccepted):
            await _apply_ballots(connection, [(record, data)])
        elif isinstance(data, BallotBoxClosed):
            await _apply_marker(connection, record, data)
        elif isinstance(data, CheckpointSigned):
            await _apply_checkpoint(connection, data)


async def _apply_fact(connection: asyncpg.Connection, record: Record, data: ElectionEventData) -> None:
    position = record.position
    rows = await connection.fetch(
        "SELECT kind, trustee, renewal FROM facts WHERE election_uuid = $1 AND topic = $2",
        data.election_uuid,
        position.topic.value,
    )
    earlier = {FactKey(row["kind"], row["trustee"], row["renewal"]) for row in rows}
    if not stands(data, earlier):
        return
    key = key_of(data, earlier)
    await connection.execute(
        "INSERT INTO facts (topic, partition, log_offset, election_uuid, kind, trustee, renewal, time, data)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        position.topic.value,
        position.partition,
        position.offset,
        data.election_uuid,
        key.kind,
        key.trustee,
        key.renewal,
        rfc3339(record.envelope.time),
        data.model_dump_json(),
    )


async def _apply_credentials(connection: asyncpg.Connection, data: CredentialsPublished) -> None:
    await connection.execute(
        "INSERT INTO credential_parts (election_uuid, credentials_sha256, part, data)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        data.election_uuid,
        data.credentials_sha256,
        data.part,
        data.model_dump_json(),
    )


async def _apply_ballots(connection: asyncpg.Connection, casts: Sequence[tuple[Record, BallotAccepted]]) -> None:
    # Who contradicts itself the log can't have, and a text that is no ballot's may be none for a table.
    digests = ballot_digests([data for _, data in casts])
    rows = [
        _ballot_row(record, data)
        for (record, data), digest in zip(casts, digests, strict=True)
        if isinstance(digest, bytes)
    ]
    if rows:
        await connection.execute(
            "INSERT INTO ballots SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[], $5::text[],"
            " $6::text[], $7::bigint[], $8::text[], $9::text[], $10::bytea[])",
            *zip(*rows, strict=True),
        )


def _ballot_row(record: Record, data: BallotAccepted) -> tuple[object, ...]:
    return (
        record.position.partition,
        record.position.offset,
        data.election_uuid,
        data.credential,
        data.tracker,
        data.ballot,
        data.order.number,
        data.order.signature.challenge,
        data.order.signature.response,
        _leaf_hash(record),
    )


async def _apply_marker(connection: asyncpg.Connection, record: Record, data: BallotBoxClosed) -> None:
    await connection.execute(
        "INSERT INTO close_markers VALUES ($1, $2, $3, $4, $5)",
        record.position.partition,
        record.position.offset,
        data.election_uuid,
        data.partitions,
        _leaf_hash(record),
    )


async def _apply_checkpoint(connection: asyncpg.Connection, data: CheckpointSigned) -> None:
    entries = [
        (index, entry)
        for index, entry in enumerate(data.entries, data.previous_size)
        if entry.topic == Topic.BALLOTS.value
    ]
    await connection.execute(
        "WITH signed AS (INSERT INTO checkpoints (size, previous_size) VALUES ($1, $2) ON CONFLICT DO NOTHING)"
        "INSERT INTO ballot_entries SELECT * FROM unnest($3::bigint[], $4::integer[], $5::bigint[], $6::bytea[])"
        " ON CONFLICT DO NOTHING",
        data.size,
        data.previous_size,
        [index for index, _ in entries],
        [entry.partition for _, entry in entries],
        [entry.offset for _, entry in entries],
        [bytes.fromhex(entry.leaf_hash) for _, entry in entries],
    )


def _leaf_hash(record: Record) -> bytes:
    """What the log's entry of the record must say (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\0" + record.value).digest()
