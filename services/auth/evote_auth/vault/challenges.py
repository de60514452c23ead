"""Challenges, each good for one attempt."""

from __future__ import annotations

from datetime import datetime

from ..domain.refusals import ChallengeUnknown
from ..domain.release import Challenge
from . import Connection


async def keep_challenge(connection: Connection, challenge: Challenge, now: datetime) -> None:
    """Store a new challenge, and forget those that expired."""
    await connection.execute("DELETE FROM vault_challenges WHERE expires_at < $1::timestamptz - interval '1 hour'", now)
    await connection.execute(
        "INSERT INTO vault_challenges VALUES ($1, $2, $3, $4, false)",
        challenge.challenge_id,
        challenge.election_uuid,
        challenge.nonce,
        challenge.expires_at,
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
    if row is None:
        raise ChallengeUnknown
    return Challenge(row["challenge_id"], row["election_uuid"], row["nonce"], row["expires_at"], row["used"])


async def give_back_challenge(connection: Connection, challenge_id: str) -> None:
    """Make a used challenge usable again: only for who used it and gave nothing out."""
    await connection.execute("UPDATE vault_challenges SET used = false WHERE challenge_id = $1", challenge_id)
