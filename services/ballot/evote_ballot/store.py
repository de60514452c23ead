"""What the tables say: about an election, a ballot, the board and the turnout."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Final, Literal, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from evote_eventlog.events import BallotAccepted, BallotOrder, OrderSignature, Topic
from evote_eventlog.record import LogPartition
from evote_platform.clock import parse_rfc3339
from evote_platform.publication import Stage
from evote_tlog.merkle import leaf_hash

from .domain.history import MOST_BALLOTS, AdmittedBallot, CloseMarker, History
from .domain.receipt import Acceptance
from .domain.refusals import DuplicateCiphertext, UnknownElection
from .domain.window import Window
from .projection import BallotProjection
from .readback import ReadBack

Connection = asyncpg.Connection | PoolConnectionProxy


@dataclass(frozen=True)
class OpenElection:
    """An election that has been opened: its exact JSON and its window."""

    uuid: str
    election_json: str
    window: Window

    @property
    def stage(self) -> Stage:
        """How far it is."""
        return stage_of(self.window)


def stage_of(window: Window) -> Stage:
    """The close counts, not the hour: until it is in the log a ballot may still be taken."""
    return Stage.CLOSED if window.closed else Stage.UNTIL_THE_CLOSE


@dataclass(frozen=True)
class AnchoredAt:
    """The first final anchor on a chain that covers a ballot; the fields are those of the event."""

    chain: str
    ledger: str
    size: int
    transaction: str
    block: int


_ANCHOR: Final = tuple(field.name for field in fields(AnchoredAt))


@dataclass(frozen=True)
class Standing:
    """Where a ballot stands: its acceptance and, once a signed checkpoint covers it, place and vouchers."""

    acceptance: Acceptance
    log_index: int | None = None
    leaf_hash: bytes | None = None
    """Of the record (RFC 9162, 2.1.1); None where the release before projected it."""
    checkpoint_size: int | None = None
    witnessed_size: int | None = None
    """The first checkpoint that covers it and that enough witnesses cosigned."""
    anchors: tuple[AnchoredAt, ...] = ()
    superseded_by: str | None = None

    @property
    def state(self) -> Literal["accepted", "logged", "witnessed", "anchored"]:
        """The furthest state that is reached."""
        if self.anchors:
            return "anchored"
        if self.witnessed_size is not None:
            return "witnessed"
        return "accepted" if self.log_index is None else "logged"


@dataclass(frozen=True)
class BoardItem:
    """A line of the public board."""

    log_index: int
    tracker: str
    superseded: bool


@dataclass(frozen=True)
class OwnBallot:
    """A ballot as its voter may see it."""

    tracker: str
    number: int
    record: bytes
    """Exact, so that its hash is in the log; empty when the release before projected it."""
    log_index: int | None


@dataclass(frozen=True)
class Turnout:
    """Counts: ballots accepted and logged, voters with a logged ballot, and how many could vote."""

    accepted: int
    logged: int
    voters: int
    roll_size: int


async def load_election(connection: Connection, election_uuid: str) -> OpenElection:
    """The election; ``UnknownElection`` until its opening has been projected."""
    row = await connection.fetchrow(
        "SELECT election_json, opens_at, closes_at,"
        " EXISTS (SELECT FROM closed_elections c WHERE c.election_uuid = e.election_uuid) AS closed"
        " FROM elections e WHERE election_uuid = $1",
        election_uuid,
    )
    if row is None:
        raise UnknownElection(election_uuid)
    window = Window(row["opens_at"], row["closes_at"], row["closed"])
    return OpenElection(election_uuid, row["election_json"], window)


async def open_elections(connection: Connection, now: datetime) -> list[str]:
    """The elections that take ballots now."""
    rows = await connection.fetch(
        "SELECT election_uuid, opens_at, closes_at FROM elections e"
        " WHERE NOT EXISTS (SELECT FROM closed_elections c WHERE c.election_uuid = e.election_uuid)"
        " AND NOT EXISTS (SELECT FROM abandoned_elections a WHERE a.election_uuid = e.election_uuid)"
    )
    return [
        row["election_uuid"] for row in rows if parse_rfc3339(row["opens_at"]) <= now < parse_rfc3339(row["closes_at"])
    ]


async def has_credential(connection: Connection, election_uuid: str, credential: str) -> bool:
    """Whether the credential is on the list that the election was opened with."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM credentials c JOIN elections e USING (election_uuid, credentials_sha256)"
            " WHERE c.election_uuid = $1 AND c.credential = $2",
            election_uuid,
            credential,
        )
    )


