"""The vault in PostgreSQL: persons, challenges, cards and sealed evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from .domain.refusals import (
    CardMismatch,
    ChallengeUnknown,
    MasterKeyChanged,
    NotOnRoll,
    RollEmpty,
    RollFrozenAlready,
    RollNotFrozen,
    UnknownElection,
)
from .domain.release import AuthenticatedCard, Challenge
from .domain.roll import RollEntry, match_key

Connection = asyncpg.Connection | PoolConnectionProxy
RollRow = tuple[str, str, str, str, str, str, str, str]
_REF_BYTES = 16


@dataclass(frozen=True)
class KnownElection:
    """An election as auth's projection has it."""

    uuid: str
    name: str
    group: str
    closed: bool


@dataclass(frozen=True)
class RollState:
    """How far the roll of an election is."""

    voters: int
    frozen: bool
    releases: int


async def load_election(connection: Connection, election_uuid: str) -> KnownElection:
    """The election; ``UnknownElection`` until its draft has been projected."""
    row = await connection.fetchrow(
        "SELECT name, group_name, EXISTS (SELECT FROM closed_elections c WHERE c.election_uuid = e.election_uuid)"
        " AS closed FROM elections e WHERE election_uuid = $1",
        election_uuid,
    )
    if row is None:
        raise UnknownElection(election_uuid)
    return KnownElection(election_uuid, row["name"], row["group_name"], row["closed"])


def roll_rows(election_uuid: str, entries: Sequence[RollEntry], random: Callable[[int], bytes]) -> list[RollRow]:
    """The rows of a roll, each with a new voter reference: a pseudonym of 128 random bits."""
    return [
        (election_uuid, random(_REF_BYTES).hex(), e.voter_id, e.match_key, e.name, e.address, e.birth_date, e.sex)
        for e in entries
    ]


async def replace_roll(connection: Connection, election_uuid: str, rows: Sequence[RollRow]) -> None:
    """Replace the whole roll in one transaction; ``RollFrozenAlready`` once it is frozen."""
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO vault_rolls VALUES ($1, false, NULL) ON CONFLICT DO NOTHING", election_uuid
        )
        if await _lock_roll(connection, election_uuid):
            raise RollFrozenAlready
        await connection.execute("DELETE FROM vault_voters WHERE election_uuid = $1", election_uuid)
        await connection.copy_records_to_table("vault_voters", records=rows)


async def freeze_roll(connection: Connection, election_uuid: str, key_id: str) -> list[str]:
    """Freeze the roll for good under a master key and return the voter references, sorted.

    Raises ``RollEmpty`` when there is no roll, ``MasterKeyChanged`` when it was frozen under another key.
    """
    async with connection.transaction():
        await _lock_roll(connection, election_uuid)
        rows = await connection.fetch(
            "SELECT voter_ref FROM vault_voters WHERE election_uuid = $1 ORDER BY voter_ref", election_uuid
        )
        if not rows:
            raise RollEmpty
        frozen_under = await connection.fetchval(
            "UPDATE vault_rolls SET frozen = true, key_id = COALESCE(key_id, $2) WHERE election_uuid = $1"
            " RETURNING key_id",
            election_uuid,
            key_id,
        )
        if frozen_under != key_id:
            raise MasterKeyChanged
    return [row["voter_ref"] for row in rows]


async def roll_state(connection: Connection, election_uuid: str) -> RollState:
    """Counts only."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM vault_voters WHERE election_uuid = $1) AS voters,"
        " COALESCE((SELECT frozen FROM vault_rolls WHERE election_uuid = $1), false) AS frozen,"
        " (SELECT count(*) FROM releases WHERE election_uuid = $1) AS releases",
        election_uuid,
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    return RollState(row["voters"], row["frozen"], row["releases"])


async def is_published(connection: Connection, election_uuid: str, credentials_sha256: str) -> bool:
    """Whether every part of the list stands in the log."""
    row = await connection.fetchrow(
        "SELECT count(*) AS found, max(parts) AS parts FROM published_parts"
        " WHERE election_uuid = $1 AND credentials_sha256 = $2",
        election_uuid,
        credentials_sha256,
    )
    return row is not None and row["parts"] is not None and row["found"] == row["parts"]


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


async def find_voter(connection: Connection, election_uuid: str, card: AuthenticatedCard) -> str:
    """The voter reference of the card's owner; ``NotOnRoll`` when the four basic attributes match nobody."""
    attributes = card.attributes
    key = match_key(attributes.name, attributes.address, attributes.birth_date, attributes.sex)
    ref = await connection.fetchval(
        "SELECT voter_ref FROM vault_voters WHERE election_uuid = $1 AND match_key = $2", election_uuid, key
    )
    if ref is None:
        raise NotOnRoll
    return str(ref)


async def bind_card(connection: Connection, election_uuid: str, voter_ref: str, card: AuthenticatedCard) -> None:
    """Tie the two certificates to the voter at first use; ``CardMismatch`` when either is tied otherwise."""
    await connection.execute(
        "INSERT INTO vault_cards VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        election_uuid,
        voter_ref,
        card.user_fingerprint,
        card.signature_fingerprint,
    )
    bound = await connection.fetchval(
        "SELECT true FROM vault_cards WHERE election_uuid = $1 AND voter_ref = $2"
        " AND user_fingerprint = $3 AND signature_fingerprint = $4",
        election_uuid,
        voter_ref,
        card.user_fingerprint,
        card.signature_fingerprint,
    )
    if not bound:
        raise CardMismatch


async def keep_evidence(
    connection: Connection, election_uuid: str, voter_ref: str, evidence_sha256: str, sealed: bytes
) -> None:
    """Store sealed evidence."""
    await connection.execute(
        "INSERT INTO vault_evidence VALUES ($1, $2, $3, $4)", evidence_sha256, election_uuid, voter_ref, sealed
    )


@dataclass(frozen=True)
class EvidencedRelease:
    """A CredentialReleased event and the evidence that it names; None when the vault has no such evidence."""

    partition: int
    offset: int
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


async def evidenced_releases(pool: asyncpg.Pool, election_uuid: str) -> AsyncIterator[EvidencedRelease]:
    """The election's releases in the order of the log, as of one moment."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = connection.cursor(
            "SELECT partition, log_offset, evidence_sha256, sealed FROM releases"
            " LEFT JOIN vault_evidence USING (election_uuid, evidence_sha256)"
            " WHERE election_uuid = $1 ORDER BY partition, log_offset",
            election_uuid,
        )
        async for row in rows:
            yield EvidencedRelease(row["partition"], row["log_offset"], row["evidence_sha256"], row["sealed"])


async def _lock_roll(connection: Connection, election_uuid: str) -> bool:
    """Lock the roll's row for the transaction; whether it is frozen."""
    frozen = await connection.fetchval(
        "SELECT frozen FROM vault_rolls WHERE election_uuid = $1 FOR UPDATE", election_uuid
    )
    return bool(frozen)


async def require_frozen(connection: Connection, election_uuid: str, key_id: str) -> None:
    """Raise ``RollNotFrozen``, or ``MasterKeyChanged`` when this key's credentials are not those on the list."""
    row = await connection.fetchrow("SELECT frozen, key_id FROM vault_rolls WHERE election_uuid = $1", election_uuid)
    if row is None or not row["frozen"]:
        raise RollNotFrozen
    if row["key_id"] != key_id:
        raise MasterKeyChanged
