"""Events → PostgreSQL: what happened to faces, for counts, and which elections are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from evote_eventlog.events import (
    ElectionAbandoned,
    ElectionOpened,
    FaceEnrolled,
    FaceRejected,
    FaceVerified,
    ResultCertified,
    TemplateErased,
    Topic,
)
from evote_eventlog.record import Record


@dataclass(frozen=True)
class FaceCounts:
    """Counts of one election; ``erased`` is the number of templates that were erased, None before."""

    enrolled: int
    verified: int
    rejected: Mapping[str, int]
    erased: int | None


class BiometricProjection:
    """What biometric knows of the log."""

    name = "biometric"
    topics = frozenset({Topic.ELECTIONS, Topic.BIOMETRIC})
    tables = ("fates", "certified_elections", "enrolled_faces", "verified_faces", "rejections", "erased_elections")

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        """Apply one record; events that biometric has no use for change nothing."""
        match record.envelope.data:
            case ElectionOpened() | ElectionAbandoned() as fate:
                # The first one stands. A second one, of a writer that lost its lock, must neither end an election that
                # people vote in nor begin one that was given up.
                await connection.execute(
                    "INSERT INTO fates VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    fate.election_uuid,
                    isinstance(fate, ElectionAbandoned),
                )
            case ResultCertified() as certified:
                await connection.execute(
                    "INSERT INTO certified_elections VALUES ($1) ON CONFLICT DO NOTHING", certified.election_uuid
                )
            case FaceEnrolled() as enrolled:
                await connection.execute(
                    "INSERT INTO enrolled_faces VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    enrolled.election_uuid,
                    enrolled.voter_ref,
                )
            case FaceVerified() as verified:
                await connection.execute(
                    "INSERT INTO verified_faces VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    verified.election_uuid,
                    verified.verdict_id,
                )
            case FaceRejected() as rejected:
                await connection.execute(
                    "INSERT INTO rejections VALUES ($1, $2, $3, $4)",
                    record.position.partition,
                    record.position.offset,
                    rejected.election_uuid,
                    rejected.reason,
                )
            case TemplateErased() as erased:
                await connection.execute(
                    "INSERT INTO erased_elections VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    erased.election_uuid,
                    erased.templates,
                )


async def face_counts(connection: asyncpg.Connection | PoolConnectionProxy, election_uuid: str) -> FaceCounts:
    """The counts of an election, by what has been projected."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM enrolled_faces WHERE election_uuid = $1) AS enrolled,"
        " (SELECT count(*) FROM verified_faces WHERE election_uuid = $1) AS verified,"
        " (SELECT templates FROM erased_elections WHERE election_uuid = $1) AS erased",
        election_uuid,
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    rejected = await connection.fetch(
        "SELECT reason, count(*) AS times FROM rejections WHERE election_uuid = $1 GROUP BY reason ORDER BY reason",
        election_uuid,
    )
    return FaceCounts(row["enrolled"], row["verified"], {r["reason"]: r["times"] for r in rejected}, row["erased"])