@dataclass(frozen=True)
class Look:
    """What the tables say of an election and a credential at one moment; what came since, the reader knows."""

    election_uuid: str
    credential: str
    window: Window | None
    """None: no such election is open."""
    is_listed: bool
    """Whether the credential is on the list that the election was opened with."""
    ballots: tuple[AdmittedBallot, ...]
    """Of the credential, in their order."""
    markers: Mapping[int, CloseMarker]
    projected: Mapping[LogPartition, int]
    """How far the tables were."""

    def history(self, read_back: ReadBack) -> History:
        """What the log says now about the credential's ballots: the tables, and what was read since.

        Raises ``LogUnavailable`` while the tables are being made again, and when the look is so old that the reader has
        forgotten what came behind it.
        """
        since = read_back.records_since(self.election_uuid, self.credential, self.projected)
        markers = {**read_back.markers(self.election_uuid), **self.markers}
        history = History(self.credential, self.ballots, markers)
        for record in since:
            history.take(record)
        return history


_FACTS: Final = """
       e.opens_at, e.closes_at, c.credential IS NOT NULL AS is_listed,
       EXISTS (SELECT FROM closed_elections WHERE election_uuid = $1) AS closed,
       m.marked, m.marked_at, m.marked_of, o.topics, o.partitions, o.next_offsets,
       b.tracker, b.partition, b.log_offset, b.accepted_at, b.number, b.challenge, b.response"""
_PLACES: Final = """
FROM (SELECT array_agg(topic) AS topics, array_agg(partition) AS partitions, array_agg(next_offset) AS next_offsets
      FROM consumer_offsets WHERE projection = $3) AS o
CROSS JOIN (SELECT array_agg(partition) AS marked, array_agg(first) AS marked_at, array_agg(partitions) AS marked_of
            FROM (SELECT partition, min(log_offset) AS first, max(partitions) AS partitions FROM close_markers
                  WHERE election_uuid = $1 GROUP BY partition) AS each) AS m
LEFT JOIN elections AS e ON e.election_uuid = $1
LEFT JOIN credentials AS c
  ON c.election_uuid = $1 AND c.credential = $2 AND c.credentials_sha256 = e.credentials_sha256
LEFT JOIN ballots AS b ON b.election_uuid = $1 AND b.credential = $2
ORDER BY b.log_offset"""
# One statement each, which sees one moment without a transaction around it: a row for each ballot, and one without any.
# $1 the election, $2 the credential, $3 the projection's name.
_LOOK: Final = f"SELECT {_FACTS} {_PLACES}"
# Also: $4 the tracker, $5 its ciphertexts' digests, $6 the most ballots of a credential, $7 the order's number.
_LOOK_AND_RESERVE: Final = f"""
WITH before AS (
    SELECT digest FROM reservations WHERE election_uuid = $1 AND digest = ANY($5) AND tracker = $4
), own AS (
    INSERT INTO reservations (election_uuid, digest, tracker)
    SELECT $1, d, $4 FROM unnest($5::text[]) AS d
    -- Nothing for strangers, behind the close, nor for an order that is refused: the table must not grow by them.
    WHERE EXISTS (SELECT FROM credentials JOIN elections USING (election_uuid, credentials_sha256)
                  WHERE election_uuid = $1 AND credential = $2)
      AND NOT EXISTS (SELECT FROM closed_elections WHERE election_uuid = $1)
      AND (SELECT (count(*) < $6 OR (SELECT count(*) FROM before) = cardinality($5)) AND COALESCE(max(number), 0) < $7
           FROM ballots WHERE election_uuid = $1 AND credential = $2)
    -- Counted for each, in the index: joined with a list of digests, all of the election might be read.
      AND (SELECT count(*) FROM ciphertexts WHERE election_uuid = $1 AND digest = d AND tracker <> $4) = 0
    ORDER BY d  -- in one order everywhere, or two ballots could wait for each other
    ON CONFLICT (election_uuid, digest) DO UPDATE SET tracker = excluded.tracker
        WHERE reservations.tracker = excluded.tracker
    RETURNING digest)
SELECT {_FACTS},
       (SELECT count(*) FROM own) = cardinality($5) AS promised,
       (SELECT count(*) FROM before) = cardinality($5) AS promised_before,
       -- For this statement's own transaction: a crash of the server may lose the last promises, and what was published
       -- by then is in the log and will be among the ciphertexts. So nobody waits for the server's disk.
       set_config('synchronous_commit', 'off', true)
{_PLACES}"""  # noqa: S608 - constants


