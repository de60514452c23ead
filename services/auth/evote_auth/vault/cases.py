"""Cases that wait for an officer, and the decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record
from evote_jpki.certificates import BasicAttributes

from ..domain.cards import CardPair
from ..domain.cases import Case, CaseKind, Decision
from ..domain.refusals import UnknownCase
from . import Connection


async def case_of(connection: Connection, election_uuid: str, kind: CaseKind, pair: CardPair) -> Case | None:
    """The case of a card that no binding has used up yet."""
    row = await connection.fetchrow(
        "SELECT * FROM vault_cases WHERE election_uuid = $1 AND kind = $2 AND user_fingerprint IS NOT DISTINCT FROM $3"
        " AND signature_fingerprint = $4 AND applied_at IS NULL",
        election_uuid,
        kind.value,
        pair.user,
        pair.signature,
    )
    return None if row is None else _case(row)


async def open_case(
    connection: Connection,
    election_uuid: str,
    number: str,
    kind: CaseKind,
    pair: CardPair,
    card: BasicAttributes,
    candidates: Sequence[str],
    now: datetime,
) -> bool:
    """Write a new case; False when the card has one already, or the number is taken."""
    status = await connection.execute(
        "INSERT INTO vault_cases VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        election_uuid,
        number,
        kind.value,
        pair.user,
        pair.signature,
        card.name,
        card.address,
        card.birth_date,
        card.sex,
        list(candidates),
        now,
    )
    return str(status) == "INSERT 0 1"


async def pending_cases(connection: Connection, election_uuid: str, limit: int) -> list[Case]:
    """The undecided cases, oldest first, ``limit`` of them at most."""
    rows = await connection.fetch(
        "SELECT * FROM vault_cases WHERE election_uuid = $1 AND decided_at IS NULL"
        " ORDER BY opened_at, case_number LIMIT $2",
        election_uuid,
        limit,
    )
    return [_case(row) for row in rows]


async def count_pending(connection: Connection, election_uuid: str) -> int:
    """How many cases wait."""
    count = await connection.fetchval(
        "SELECT count(*) FROM vault_cases WHERE election_uuid = $1 AND decided_at IS NULL", election_uuid
    )
    return int(count)


async def lock_case(connection: Connection, election_uuid: str, number: str) -> Case:
    """The case, locked for the transaction; ``UnknownCase`` when there is none."""
    row = await connection.fetchrow(
        "SELECT * FROM vault_cases WHERE election_uuid = $1 AND case_number = $2 FOR UPDATE", election_uuid, number
    )
    if row is None:
        raise UnknownCase
    return _case(row)


async def keep_decision(connection: Connection, election_uuid: str, number: str, decision: Decision) -> None:
    """Write the decision of a locked case."""
    await connection.execute(
        "UPDATE vault_cases SET decided_at = $3, decided_voter_ref = $4, officer = $5, reason = $6"
        " WHERE election_uuid = $1 AND case_number = $2",
        election_uuid,
        number,
        decision.decided_at,
        decision.voter_ref,
        decision.officer,
        decision.reason,
    )


async def use_up_case(connection: Connection, election_uuid: str, number: str, now: datetime) -> None:
    """A card was bound on this decision: the next change needs another."""
    await connection.execute(
        "UPDATE vault_cases SET applied_at = $3 WHERE election_uuid = $1 AND case_number = $2",
        election_uuid,
        number,
        now,
    )


def _case(row: Record) -> Case:
    decision = None
    if row["decided_at"] is not None:
        decision = Decision(row["decided_voter_ref"], row["officer"], row["reason"], row["decided_at"])
    return Case(
        number=row["case_number"],
        kind=CaseKind(row["kind"]),
        card=BasicAttributes(row["name"], row["address"], row["birth_date"], row["sex"]),
        candidates=tuple(row["candidates"]),
        opened_at=row["opened_at"],
        decision=decision,
    )
