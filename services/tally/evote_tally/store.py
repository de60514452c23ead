"""Reads the projection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg
from evote_eventlog.events import (
    CredentialsPublished,
    ElectionClosed,
    ElectionDrafted,
    ResultCertified,
    RollFrozen,
    Topic,
)
from evote_eventlog.record import RecordPosition

from .domain.counting import CloseMarker
from .domain.election import Data, Election, election_from
from .domain.facts import FACT_CLASSES, Fact, FactKey
from .domain.refusals import UnknownElection

Connection: TypeAlias = "asyncpg.Connection | asyncpg.pool.PoolConnectionProxy"
"""A connection, of the pool or not."""

PROJECTION_NAME: Final = "tally"
"""Names the rows of ``consumer_offsets`` that say how far the tables are; never changes."""

_CLASSES = {kind.__name__: kind for kind in FACT_CLASSES}
_OVERVIEW_KINDS = [kind.__name__ for kind in (ElectionDrafted, RollFrozen, ElectionClosed, ResultCertified)]


async def load_election(connection: Connection, election_uuid: str) -> Election:
    """The state of an election.

    Raises:
        UnknownElection: when it wasn't drafted.
    """
    rows = await connection.fetch(
        "SELECT kind, time, data FROM facts WHERE election_uuid = $1 ORDER BY topic, partition, log_offset",
        election_uuid,
    )
    return election_from(election_uuid, [_fact(row["kind"], row["time"], row["data"]) for row in rows])


async def find_event(connection: Connection, election_uuid: str, kind: type[Data]) -> Data | None:
    """The election's event of a kind that is no trustee's, without reading the others.

    Raises:
        UnknownElection: when the election wasn't drafted.
    """
    rows = await connection.fetch(
        "SELECT kind, data FROM facts WHERE election_uuid = $1 AND kind = ANY($2::text[])",
        election_uuid,
        [ElectionDrafted.__name__, kind.__name__],
    )
    data = {row["kind"]: row["data"] for row in rows}
    if ElectionDrafted.__name__ not in data:
        raise UnknownElection(election_uuid)
    text = data.get(kind.__name__)
    return None if text is None else kind.model_validate_json(text)


@dataclass(frozen=True)
class ElectionOverview:
    """What the public sees of an election without its long texts; ``times`` are RFC 3339 UTC by event."""

    draft: ElectionDrafted
    times: Mapping[FactKey, str]
    roll: RollFrozen | None
    closed: ElectionClosed | None
    certified: ResultCertified | None


async def load_overview(connection: Connection, election_uuid: str) -> ElectionOverview:
    """The overview of one election.

    Raises:
        UnknownElection: when it wasn't drafted.
    """
    overviews = await _overviews(connection, election_uuid)
    if not overviews:
        raise UnknownElection(election_uuid)
    return overviews[0]


async def load_overviews(connection: Connection) -> list[ElectionOverview]:
    """The overviews of all elections, in the order of their drafting."""
    return await _overviews(connection, None)


async def _overviews(connection: Connection, election_uuid: str | None) -> list[ElectionOverview]:
    rows = await connection.fetch(
        "SELECT election_uuid, kind, trustee, time, CASE WHEN kind = ANY($1::text[]) THEN data END AS data"
        " FROM facts WHERE $2::text IS NULL OR election_uuid = $2 ORDER BY topic, partition, log_offset",
        _OVERVIEW_KINDS,
        election_uuid,
    )
    elections: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        elections.setdefault(row["election_uuid"], []).append(row)
    return [overview for found in elections.values() if (overview := _overview(found)) is not None]


def _overview(rows: list[asyncpg.Record]) -> ElectionOverview | None:
    data = {row["kind"]: row["data"] for row in rows if row["data"] is not None}
    draft = data.get(ElectionDrafted.__name__)
    if draft is None:
        return None
    roll = data.get(RollFrozen.__name__)
    closed = data.get(ElectionClosed.__name__)
    certified = data.get(ResultCertified.__name__)
    return ElectionOverview(
        ElectionDrafted.model_validate_json(draft),
        {FactKey(row["kind"], row["trustee"]): row["time"] for row in rows},
        None if roll is None else RollFrozen.model_validate_json(roll),
        None if closed is None else ElectionClosed.model_validate_json(closed),
        None if certified is None else ResultCertified.model_validate_json(certified),
    )


async def open_elections(connection: Connection) -> list[str]:
    """The elections that are open and not closed."""
    return await _with_without(connection, "ElectionOpened", "ElectionClosed")


async def uncounted_elections(connection: Connection) -> list[str]:
    """The elections that are closed and have no result."""
    return await _with_without(connection, "ElectionClosed", "ResultComputed")


async def _with_without(connection: Connection, happened: str, missing: str) -> list[str]:
    rows = await connection.fetch(
        "SELECT election_uuid FROM facts AS f WHERE kind = $1 AND NOT EXISTS ("
        "  SELECT FROM facts AS g WHERE g.election_uuid = f.election_uuid AND g.kind = $2"
        ") ORDER BY election_uuid",
        happened,
        missing,
    )
    return [row["election_uuid"] for row in rows]


async def credential_parts(connection: Connection, election_uuid: str) -> list[CredentialsPublished]:
    """The parts of the public credentials that auth published."""
    rows = await connection.fetch(
        "SELECT data FROM credential_parts WHERE election_uuid = $1 ORDER BY credentials_sha256, part",
        election_uuid,
    )
    return [CredentialsPublished.model_validate_json(row["data"]) for row in rows]


async def frozen_credentials(
    connection: Connection, election_uuid: str, credentials_sha256: str
) -> tuple[str, ...] | None:
    """The public credentials of the list with this hash; None while a part isn't projected."""
    rows = await connection.fetch(
        "SELECT data FROM credential_parts WHERE election_uuid = $1 AND credentials_sha256 = $2 ORDER BY part",
        election_uuid,
        credentials_sha256,
    )
    parts = [CredentialsPublished.model_validate_json(row["data"]) for row in rows]
    if not parts or [part.part for part in parts] != list(range(parts[0].parts)):
        return None
    return tuple(credential for part in parts for credential in part.credentials)