async def look_at(connection: Connection, election_uuid: str, credential: str) -> Look:
    """All that a cast asks of the tables, in one query."""
    return _look(
        election_uuid, credential, await connection.fetch(_LOOK, election_uuid, credential, BallotProjection.name)
    )


class Promise(Enum):
    """Whether a ballot's ciphertexts are promised to it."""

    NONE = "none"
    """Not all of them."""
    NOW = "now"
    BEFORE = "before"
    """Before this look: a record of the ballot may be in the log, or on its way."""


async def look_and_reserve(
    connection: Connection, cast: BallotAccepted, digests: Collection[str]
) -> tuple[Look, Promise]:
    """As :func:`look_at`, and promise the ciphertexts to this ballot.

    They are not promised where one is another ballot's, and where the look shows a stranger, a close, or an order that
    is refused; whether the clock is inside the election's window, the caller looks. Of two ballots with one ciphertext
    that reach two replicas at once, the table's key lets one through. The same ballot
    may reserve again: its replica may have died before it published. What else a refused ballot was promised meanwhile
    stays promised: that keeps nobody out but who copies from it.
    """
    rows = await connection.fetch(
        _LOOK_AND_RESERVE,
        cast.election_uuid,
        cast.credential,
        BallotProjection.name,
        cast.tracker,
        list(dict.fromkeys(digests)),  # a careless device may use one twice
        MOST_BALLOTS,
        cast.order.number,
    )
    look, facts = _look(cast.election_uuid, cast.credential, rows), rows[0]
    if not facts["promised"]:
        return look, Promise.NONE
    return look, Promise.BEFORE if digests and facts["promised_before"] else Promise.NOW


def _look(election_uuid: str, credential: str, rows: Sequence[asyncpg.Record]) -> Look:
    facts = rows[0]
    places = zip(facts["topics"] or (), facts["partitions"] or (), facts["next_offsets"] or (), strict=True)
    markers = zip(facts["marked"] or (), facts["marked_at"] or (), facts["marked_of"] or (), strict=True)
    return Look(
        election_uuid,
        credential,
        None if facts["opens_at"] is None else Window(facts["opens_at"], facts["closes_at"], facts["closed"]),
        facts["is_listed"],
        tuple(_admitted(election_uuid, row) for row in rows if row["tracker"] is not None),
        {partition: CloseMarker(offset, partitions) for partition, offset, partitions in markers},
        {LogPartition(Topic(topic), partition): next_offset for topic, partition, next_offset in places},
    )


def _admitted(election_uuid: str, row: asyncpg.Record) -> AdmittedBallot:
    signature = OrderSignature(challenge=row["challenge"], response=row["response"])
    return AdmittedBallot(
        Acceptance(election_uuid, row["tracker"], row["partition"], row["log_offset"], row["accepted_at"]),
        BallotOrder(number=row["number"], signature=signature),
    )


async def find_marker(connection: Connection, election_uuid: str, partition: int) -> int | None:
    """The offset of the first close marker in a partition."""
    offset = await connection.fetchval(
        "SELECT min(log_offset) FROM close_markers WHERE election_uuid = $1 AND partition = $2",
        election_uuid,
        partition,
    )
    return None if offset is None else int(offset)


async def check_ciphertexts(connection: Connection, election_uuid: str, tracker: str, digests: Sequence[str]) -> None:
    """Raise ``DuplicateCiphertext`` when another ballot has, or was promised, one of the ciphertexts."""
    taken = await connection.fetchval(
        # Counted for each, in the index: asked for any of them, all of the election might be read.
        "SELECT EXISTS (SELECT FROM unnest($2::text[]) AS d WHERE"
        " (SELECT count(*) FROM ciphertexts WHERE election_uuid = $1 AND digest = d AND tracker <> $3) > 0"
        " OR (SELECT count(*) FROM reservations WHERE election_uuid = $1 AND digest = d AND tracker <> $3) > 0)",
        election_uuid,
        list(digests),
        tracker,
    )
    if taken:
        raise DuplicateCiphertext


