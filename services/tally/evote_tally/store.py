"""Reads the projection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg
from evote_eventlog.events import (
    CredentialsPublished,
    ElectionClosed,
    ElectionDrafted,
    ElectionEventData,
    ElectionOpened,
    OfficersCommand,
    ResultCertified,
    RollFrozen,
    Topic,
    TrusteeKeyRenewed,
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
_COMMANDED_KINDS = [kind.__name__ for kind in FACT_CLASSES if "command" in kind.model_fields]
_OVERVIEW_KINDS = [
    kind.__name__ for kind in (ElectionDrafted, RollFrozen, ElectionClosed, ResultCertified, TrusteeKeyRenewed)
]


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
    """What the public sees of an election without its long texts; ``times`` are RFC 3339 UTC by event, ``keys`` the
    trustees' renewed ones."""

    draft: ElectionDrafted
    times: Mapping[FactKey, str]
    keys: Mapping[int, str]
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
        "SELECT election_uuid, kind, trustee, renewal, time, CASE WHEN kind = ANY($1::text[]) THEN data END AS data"
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
    renewed = [row for row in rows if row["kind"] == TrusteeKeyRenewed.__name__]
    return ElectionOverview(
        ElectionDrafted.model_validate_json(draft),
        {FactKey(row["kind"], row["trustee"], row["renewal"]): row["time"] for row in rows},
        {row["trustee"]: TrusteeKeyRenewed.model_validate_json(row["data"]).key for row in renewed},
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


async def signed_commands(connection: Connection, election_uuid: str) -> list[OfficersCommand]:
    """What officers signed for the events of the election that stand.

    Raises:
        UnknownElection: when it wasn't drafted.
    """
    rows = await connection.fetch(
        "SELECT kind, data FROM facts WHERE election_uuid = $1 AND kind = ANY($2::text[])"
        " ORDER BY topic, partition, log_offset",
        election_uuid,
        _COMMANDED_KINDS,
    )
    if not rows:
        raise UnknownElection(election_uuid)
    events: list[ElectionEventData] = [_CLASSES[row["kind"]].model_validate_json(row["data"]) for row in rows]
    # The command of a list of credentials stands in its first part.
    lists = await connection.fetch(
        "SELECT data FROM credential_parts WHERE election_uuid = $1 AND part = 0 ORDER BY credentials_sha256",
        election_uuid,
    )
    events += [CredentialsPublished.model_validate_json(row["data"]) for row in lists]
    commands = (getattr(event, "command", None) for event in events)
    return [command for command in commands if isinstance(command, OfficersCommand)]


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
    # From partition to partition in the index, and to the first that waits in each: it is asked four times a second.
    end: int = await connection.fetchval(
        "WITH RECURSIVE known AS ("
        "  (SELECT partition FROM ballot_entries ORDER BY partition LIMIT 1) UNION ALL"
        "  SELECT (SELECT partition FROM ballot_entries e WHERE e.partition > k.partition ORDER BY partition LIMIT 1)"
        "  FROM known AS k WHERE k.partition IS NOT NULL"
        ") SELECT COALESCE("
        "  (SELECT min(waiting.log_index) FROM known LEFT JOIN consumer_offsets AS o"
        "    ON o.projection = $1 AND o.topic = $2 AND o.partition = known.partition"
        "    CROSS JOIN LATERAL (SELECT log_index FROM ballot_entries AS e WHERE e.partition = known.partition"
        "      AND e.log_offset >= COALESCE(o.next_offset, 0) ORDER BY log_offset LIMIT 1) AS waiting),"
        "  (SELECT max(log_index) + 1 FROM ballot_entries), 0)",
        PROJECTION_NAME,
        Topic.BALLOTS.value,
    )
    return end


class LogDisagrees(Exception):
    """The tables don't show what the log says: going on would count, or archive, something else than the log has.

    A person has to look. Fields: ``log_index``, ``reason``.
    """

    def __init__(self, log_index: int, reason: str) -> None:
        super().__init__(f"log index {log_index}: {reason}")
        self.log_index = log_index
        self.reason = reason


async def demand_agreement(connection: Connection, start: int, end: int) -> None:
    """Compare the log's entries of ballots from ``start`` up to ``end`` with the rows of their records.

    What should be there and is not must be found here: a join would leave it out in silence. Raises ``LogDisagrees``.
    """
    gap = await connection.fetchval(
        "SELECT min(previous_size) FROM checkpoints AS c WHERE size > $1 AND previous_size > 0"
        " AND NOT EXISTS (SELECT FROM checkpoints AS p WHERE p.size = c.previous_size)",
        start,
    )
    if gap is not None:
        raise LogDisagrees(gap - 1, "no checkpoint that leads to it was projected")
    row = await connection.fetchrow(
        "SELECT log_index, COALESCE(b.leaf_hash, m.leaf_hash) IS NULL AS is_missing FROM ballot_entries AS e"
        " LEFT JOIN ballots AS b USING (partition, log_offset)"
        " LEFT JOIN close_markers AS m USING (partition, log_offset)"
        " WHERE log_index >= $1 AND log_index < $2"
        " AND COALESCE(b.leaf_hash, m.leaf_hash) IS DISTINCT FROM e.leaf_hash ORDER BY log_index LIMIT 1",
        start,
        end,
    )
    if row is not None:
        raise LogDisagrees(
            row["log_index"], "its record is missing" if row["is_missing"] else "its record is another than was logged"
        )


async def opened_elections(connection: Connection) -> list[str]:
    """The elections that were opened, in the order of their identifiers."""
    rows = await connection.fetch(
        "SELECT election_uuid FROM facts WHERE kind = $1 ORDER BY election_uuid", ElectionOpened.__name__
    )
    return [row["election_uuid"] for row in rows]


async def lock_examination(connection: Connection, election_uuid: str) -> bool:
    """Whether this transaction is the one that examines the election's ballots."""
    locked: bool = await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"evote-tally-examination:{election_uuid}"
    )
    return locked


