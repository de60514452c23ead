"""Cards: the pair that is bound to each voter, what took whose place, and the blocks of lost ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record

from ..domain.cards import CardPair, Ended, Registered
from ..domain.evidence import CardChange
from ..domain.refusals import NothingBlocked
from ..domain.release import AuthenticatedCard
from . import Connection


@dataclass(frozen=True)
class BoundCard:
    """A voter's pair with its certificates; unknown for one bound by an earlier version until it comes again."""

    pair: CardPair
    user_der: bytes | None = field(repr=False)
    signature_der: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Block:
    """An officer's block of a lost card."""

    officer: str = field(repr=False)
    reason: str = field(repr=False)
    blocked_at: datetime


async def bound_card(connection: Connection, election_uuid: str, voter_ref: str) -> BoundCard | None:
    """The voter's pair."""
    row = await connection.fetchrow(
        "SELECT * FROM vault_cards WHERE election_uuid = $1 AND voter_ref = $2", election_uuid, voter_ref
    )
    if row is None:
        return None
    pair = CardPair(row["user_fingerprint"], row["signature_fingerprint"])
    return BoundCard(pair, row["user_der"], row["signature_der"])


async def registered(
    connection: Connection, election_uuid: str, voter_ref: str, bound: BoundCard | None, presented: CardPair
) -> Registered:
    """What the vault knows of a voter and a presented pair."""
    prints = list(presented.fingerprints | (bound.pair.fingerprints if bound else frozenset()))
    blocks = await connection.fetch(
        "SELECT voter_ref, user_fingerprint, signature_fingerprint FROM vault_card_blocks"
        " WHERE election_uuid = $1 AND lifted_at IS NULL"
        " AND (voter_ref = $2 OR user_fingerprint = ANY($3) OR signature_fingerprint = ANY($3))",
        election_uuid,
        voter_ref,
        prints,
    )
    taken = await connection.fetch(
        "SELECT unnest(ARRAY[user_fingerprint, signature_fingerprint]) AS print FROM vault_cards"
        " WHERE election_uuid = $1 AND voter_ref <> $2"
        " AND (user_fingerprint = ANY($3) OR signature_fingerprint = ANY($3))"
        " UNION SELECT unnest(ARRAY[user_before, signature_before]) FROM vault_card_changes"
        " WHERE election_uuid = $1 AND voter_ref <> $2 AND (user_before = ANY($3) OR signature_before = ANY($3))",
        election_uuid,
        voter_ref,
        prints,
    )
    blocked = {block[column] for block in blocks for column in ("user_fingerprint", "signature_fingerprint")}
    return Registered(
        bound=bound.pair if bound else None,
        blocked=frozenset(blocked & set(prints)),
        taken=frozenset({row["print"] for row in taken} & set(prints)),
        lost_before_use=any(
            block["signature_fingerprint"] is None for block in blocks if block["voter_ref"] == voter_ref
        ),
    )


async def bind_pair(connection: Connection, election_uuid: str, voter_ref: str, card: AuthenticatedCard) -> None:
    """Make a card the voter's. ``asyncpg.UniqueViolationError``: another voter was bound to it at the same moment."""
    await connection.execute(
        "INSERT INTO vault_cards VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (election_uuid, voter_ref) DO UPDATE SET"
        " user_fingerprint = $3, signature_fingerprint = $4, user_der = $5, signature_der = $6",
        election_uuid,
        voter_ref,
        card.pair.user,
        card.pair.signature,
        None if card.user is None else card.user.der,
        card.signature.der,
    )


async def keep_change(connection: Connection, election_uuid: str, voter_ref: str, change: CardChange) -> None:
    """Write that a pair took another's place; the voter is locked."""
    await connection.execute(
        "INSERT INTO vault_card_changes SELECT $1, $2, count(*) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11"
        " FROM vault_card_changes WHERE election_uuid = $1 AND voter_ref = $2",
        election_uuid,
        voter_ref,
        change.before and change.before.user,
        change.before and change.before.signature,
        change.after.user,
        change.after.signature,
        json.dumps({fingerprint: ended.value for fingerprint, ended in change.why.items()}),
        change.changed_at,
        change.case_number,
        change.officer,
        change.reason,
    )


async def card_changes(connection: Connection, election_uuid: str, voter_ref: str) -> list[CardChange]:
    """All of a voter's, in their order."""
    rows = await connection.fetch(
        "SELECT * FROM vault_card_changes WHERE election_uuid = $1 AND voter_ref = $2 ORDER BY change_number",
        election_uuid,
        voter_ref,
    )
    return [_change(row) for row in rows]


async def block_card(
    connection: Connection, election_uuid: str, voter_ref: str, pair: CardPair | None, block: Block
) -> Block:
    """Block the voter's pair, or the card that nobody here has seen; returns the block that stands: the first one."""
    user, signature = (pair.user, pair.signature) if pair else (None, None)
    row = await connection.fetchrow(
        "SELECT officer, reason, blocked_at FROM vault_card_blocks WHERE election_uuid = $1 AND voter_ref = $2"
        " AND lifted_at IS NULL AND (user_fingerprint, signature_fingerprint) IS NOT DISTINCT FROM ($3, $4)",
        election_uuid,
        voter_ref,
        user,
        signature,
    )
    if row is not None:
        return Block(row["officer"], row["reason"], row["blocked_at"])
    await connection.execute(
        "INSERT INTO vault_card_blocks"
        " (election_uuid, voter_ref, user_fingerprint, signature_fingerprint, officer, reason, blocked_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        election_uuid,
        voter_ref,
        user,
        signature,
        block.officer,
        block.reason,
        block.blocked_at,
    )
    return block


async def block_of(connection: Connection, election_uuid: str, pair: CardPair) -> Block | None:
    """The block that stands on a pair."""
    row = await connection.fetchrow(
        "SELECT officer, reason, blocked_at FROM vault_card_blocks WHERE election_uuid = $1"
        " AND user_fingerprint IS NOT DISTINCT FROM $2 AND signature_fingerprint = $3 AND lifted_at IS NULL",
        election_uuid,
        pair.user,
        pair.signature,
    )
    return None if row is None else Block(row["officer"], row["reason"], row["blocked_at"])


async def lift_blocks(connection: Connection, election_uuid: str, voter_ref: str, lift: Block) -> None:
    """End all blocks of a voter's cards; ``NothingBlocked`` when there is none."""
    status = await connection.execute(
        "UPDATE vault_card_blocks SET lifted_at = $3, lifted_by = $4, lift_reason = $5"
        " WHERE election_uuid = $1 AND voter_ref = $2 AND lifted_at IS NULL",
        election_uuid,
        voter_ref,
        lift.blocked_at,
        lift.officer,
        lift.reason,
    )
    if status == "UPDATE 0":
        raise NothingBlocked


def _change(row: Record) -> CardChange:
    before = None
    if row["signature_before"] is not None:
        before = CardPair(row["user_before"], row["signature_before"])
    return CardChange(
        before=before,
        after=CardPair(row["user_after"], row["signature_after"]),
        why={fingerprint: Ended(ended) for fingerprint, ended in json.loads(row["why"]).items()},
        changed_at=row["changed_at"],
        case_number=row["case_number"],
        officer=row["officer"],
        reason=row["reason"],
    )