async def close_markers(connection: Connection, election_uuid: str) -> tuple[CloseMarker, ...]:
    """The close markers of an election, with their indexes in the public log."""
    rows = await connection.fetch(
        "SELECT m.partition, m.partitions, e.log_index FROM close_markers AS m"
        " LEFT JOIN ballot_entries AS e USING (partition, log_offset)"
        " WHERE m.election_uuid = $1 ORDER BY m.partition, m.log_offset",
        election_uuid,
    )
    return tuple(CloseMarker(row["partition"], row["partitions"], row["log_index"]) for row in rows)


async def checkpoint_over(connection: Connection, log_index: int) -> int:
    """The size of the first checkpoint that covers the entry of this index."""
    size: int = await connection.fetchval("SELECT min(size) FROM checkpoints WHERE size > $1", log_index)
    return size


async def log_end(connection: Connection) -> int:
    """One past the last log index before which every logged ballot is projected.

    The ledger topic may be projected ahead of the ballots topic. An export that skipped the ballots
    that are missing would not be a prefix of a later one.
    """
    end: int = await connection.fetchval(
        "SELECT COALESCE("
        "  (SELECT min(e.log_index) FROM ballot_entries AS e LEFT JOIN consumer_offsets AS o"
        "    ON o.projection = $1 AND o.topic = $2 AND o.partition = e.partition"
        "    WHERE e.log_offset >= COALESCE(o.next_offset, 0)),"
        "  (SELECT max(log_index) + 1 FROM ballot_entries), 0)",
        PROJECTION_NAME,
        Topic.BALLOTS.value,
    )
    return end


async def logged_ballots(
    connection: Connection, election_uuid: str, *, after: int, before: int, limit: int
) -> list[tuple[int, str]]:
    """Ballots with their log indexes, ``after`` < index < ``before``, in the log's order."""
    rows = await connection.fetch(
        "SELECT e.log_index, b.ballot FROM ballot_entries AS e"
        " JOIN ballots AS b USING (partition, log_offset)"
        " WHERE b.election_uuid = $1 AND e.log_index > $2 AND e.log_index < $3"
        " ORDER BY e.log_index LIMIT $4",
        election_uuid,
        after,
        before,
        limit,
    )
    return [(row["log_index"], row["ballot"]) for row in rows]


@dataclass(frozen=True)
class CountedBallot:
    """The last ballot of a credential, with its index in the public log."""

    log_index: int
    credential: str
    ballot: str


async def counted_ballots(
    connection: Connection, election_uuid: str, *, before: int, page: int
) -> AsyncIterator[list[CountedBallot]]:
    """The last ballot of each credential by log index, in pages; needs an open transaction."""
    cursor = await connection.cursor(
        "SELECT e.log_index, b.credential, b.ballot FROM ("
        "  SELECT max(e.log_index) AS log_index FROM ballot_entries AS e"
        "    JOIN ballots AS b USING (partition, log_offset)"
        "    WHERE b.election_uuid = $1 AND e.log_index < $2 GROUP BY b.credential"
        ") AS last JOIN ballot_entries AS e USING (log_index)"
        " JOIN ballots AS b USING (partition, log_offset) ORDER BY e.log_index",
        election_uuid,
        before,
    )
    while rows := await cursor.fetch(page):
        yield [CountedBallot(row["log_index"], row["credential"], row["ballot"]) for row in rows]


async def is_projected(connection: Connection, position: RecordPosition) -> bool:
    """Whether the projection has applied the record at this position, on whatever replica."""
    next_offset = await connection.fetchval(
        "SELECT next_offset FROM consumer_offsets WHERE projection = $1 AND topic = $2 AND partition = $3",
        PROJECTION_NAME,
        position.topic.value,
        position.partition,
    )
    return next_offset is not None and next_offset > position.offset


def _fact(kind: str, time: str, data: str) -> Fact:
    return Fact(_CLASSES[kind].model_validate_json(data), time)
