"""Challenges, each good for one attempt."""

from __future__ import annotations

from datetime import datetime

from evote_device.keys import parse_device_key

from ..domain.refusals import ChallengeUnknown
from ..domain.release import Challenge
from . import Connection


async def keep_challenge(connection: Connection, challenge: Challenge, now: datetime) -> None:
    """Store a new challenge, and forget those that expired."""
    await connection.execute(
        "WITH expired AS (DELETE FROM vault_challenges WHERE expires_at < $6::timestamptz - interval '1 hour')"
        " INSERT INTO vault_challenges VALUES ($1, $2, $3, $4, false, $5)",
        challenge.challenge_id,
        challenge.election_uuid,
        challenge.nonce,
        challenge.expires_at,
        challenge.device_key.text,
        now,
    )


async def use_challenge(connection: Connection, challenge_id: str) -> Challenge:
    """Mark a challenge used and return it as it was before; ``ChallengeUnknown`` when there is none.

    One statement: of two replicas that get the same challenge at once, one sees it used.
    """
    row = await connection.fetchrow(
        "UPDATE vault_challenges c SET used = true FROM"
        " (SELECT * FROM vault_challenges WHERE challenge_id = $1 FOR UPDATE) before"
        " WHERE c.challenge_id = before.challenge_id RETURNING before.*",
        challenge_id,
    )
    if row is None or row["device_key"] is None:
        # The release before gave out challenges that name no device: what a card signed for one could be redeemed by
        # whoever saw it.
        raise ChallengeUnknown
    return Challenge(
        row["challenge_id"],
        row["election_uuid"],
        row["nonce"],
        row["expires_at"],
        parse_device_key(row["device_key"]),
        row["used"],
        row["released_to"],
    )


async def note_release(connection: Connection, challenge_id: str, request_sha256: str) -> None:
    """Remember the request that a challenge led to a release for; in the transaction that keeps its evidence."""
    await connection.execute(
        "UPDATE vault_challenges SET released_to = $2 WHERE challenge_id = $1", challenge_id, request_sha256
    )