@dataclass(frozen=True)
class WrittenSignature:
    """An order statement's signature, as the record has it."""

    challenge: str
    response: str


@dataclass(frozen=True)
class WrittenOrder:
    """An order statement, as the record has it."""

    number: int
    signature: WrittenSignature


@dataclass(frozen=True)
class LoggedCast:
    """A ballot in the log, as its record has it."""

    log_index: int
    election_uuid: str
    credential: str
    tracker: str
    ballot: str
    order: WrittenOrder


@dataclass(frozen=True)
class Verdict:
    """What was found of a logged ballot: the SHA-256 of its ciphertexts, or the rule for which it is passed over."""

    log_index: int
    ciphertexts: tuple[bytes, ...] | None
    passed_over: str | None


@dataclass(frozen=True)
class ExaminedBallot:
    """What an examined ballot leaves for the next one; ``ciphertexts`` is None when it is passed over."""

    log_index: int
    credential: str
    tracker: str
    number: int
    ciphertexts: tuple[bytes, ...] | None


async def examined_to(connection: Connection, election_uuid: str) -> int:
    """The log index of the election's last examined ballot; -1 before the first."""
    index: int = await connection.fetchval(
        "SELECT COALESCE(max(log_index), -1) FROM examined WHERE election_uuid = $1", election_uuid
    )
    return index


async def casts_to_examine(
    connection: Connection, election_uuid: str, after: int, before: int, limit: int
) -> list[LoggedCast]:
    """The election's next ballots in the log, ``after`` < index < ``before``."""
    rows = await connection.fetch(
        "SELECT e.log_index, b.* FROM ballot_entries AS e JOIN ballots AS b USING (partition, log_offset)"
        " WHERE b.election_uuid = $1 AND e.log_index > $2 AND e.log_index < $3 ORDER BY e.log_index LIMIT $4",
        election_uuid,
        after,
        before,
        limit,
    )
    return [
        LoggedCast(
            row["log_index"],
            row["election_uuid"],
            row["credential"],
            row["tracker"],
            row["ballot"],
            WrittenOrder(row["number"], WrittenSignature(row["challenge"], row["response"])),
        )
        for row in rows
    ]