_STANDING: Final = """
SELECT e.opens_at, e.closes_at,
       EXISTS (SELECT FROM closed_elections WHERE election_uuid = $1) AS closed,
       b.partition, b.log_offset, b.accepted_at, b.record, l.log_index, l.checkpoint_size,
       last.tracker AS last_tracker, last.log_index AS last_index,
       (SELECT min(size) FROM witnessed_sizes WHERE size > l.log_index) AS witnessed_size,
       a.chain, a.ledger, a.size, a.transaction, a.block
FROM elections AS e
LEFT JOIN ballots AS b ON b.election_uuid = $1 AND b.tracker = $2
LEFT JOIN log_entries AS l ON l.partition = b.partition AND l.log_offset = b.log_offset
LEFT JOIN LATERAL (
    SELECT o.tracker, ol.log_index FROM ballots AS o JOIN log_entries AS ol USING (partition, log_offset)
    WHERE o.election_uuid = $1 AND o.credential = b.credential ORDER BY ol.log_index DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    WITH RECURSIVE contracts AS (
        (SELECT ledger FROM verified_anchors ORDER BY ledger LIMIT 1) UNION ALL
        SELECT (SELECT ledger FROM verified_anchors AS v WHERE v.ledger > c.ledger ORDER BY ledger LIMIT 1)
        FROM contracts AS c WHERE c.ledger IS NOT NULL
    )
    SELECT found.* FROM contracts CROSS JOIN LATERAL (
        SELECT chain, ledger, size, transaction, block FROM verified_anchors
        WHERE ledger = contracts.ledger AND size > l.log_index ORDER BY size LIMIT 1
    ) AS found
) AS a ON true
WHERE e.election_uuid = $1
ORDER BY a.ledger
"""
"""One statement, which sees one moment without a transaction around it: a row for each contract that has an anchor, and
one without any. Of the anchors, one lookup in the index for each contract: a busy chain has an anchor every second, and
every voter asks."""


async def find_standing(connection: Connection, election_uuid: str, tracker: str) -> tuple[Stage, Standing | None]:
    """How far the election is, and where the ballot of a tracker stands, by what has been projected.

    Raises ``UnknownElection``.
    """
    rows = await connection.fetch(_STANDING, election_uuid, tracker)
    if not rows:
        raise UnknownElection(election_uuid)
    facts = rows[0]
    stage = stage_of(Window(facts["opens_at"], facts["closes_at"], facts["closed"]))
    if facts["partition"] is None:
        return stage, None
    acceptance = Acceptance(election_uuid, tracker, facts["partition"], facts["log_offset"], facts["accepted_at"])
    if facts["log_index"] is None:
        return stage, Standing(acceptance)
    anchors = [{name: row[name] for name in _ANCHOR} for row in rows if row["ledger"] is not None]
    return stage, Standing(
        acceptance,
        facts["log_index"],
        leaf_hash(facts["record"]) if facts["record"] else None,
        facts["checkpoint_size"],
        facts["witnessed_size"],
        tuple(AnchoredAt(**anchor) for anchor in anchors),
        facts["last_tracker"] if facts["last_index"] > facts["log_index"] else None,
    )


async def ballot_text(connection: Connection, election_uuid: str, tracker: str) -> str | None:
    """The exact text of an accepted ballot."""
    text = await connection.fetchval(
        "SELECT ballot FROM ballots WHERE election_uuid = $1 AND tracker = $2",
        election_uuid,
        tracker,
    )
    return None if text is None else str(text)


async def own_ballots(connection: Connection, election_uuid: str, credential: str) -> list[OwnBallot]:
    """The admitted ballots of a credential, in their order."""
    rows = await connection.fetch(
        "SELECT tracker, number, record, log_index"
        " FROM ballots LEFT JOIN log_entries USING (partition, log_offset)"
        " WHERE election_uuid = $1 AND credential = $2 ORDER BY log_offset",
        election_uuid,
        credential,
    )
    return [OwnBallot(**row) for row in rows]


async def board(connection: Connection, election_uuid: str, after: int, limit: int) -> list[BoardItem]:
    """Logged ballots in log order, from the first index above ``after``."""
    rows = await connection.fetch(
        "SELECT e.log_index, b.tracker, EXISTS (SELECT FROM ballots o JOIN log_entries l USING (partition, log_offset)"
        "  WHERE o.election_uuid = b.election_uuid AND o.credential = b.credential AND l.log_index > e.log_index)"
        " AS superseded FROM log_entries e JOIN ballots b USING (partition, log_offset)"
        " WHERE b.election_uuid = $1 AND e.log_index > $2 ORDER BY e.log_index LIMIT $3",
        election_uuid,
        after,
        limit,
    )
    return [BoardItem(row["log_index"], row["tracker"], row["superseded"]) for row in rows]


async def log_size(connection: Connection) -> int:
    """The size of the newest checkpoint that was projected."""
    return int(await connection.fetchval("SELECT COALESCE(max(size), 0) FROM checkpoints"))


