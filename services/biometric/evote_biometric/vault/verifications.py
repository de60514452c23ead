"""Verifications that were begun, and the frames that were seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.actions import Action
from ..domain.refusals import VerificationUnknown
from . import Connection


@dataclass(frozen=True)
class Verification:
    """What a voter was asked to do; ``used`` as it was before this request."""

    verification_id: str
    order_id: str
    election_uuid: str
    voter_ref: str
    actions: tuple[Action, ...]
    nonce: str
    attempts_left: int
    begun_at: datetime
    expires_at: datetime
    used: bool


async def keep_verification(connection: Connection, verification: Verification) -> None:
    """Store a new verification, and forget those that expired."""
    await connection.execute(
        "DELETE FROM vault_verifications WHERE expires_at < $1::timestamptz - interval '1 hour'", verification.begun_at
    )
    await connection.execute(
        "INSERT INTO vault_verifications VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, false)",
        verification.verification_id,
        verification.order_id,
        verification.election_uuid,
        verification.voter_ref,
        [action.value for action in verification.actions],
        verification.nonce,
        verification.attempts_left,
        verification.begun_at,
        verification.expires_at,
    )


async def use_verification(connection: Connection, verification_id: str) -> Verification:
    """Mark it used and return it as it was before; ``VerificationUnknown`` when there is none.

    One statement: of two replicas that get bursts for it at once, one sees it used.
    """
    row = await connection.fetchrow(
        "UPDATE vault_verifications v SET used = true FROM"
        " (SELECT * FROM vault_verifications WHERE verification_id = $1 FOR UPDATE) before"
        " WHERE v.verification_id = before.verification_id RETURNING before.*",
        verification_id,
    )
    if row is None:
        raise VerificationUnknown
    return Verification(**{**dict(row), "actions": tuple(Action(name) for name in row["actions"])})


@dataclass(frozen=True)
class SketchedFrame:
    """A frame that was read: its digest, and its sketch as it is stored."""

    digest: bytes
    sealed_sketch: bytes


async def note_frames(connection: Connection, election_uuid: str, digests: Sequence[bytes]) -> bool:
    """Remember frames; False when one was seen before, or comes twice."""
    noted = await connection.fetch(
        "INSERT INTO vault_frames (election_uuid, digest) SELECT $1, d FROM unnest($2::bytea[]) d ORDER BY d"
        " ON CONFLICT DO NOTHING RETURNING digest",
        election_uuid,
        list(digests),
    )
    return len(noted) == len(digests)


async def keep_sketches(
    connection: Connection, election_uuid: str, voter_ref: str, frames: Sequence[SketchedFrame]
) -> list[SketchedFrame]:
    """Within a transaction: keep sketches of a burst's noted frames; returns those of the voter's earlier bursts."""
    # One burst of a voter at a time: of two copies that are sent at once, the later finds the earlier.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", voter_ref)
    earlier = await connection.fetch(
        "SELECT digest, sealed_sketch FROM vault_frames WHERE election_uuid = $1 AND voter_ref = $2",
        election_uuid,
        voter_ref,
    )
    await connection.execute(
        "UPDATE vault_frames f SET voter_ref = $2, sealed_sketch = s.sketch"
        " FROM unnest($3::bytea[], $4::bytea[]) AS s (digest, sketch)"
        " WHERE f.election_uuid = $1 AND f.digest = s.digest",
        election_uuid,
        voter_ref,
        [frame.digest for frame in frames],
        [frame.sealed_sketch for frame in frames],
    )
    return [SketchedFrame(row["digest"], row["sealed_sketch"]) for row in earlier]