async def store_verdicts(connection: Connection, election_uuid: str, verdicts: Sequence[Verdict]) -> None:
    """Note what was found."""
    await connection.execute(
        "INSERT INTO examined (log_index, election_uuid, ciphertexts, passed_over)"
        " SELECT log_index, $1, ciphertexts, passed_over"
        " FROM unnest($2::bigint[], $3::bytea[], $4::text[]) AS found (log_index, ciphertexts, passed_over)",
        election_uuid,
        [verdict.log_index for verdict in verdicts],
        [None if verdict.ciphertexts is None else b"".join(verdict.ciphertexts) for verdict in verdicts],
        [verdict.passed_over for verdict in verdicts],
    )


async def examined_ballots(connection: Connection, election_uuid: str) -> AsyncIterator[ExaminedBallot]:
    """The election's examined ballots in the log's order; needs an open transaction."""
    cursor = connection.cursor(
        "SELECT log_index, b.credential, b.tracker, b.number, x.ciphertexts FROM examined AS x"
        " JOIN ballot_entries AS e USING (log_index) JOIN ballots AS b USING (partition, log_offset)"
        " WHERE x.election_uuid = $1 ORDER BY log_index",
        election_uuid,
    )
    async for row in cursor:
        joined = row["ciphertexts"]
        ciphertexts = None if joined is None else tuple(joined[at : at + 32] for at in range(0, len(joined), 32))
        yield ExaminedBallot(row["log_index"], row["credential"], row["tracker"], row["number"], ciphertexts)


async def unexamined(connection: Connection, election_uuid: str, before: int) -> int | None:
    """The index of the election's first ballot before ``before`` that waits for examination."""
    index: int | None = await connection.fetchval(
        "SELECT min(e.log_index) FROM ballot_entries AS e JOIN ballots AS b USING (partition, log_offset)"
        " WHERE b.election_uuid = $1 AND e.log_index < $2"
        " AND e.log_index > (SELECT COALESCE(max(log_index), -1) FROM examined WHERE election_uuid = $1)",
        election_uuid,
        before,
    )
    return index


async def acceptable_ballots(
    connection: Connection, election_uuid: str, *, after: int, before: int, limit: int
) -> list[tuple[int, str]]:
    """Ballots with their log indexes, ``after`` < index < ``before``, in the log's order.

    Raises ``LogDisagrees`` for one that was found acceptable and is not there any more.
    """
    rows = await connection.fetch(
        "SELECT log_index, b.ballot FROM examined AS x LEFT JOIN ballot_entries AS e USING (log_index)"
        " LEFT JOIN ballots AS b USING (partition, log_offset)"
        " WHERE x.election_uuid = $1 AND x.passed_over IS NULL AND log_index > $2 AND log_index < $3"
        " ORDER BY log_index LIMIT $4",
        election_uuid,
        after,
        before,
        limit,
    )
    for row in rows:
        if row["ballot"] is None:
            raise LogDisagrees(row["log_index"], "its record is missing")
    return [(row["log_index"], row["ballot"]) for row in rows]


@dataclass(frozen=True)
class CountedBallot:
    """The last acceptable ballot of a credential, with its index in the public log."""

    log_index: int
    credential: str
    ballot: str


async def counted_ballots(
    connection: Connection, election_uuid: str, *, before: int, page: int
) -> AsyncIterator[list[CountedBallot]]:
    """The last acceptable ballot of each credential by log index, in pages; needs an open transaction."""
    cursor = await connection.cursor(
        "SELECT log_index, b.credential, b.ballot FROM ("
        "  SELECT max(log_index) AS log_index FROM examined AS x JOIN ballot_entries AS e USING (log_index)"
        "    JOIN ballots AS b USING (partition, log_offset)"
        "    WHERE x.election_uuid = $1 AND x.passed_over IS NULL AND log_index < $2 GROUP BY b.credential"
        ") AS last JOIN ballot_entries AS e USING (log_index)"
        " JOIN ballots AS b USING (partition, log_offset) ORDER BY log_index",
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