async def turnout(connection: Connection, election_uuid: str) -> Turnout:
    """The counts of an election."""
    row = await connection.fetchrow(
        # Grouped, since count(DISTINCT) would sort the credentials' texts: that took as long as all the rest.
        "SELECT (SELECT count(*) FROM ballots WHERE election_uuid = $1) AS accepted,"
        " COALESCE(sum(each.logged), 0)::bigint AS logged, count(*) AS voters,"
        " (SELECT count(*) FROM credentials JOIN elections USING (election_uuid, credentials_sha256)"
        "  WHERE election_uuid = $1) AS roll_size"
        " FROM (SELECT count(*) AS logged FROM ballots AS b JOIN log_entries USING (partition, log_offset)"
        "  WHERE b.election_uuid = $1 GROUP BY b.credential) AS each",
        election_uuid,
    )
    assert row is not None  # noqa: S101 - an aggregate gives one row
    return Turnout(row["accepted"], row["logged"], row["voters"], row["roll_size"])


Place: TypeAlias = tuple[int, int]
"""Where a ballot stands in ``evote.ballots``: partition and offset."""


@dataclass(frozen=True)
class AcceptedBallot:
    """When a ballot was accepted, to the minute, and whether a signed checkpoint covers it."""

    place: Place
    accepted_at: str
    is_logged: bool


async def ballots_between(
    connection: Connection, begins: Mapping[int, int], ends: Mapping[int, int], *, unlogged_only: bool
) -> list[AcceptedBallot]:
    """The ballots from the offsets ``begins`` (without one: the beginning) to before ``ends``, by partition."""
    rows = await connection.fetch(
        # A lookup in the index for each: a join would read all of the log, planned while it is short.
        "SELECT b.partition, b.log_offset, b.accepted_at, l.logged IS NOT NULL AS is_logged"
        " FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS asked (partition, first, behind) CROSS JOIN LATERAL"
        " (SELECT partition, log_offset, accepted_at FROM ballots AS b WHERE b.partition = asked.partition"
        "  AND b.log_offset >= asked.first AND b.log_offset < asked.behind OFFSET 0) AS b LEFT JOIN LATERAL"
        " (SELECT true AS logged FROM log_entries AS l"
        "  WHERE l.partition = b.partition AND l.log_offset = b.log_offset OFFSET 0) AS l ON true"
        " WHERE NOT $4 OR l.logged IS NULL",
        list(ends),
        [begins.get(partition, 0) for partition in ends],
        list(ends.values()),
        unlogged_only,
    )
    return [AcceptedBallot((row["partition"], row["log_offset"]), row["accepted_at"], row["is_logged"]) for row in rows]


async def logged_of(connection: Connection, places: Sequence[Place]) -> list[Place]:
    """Those that a signed checkpoint covers."""
    rows = await connection.fetch(
        "SELECT found.* FROM unnest($1::integer[], $2::bigint[]) AS asked (partition, log_offset) CROSS JOIN LATERAL"
        " (SELECT partition, log_offset FROM log_entries AS l"
        "  WHERE l.partition = asked.partition AND l.log_offset = asked.log_offset OFFSET 0) AS found",
        [partition for partition, _ in places],
        [offset for _, offset in places],
    )
    return [(row["partition"], row["log_offset"]) for row in rows]


async def voters_by_hour(connection: Connection, election_uuid: str) -> dict[datetime, int]:
    """How many voters' first logged ballot was accepted in each hour (its beginning, UTC) that has any."""
    rows = await connection.fetch(
        # RFC 3339 in UTC: the first 13 characters are the hour, and texts sort as their times do.
        "SELECT left(came, 13) || ':00:00Z' AS hour, count(*) AS voters FROM ("
        "SELECT min(b.accepted_at) AS came FROM ballots b JOIN log_entries USING (partition, log_offset)"
        " WHERE b.election_uuid = $1 GROUP BY b.credential) AS voters GROUP BY 1",
        election_uuid,
    )
    return {parse_rfc3339(row["hour"]): row["voters"] for row in rows}


async def unmarked_elections(connection: Connection, partitions: int) -> list[tuple[str, list[int]]]:
    """Closed elections, each with the partitions that have no close marker yet."""
    rows = await connection.fetch(
        "SELECT c.election_uuid, array_agg(m.partition) FILTER (WHERE m.partition IS NOT NULL) AS marked"
        " FROM closed_elections c LEFT JOIN close_markers m USING (election_uuid) GROUP BY c.election_uuid"
        " HAVING count(DISTINCT m.partition) < $1 ORDER BY c.election_uuid",
        partitions,
    )
    return [
        (row["election_uuid"], [number for number in range(partitions) if number not in (row["marked"] or [])])
        for row in rows
    ]
